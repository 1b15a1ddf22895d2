"""weight-identity.py SCRATCH: what a plan remembers of big weights, and what it takes to compile with them."""

import json
import os
import pathlib
import subprocess
import sys
import time

from weight_files import Weights, llama_tensors, write_sparse

scratch = pathlib.Path(sys.argv[1])


def make_model(name, **values):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
              "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "bos_token_id": 1,
              "eos_token_id": 2, "torch_dtype": "bfloat16", **values}
    folder = scratch / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    write_sparse(folder / "model.safetensors", llama_tensors(config))
    return folder


def compile_model(model, plan, *flags):
    start = time.monotonic()
    run = subprocess.run(["quipu", "compile", str(model), "-o", str(plan), *flags], stderr=subprocess.PIPE, text=True,
                         check=True)
    return time.monotonic() - start, run.stderr


def file_of(plan):
    text = subprocess.run(["quipu", "inspect", str(plan), "--json"], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(text)["files"][0]


def run(plan, *flags):
    done = subprocess.run(["quipu", "run", str(plan), "--prompt-tokens", "1", "-n", "1", "--temperature", "0", *flags],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


def expect(condition, what):
    if not condition:
        sys.exit(what)


# 16 GB: what is read does not grow with the weights. (Hashing so much takes some seconds even where nothing lies on the
# disk, and longer than all the rest.)
big = make_model("8b", hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
                 num_key_value_heads=8, vocab_size=128256)
expect((big / "model.safetensors").stat().st_size > 16_000_000_000, "the model is not as big as it should be")
plan = scratch / "8b.qplan"
_, timing = compile_model(big, plan, "--timing")
expect("hash the weights" not in timing, f"all weights were hashed:\n{timing}")
writing = next(line for line in timing.splitlines() if line.startswith("write the plan"))
expect(float(writing.split()[3]) < 1.5, f"samples take too long: {writing}")
described = file_of(plan)
expect(described["content_hash"] == "" and len(described["sample_hash"]) == 32, f"hashes: {described}")

# 110 MB, more than is hashed in passing.
model = make_model("small", hidden_size=512, intermediate_size=512, num_hidden_layers=1, num_attention_heads=8,
                   num_key_value_heads=8, vocab_size=50000)
weights = Weights(model / "model.safetensors")
sampled, hashed = scratch / "sampled.qplan", scratch / "hashed.qplan"
compile_model(model, sampled)
_, timing = compile_model(model, hashed, "--hash-weights", "--timing")
expect("hash the weights" in timing, timing)
expect(len(file_of(hashed)["content_hash"]) == 32, "--hash-weights leaves the hash out")
status, message = run(sampled)
expect(status == 0 and "another time" not in message, message)

# A copy: another time.
os.utime(weights.path, ns=(1, 1))
status, message = run(sampled)
expect(status == 0 and "has another time" in message and "samples of all tensors agree" in message, message)
status, message = run(hashed)
expect(status == 0 and "another time" not in message, message)
status, message = run(sampled, "--verify")
expect(status == 1 and "cannot be verified" in message and "--hash-weights" in message, message)
status, message = run(hashed, "--verify")
expect(status == 0, message)

# Other values at the end of a tensor, and between the samples of the embedding.
begin, end = weights.range("model.layers.0.mlp.up_proj.weight")
weights.write(end - 1, b"\1")
for plan in (sampled, hashed):
    status, message = run(plan)
    expect(status == 1 and "values of its tensors differ" in message, message)
weights.write(end - 1, b"\0")
begin, end = weights.range("model.embed_tokens.weight")
weights.write((begin + end) // 2, b"\1")
status, message = run(hashed)
expect(status == 1 and "hash of the content differs" in message, message)
# A plan with all bytes, and the same model given instead of a plan.
status, message = run(model, "--verify")
expect(status == 0, message)
