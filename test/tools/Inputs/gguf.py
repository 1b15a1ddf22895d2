"""gguf.py SCRATCH GOLDENS: what commands do with a GGUF file as a model."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "e2e" / "Inputs"))
from check_block_types import write_model as write_blocks  # noqa: E402
from check_quantized import read_tensors  # noqa: E402
from gguf_file import keys_of, tensors_of, write  # noqa: E402

scratch, goldens = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
environment = os.environ | {"QUIPU_CACHE": str(scratch / "cache")}
config = json.loads((goldens / "tied" / "config.json").read_text())
keys = keys_of(config)
tensors = tensors_of(config, read_tensors(goldens / "tied" / "model.safetensors"), "f32")
model = scratch / "model.gguf"


def quipu(*arguments, status=0):
    run = subprocess.run(["quipu", *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    assert run.returncode == status, (arguments, run.returncode, run.stderr)
    return run


def generate(path, *flags):
    return quipu("run", path, "--prompt-tokens", "5,6,7", "-n", 8, "--temperature", 0, "--print-tokens", "--ignore-eos",
                 "--verbose", *flags)


# A tokenizer of as many pieces as the model has ids, less one: the 256 bytes do not fit, so letters and a merge.
pieces = ["<unk>", "<s>", "</s>", *"▁abcde", "▁a", "ab", "▁ab"]
pieces += [f"<{number}>" for number in range(len(pieces), 255)]
keys |= {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": pieces,
         "tokenizer.ggml.scores": [-float(number) for number in range(255)],
         "tokenizer.ggml.token_type": [2, 3, 3] + [1] * 252}
write(model, keys, tensors)

# A model wherever a plan is taken; compiled once, as long as the header is the same.
first = generate(model)
assert "quipu: compiling" in first.stderr and "expanded" not in first.stderr, first.stderr
second = generate(model)
assert "compiled before" in second.stderr and second.stdout == first.stdout, second.stderr
times = model.stat().st_mtime_ns
write(model, keys | {"llama.rope.freq_base": 20000.0}, tensors)
os.utime(model, ns=(times, times))
changed = generate(model)
assert "quipu: compiling" in changed.stderr, changed.stderr

# Its own tokenizer makes ids of a text, and text of ids.
assert quipu("tokenize", model, "ab ab").stdout == "1,11,11\n"
assert quipu("tokenize", model, "--decode", "11,9").stdout.strip() == "ab a"

# A plan refuses the file when its header has changed, and takes it from beside the plan.
plan = scratch / "model.qplan"
quipu("compile", model, "-o", plan)
expected = generate(plan).stdout
write(model, keys | {"general.name": "another"}, tensors)
refused = quipu("run", plan, "--prompt-tokens", "1", "-n", 1, "--temperature", 0, "--print-tokens", status=1)
assert "model.gguf: the weights changed since" in refused.stderr, refused.stderr
write(model, keys | {"llama.rope.freq_base": 20000.0}, tensors)
quipu("compile", model, "-o", plan, "--bundle")
model.rename(scratch / "moved.gguf")
assert generate(plan).stdout == expected

# No command writes over a file that it reads.
shutil.copy(scratch / "moved.gguf", model)
refused = quipu("compile", model, "-o", model, status=1)
assert "model.gguf" in refused.stderr and model.read_bytes() == (scratch / "moved.gguf").read_bytes(), refused.stderr

# What a conversion costs, the compiler and each run say.
blocks = scratch / "blocks.gguf"
write_blocks(blocks, ["iq4_nl", "q4_k"], True)
compiled = quipu("compile", blocks, "-o", plan)
assert "8 of 15 matrices are stored in blocks (iq4_nl) that the kernels for this target do not read; they are expanded to f32" in compiled.stderr, compiled.stderr
summary = generate(plan).stderr.splitlines()[-1]
assert "weights of iq4_nl (" in summary and ") expanded to f32 (" in summary, summary
cuda = quipu("compile", blocks, "-o", plan, "--target", "cuda:sm_90a")
assert "15 of 15 matrices are stored in blocks (iq4_nl, q4_k)" in cuda.stderr and "expanded to bf16" in cuda.stderr, cuda.stderr
weights = json.loads(quipu("inspect", plan, "--json").stdout)["weights"]
assert {weight["dtype"] for weight in weights} == {"bf16", "f32"}, weights

# A kind that is not supported, by name.
write(model, keys | {"general.architecture": "gemma3"}, tensors)
refused = quipu("compile", model, "-o", plan, status=1)
assert 'key "general.architecture" is "gemma3"' in refused.stderr, refused.stderr
refused = quipu("run", model, "hello", status=1)
assert '"gemma3"' in refused.stderr, refused.stderr
print("all as expected")
