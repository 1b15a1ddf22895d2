"""kernel-cache.py SCRATCH MODEL: compiles with a folder of compiled kernels and without one."""

import os
import pathlib
import shutil
import subprocess
import sys

scratch, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder = scratch / "kernels"
WITHOUT = {name: value for name, value in os.environ.items() if name != "QUIPU_KERNEL_CACHE"}
WITH = {**WITHOUT, "QUIPU_KERNEL_CACHE": str(folder)}


def compiled(environment, *options, source=model, command="quipu"):
    plan = scratch / "plan"
    run = subprocess.run([command, *(["compile"] if command == "quipu" else []), source, *options, "-o", plan],
                         env=environment, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 0, run.stderr
    return plan.read_bytes(), run.stderr


def entries():
    """What is kept: name and time of each file."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} if folder.exists() else {}


# Numbers of entries that each compilation adds: a GPU's plan has code for two GPUs.
plans = {}
for options, more in ((), 1), (("--dtype", "bf16"), 1), (("--target", "cuda:sm_90a"), 2):
    plans[options] = compiled(WITHOUT, *options)[0]
    before = len(entries())
    assert compiled(WITH, *options)[0] == plans[options], options
    kept = entries()
    assert len(kept) == before + more, (options, before, kept)
    assert compiled(WITH, *options)[0] == plans[options], options
    assert entries() == kept, options

# That code is taken shows where it is another one: each of two entries has the code of the other.
plain, bf16 = plans[()], plans["--dtype", "bf16"]
first, second = (path for path in folder.iterdir() if b"\x7fELF" in path.read_bytes())
first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
first.write_bytes(second_bytes)
second.write_bytes(first_bytes)
assert compiled(WITH)[0] != plain and compiled(WITH, "--dtype", "bf16")[0] != bf16

# A damaged entry is made anew: empty, cut in the hash or at the end, with one bit changed.
first.write_bytes(first_bytes)
second.write_bytes(second_bytes)
for damage in (lambda data: b"", lambda data: data[:7], lambda data: data[:-1],
               lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]):
    for path, data in ((first, first_bytes), (second, second_bytes)):
        path.write_bytes(damage(data))
    assert compiled(WITH)[0] == plain
    assert (first.read_bytes() == first_bytes) != (second.read_bytes() == second_bytes)

# Another checkpoint of the same sizes has the same kernels. Lines of debug information are another matter.
copy = scratch / "copy"
shutil.copytree(model, copy)
kept = entries()
compiled(WITH, source=copy)
assert entries() == kept
compiled(WITH, "--keep-ir")
assert len(entries()) == len(kept) + 1
kept = entries()
compiled(WITH, "--keep-ir", source=copy)
assert entries() == kept

# Another compiler has other entries.
tools = scratch / "tools"
tools.mkdir()
other = tools / "quipu-compile"
shutil.copy(shutil.which("quipu-compile"), other)
os.utime(other, ns=(1, 1))
assert compiled(WITH, command=str(other))[0] == plain
assert len(entries()) == len(kept) + 1

# What says how kernels are compiled compiles them.
assert "optimise LLVM IR" in compiled(WITH, "--timing")[1]

# A folder that cannot be is an error; one that cannot be written to costs what it would save.
(scratch / "file").write_text("")
bad = {**WITHOUT, "QUIPU_KERNEL_CACHE": str(scratch / "file" / "kernels")}
run = subprocess.run(["quipu", "compile", model, "-o", scratch / "none"], env=bad, stderr=subprocess.PIPE, text=True)
assert run.returncode == 1 and not (scratch / "none").exists(), run
assert "QUIPU_KERNEL_CACHE=" in run.stderr and "cannot create the folder for compiled kernels: Not a directory" in run.stderr, run
plan, said = compiled({**WITHOUT, "QUIPU_KERNEL_CACHE": "/proc/self"})
assert plan == plain and "warning: the compiled kernels are not kept: /proc/self/" in said, said
