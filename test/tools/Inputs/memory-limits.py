"""memory-limits.py SCRATCH: what does not fit is refused with what would fit."""

import json
import pathlib
import re
import resource
import subprocess
import sys

scratch = pathlib.Path(sys.argv[1])
MIB = 1 << 20


def make_config(name, **values):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 64,
              "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
              "vocab_size": 64, "max_position_embeddings": 1 << 20, "rms_norm_eps": 1e-5,
              "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32", **values}
    path = scratch / f"{name}.json"
    path.write_text(json.dumps(config))
    return path


def compile_model(config, *flags):
    plan = scratch / "plan.qplan"
    subprocess.run(["quipu", "compile", str(config), "-o", str(plan), *flags], check=True)
    return plan


def run(plan, limit=None, tokens="1,2,3", new="2"):
    def bound():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(["quipu", "run", str(plan), "--weights", "random:1", "--prompt-tokens", tokens, "-n", new,
                           "--threads", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=bound)
    return done.returncode, done.stderr


def expect(condition, what):
    if not condition:
        sys.exit(what)


# 2 layers x 2 heads x 32 x 4 bytes, keys and values: 1 KiB a position. A million positions of 8 sequences: 8 GiB, which
# nobody has to have as long as they are not used, unless addresses are limited.
config = make_config("long")
plan = compile_model(config, "--max-seq", str(1 << 20))
status, message = run(plan)
expect(status == 0, message)
limit = 3000 * MIB
status, message = run(plan, limit)
expect(status == 1 and "does not fit into the free memory of this process (ulimit -v)" in message, message)
expect(re.search(r"\n  key/value cache +8.00 GiB  --max-seq 1048576 x 8 sequences\n  arena .*\n(.*\n)?  needed .*\n  free ",
                 message), message)
fits = re.search(r"compile with --max-seq (\d+) or less, or with --max-batch (\d+) or less", message)
expect(fits, message)
for flags in (["--max-seq", fits[1]], ["--max-seq", str(1 << 20), "--max-batch", fits[2]]):
    status, message = run(compile_model(config, *flags), limit)
    expect(status == 0, f"{flags}: {message}")
status, message = run(compile_model(config, "--max-seq", str(int(fits[1]) + 40000)), limit)
expect(status == 1, "more would have fitted")

# Advice on --max-seq goes as far as the model and no further.
config = make_config("short", max_position_embeddings=40)
plan = compile_model(config, "--max-seq", "20")
status, message = run(plan, tokens=",".join(["1"] * 30))
expect(status == 1 and "compile with --max-seq 30 or more" in message, message)
status, message = run(plan, tokens=",".join(["1"] * 50))
expect(status == 1 and "compile with --max-seq up to 40, which is as far as the model goes" in message, message)
status, message = run(compile_model(config), tokens=",".join(["1"] * 50))
expect(status == 1 and "the model itself was made for no more than 40" in message, message)

# Random weights that no memory holds, before the first of them is made.
config = make_config("huge", hidden_size=16384, intermediate_size=65536, num_hidden_layers=60, num_attention_heads=128,
                     vocab_size=512, max_position_embeddings=128)
status, message = run(compile_model(config))
expect(status == 1 and "the weights alone do not fit; random weights are all made in memory" in message, message)
