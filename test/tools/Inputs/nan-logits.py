"""nan-logits.py SCRATCH MODEL: rows of the head that hold NaN or infinity end run and logits with status 1."""

import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys

from weight_files import Weights

scratch, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
VOCAB = json.loads((model / "config.json").read_text())["vocab_size"]


folder, plan = scratch / "model", scratch / "model.qplan"
folder.mkdir()
for file in ("config.json", "model.safetensors"):
    shutil.copy(model / file, folder / file)
    (folder / file).chmod(0o644)
weights = Weights(folder / "model.safetensors")
subprocess.run(["quipu", "compile", str(folder), "-o", str(plan)], check=True)
status, content = weights.path.stat(), weights.path.read_bytes()


def spoil(values):
    """Puts these values into the first element of rows of the head, behind the plan's back."""
    weights.path.write_bytes(content)
    begin, end = weights.range("lm_head.weight")
    for row, value in values.items():
        weights.write(begin + row * (end - begin) // VOCAB, struct.pack("<f", value))
    os.utime(weights.path, ns=(status.st_atime_ns, status.st_mtime_ns))


def refused(words, *arguments):
    run = subprocess.run(["quipu", *arguments[:1], str(plan), *arguments[1:]], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    message = run.stderr.strip()
    if run.returncode != 1 or any(word not in message for word in words):
        sys.exit(f"{' '.join(arguments)}: status {run.returncode}, expected 1 and {words} in\n{message}")


PROMPT = ["--prompt-tokens", "1,5,9"]
for name, values, words in (
        ("one-nan", {7: math.nan}, [f"1 of {VOCAB} is NaN (the first is of token 7)"]),
        ("infinity", {9: math.inf}, [f"1 of {VOCAB} is infinite (the first is of token 9)"]),
        ("minus", {9: -math.inf, 11: math.inf}, [f"2 of {VOCAB} are infinite (the first is of token 9)"]),
        ("many", {3: math.nan, 4: -math.inf, 8: math.nan}, [f"2 of {VOCAB} are NaN and 1 infinite", "token 3"]),
        ("all", {row: math.nan for row in range(VOCAB)}, [f"{VOCAB} of {VOCAB} are NaN", "--dtype f32"])):
    spoil(values)
    for sampling in (["--temperature", "0"], ["--temperature", "0.8"], ["--temperature", "1", "--repeat-penalty", "1.2"],
                     ["--top-k", "1"]):
        refused(["the logits at position 2 are no numbers", *words], "run", *PROMPT, "-n", "4", *sampling)
    output = scratch / f"{name}.npy"
    refused(["position 2 are", *words], "logits", *PROMPT, "-o", str(output))
    # The file is there to look into.
    if output.stat().st_size < 4 * VOCAB:
        sys.exit(f"{output} does not hold the logits")
    refused(["position 0 are", "and 2 more positions have such", *words], "logits", *PROMPT, "--all", "-o",
            str(output))
    refused(["position 2 of sequence 0", "and 1 more position has such"], "logits", *PROMPT, *PROMPT,
            "--lockstep", "-o", str(output))

# What is as it should be stays without a word.
spoil({})
run = subprocess.run(["quipu", "logits", str(plan), *PROMPT, "-o", str(scratch / "good.npy")], stderr=subprocess.PIPE,
                     text=True)
if run.returncode or run.stderr:
    sys.exit(f"status {run.returncode}: {run.stderr}")
