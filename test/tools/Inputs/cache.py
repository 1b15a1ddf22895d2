"""cache.py SCRATCH MODEL: runs a model from several caches and looks at what lies in them."""

import os
import pathlib
import shutil
import subprocess
import sys

scratch, original = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
model = scratch / "model"
shutil.copytree(original, model)
cache = scratch / "cache"


def run(*flags, environment=None, status=0):
    env = {name: value for name, value in os.environ.items() if name not in ("QUIPU_CACHE", "XDG_CACHE_HOME", "HOME")}
    env.update({"QUIPU_CACHE": str(cache)} if environment is None else environment)
    result = subprocess.run(["quipu", "run", str(model), "--prompt-tokens", "1,2", "-n", "3", "--temperature", "0",
                             "--print-tokens", "--verbose", *flags], env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    assert result.returncode == status, (result.returncode, result.stderr)
    return result


def plans():
    return sorted((cache / "plans").iterdir())


first = run()
assert "quipu: compiling" in first.stderr, first.stderr
assert len(plans()) == 1
second = run()
assert "compiled before" in second.stderr and second.stdout == first.stdout
assert len(plans()) == 1

# Flags are part of the key.
run("--max-seq", "100")
assert len(plans()) == 2
assert "compiled before" in run("--max-seq", "100").stderr

# A damaged entry is replaced.
for plan in plans():
    plan.write_bytes(plan.read_bytes()[:-10])
again = run()
assert "quipu: compiling" in again.stderr and again.stdout == first.stdout, again.stderr
assert "compiled before" in run().stderr

# So is the model: a changed config, changed weights.
config = model / "config.json"
config.write_text(config.read_text().replace('"rope_theta": 10000.0', '"rope_theta": 20000.0'))
changed = run()
assert "quipu: compiling" in changed.stderr and len(plans()) == 3, changed.stderr
weights = next(model.glob("*.safetensors"))
os.utime(weights, ns=(1, 1))
assert "quipu: compiling" in run().stderr
assert all(path.suffix == ".qplan" for path in plans()), plans()

# A CUDA plan made without an assembler is not the one made with it; --device says what to compile for.
plain = {"QUIPU_CACHE": str(scratch / "cuda"), "QUIPU_PTXAS": "none", "QUIPU_CUDA_DRIVER": "/no/driver"}
ptxas = scratch / "ptxas"
ptxas.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho cubin > "$2"\n')
ptxas.chmod(0o755)
assembled = {**plain, "QUIPU_PTXAS": str(ptxas)}
for environment in (plain, assembled):
    for compiles in (True, False):
        said = run("--device", "cuda", environment=environment, status=1).stderr
        assert ("compiled before" in said) != compiles and "no CUDA driver" in said, said
assert len(list((scratch / "cuda" / "plans").iterdir())) == 2

# Where it lies.
xdg, home = scratch / "xdg", scratch / "home"
run(environment={"XDG_CACHE_HOME": str(xdg), "HOME": str(home)})
assert list((xdg / "quipu" / "plans").iterdir()) and not home.exists()
run(environment={"HOME": str(home)})
assert list((home / ".cache" / "quipu" / "plans").iterdir())
assert "QUIPU_CACHE" in run(environment={}, status=1).stderr
file = scratch / "file"
file.write_text("")
assert "QUIPU_CACHE" in run(environment={"QUIPU_CACHE": str(file)}, status=1).stderr

# Compile flags make no sense with a plan.
plan = next((home / ".cache" / "quipu" / "plans").iterdir())
result = subprocess.run(["quipu", "run", str(plan), "--prompt-tokens", "1", "--dtype", "f32"], stderr=subprocess.PIPE,
                        text=True)
assert result.returncode == 2 and "is a plan already" in result.stderr, result.stderr
