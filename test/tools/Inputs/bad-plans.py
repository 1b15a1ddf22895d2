"""bad-plans.py SCRATCH MODEL: damages a plan and its weights in many ways; `quipu run` must refuse each with status 1."""

import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys

scratch, original = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
model = scratch / "model"
shutil.copytree(original, model)
plan = scratch / "plan.qplan"
subprocess.run(["quipu", "compile", str(model), "-o", str(plan)], check=True)
good = plan.read_bytes()
damaged = scratch / "damaged.qplan"


def run(path, *flags):
    return subprocess.run(["quipu", "run", str(path), "--prompt-tokens", "1,2", "-n", "2", "--print-tokens", *flags],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(what, *needles, path=damaged, flags=()):
    result = run(path, *flags)
    assert result.returncode == 1, (what, result.returncode, result.stderr)
    assert result.stdout == "", (what, result.stdout)
    assert result.stderr.startswith("quipu: error: ") and result.stderr.count("\n") == 1, (what, result.stderr)
    for needle in needles:
        assert needle in result.stderr, (what, needle, result.stderr)


def accepted(what, path=plan, flags=()):
    result = run(path, *flags)
    assert result.returncode == 0, (what, result.stderr)


accepted("the plan as it is")

# Truncations and altered bits, at the edges of every part and at random.
random.seed(1)
for size in [0, 1, 7, 8, 63, 64, 65, len(good) // 2, len(good) - 1]:
    damaged.write_bytes(good[:size])
    refused(f"cut to {size} bytes")
for offset in [0, 7, 16, 24, 39, 40, 63, 64, 65, len(good) - 1] + [random.randrange(len(good)) for _ in range(40)]:
    data = bytearray(good)
    data[offset] ^= 1 << random.randrange(8)
    damaged.write_bytes(data)
    refused(f"bit of byte {offset}")
damaged.write_bytes(good + b"x")
refused("a byte more")
for offset, name in [(8, "container"), (12, "schema")]:
    data = bytearray(good)
    data[offset:offset + 4] = struct.pack("<I", 99)
    damaged.write_bytes(data)
    refused("another version", name, "99", "compile the model again")

# A feature that this machine lacks; one that has every feature which a plan can ask for skips this (the runtime's own
# tests cover it with features that do not exist).
for feature in ["avx512fp16", "avx512bf16"]:
    foreign = scratch / "foreign.qplan"
    subprocess.run(["quipu", "compile", str(model), "--target", f"cpu:x86-64-v4,+{feature}", "-o", str(foreign)],
                   check=True)
    if run(foreign).returncode != 0:
        refused("missing feature", feature, "lacks", path=foreign)
        break
else:
    print("skipped: this machine has every feature that a plan can ask for")

# Weights: another time with the same content is fine, --verify and other content are not.
weights = next(model.glob("*.safetensors"))
content = weights.read_bytes()
os.utime(weights, ns=(1, 1))
accepted("another time, the same content")
moved = scratch / "moved"
moved.mkdir()
shutil.copy(plan, moved / "plan.qplan")
accepted("the plan moved alone", path=moved / "plan.qplan")
status = weights.stat()
changed = bytearray(content)
changed[-1] ^= 1
weights.write_bytes(changed)
refused("changed weights", weights.name, path=plan)
os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
weights.write_bytes(content[:-4])
refused("truncated weights", weights.name, path=plan)
weights.unlink()
refused("missing weights", weights.name, path=plan)
weights.write_bytes(content)
accepted("restored weights", flags=["--verify"])

# A bundle holds the weights itself.
bundle = scratch / "bundle.qplan"
subprocess.run(["quipu", "compile", str(model), "--bundle", "-o", str(bundle)], check=True)
shutil.rmtree(model)
accepted("a bundle without the model", path=bundle)
data = bundle.read_bytes()
damaged.write_bytes(data[:-1])
refused("a bundle cut")
