"""compiler-signals.py SCRATCH MODEL: ends quipu-compile with signals, and reads what quipu says."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

scratch, model = pathlib.Path(sys.argv[1]), sys.argv[2]
temporary = scratch / "tmp"
temporary.mkdir()
environment = {**os.environ, "TMPDIR": str(temporary), "QUIPU_CACHE": str(scratch / "cache")}

# A compiler that ends itself, beside a copy of quipu; asked for a reproducer it says so and does the same again.
tools = scratch / "tools"
tools.mkdir()
shutil.copy(shutil.which("quipu"), tools / "quipu")
compiler = tools / "quipu-compile"


def run(end, *command):
    compiler.write_text(f"#!/bin/sh\necho \"arguments: $*\"\n{end}\n")
    compiler.chmod(0o755)
    ended = subprocess.run([tools / "quipu", *command], env=environment, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    folders = list(temporary.iterdir())
    for folder in folders:
        shutil.rmtree(folder)
    return ended, folders


for number, name, cause in [(signal.SIGKILL, "SIGKILL", "memory had run out"), (signal.SIGTERM, "SIGTERM", "asked it to end"),
                            (signal.SIGXCPU, "SIGXCPU", "processor time")]:
    ended, folders = run(f"kill -{number.value} $$", "compile", model, "-o", scratch / "out")
    assert ended.returncode == 1, ended
    assert f"quipu: error: the compiler was ended by signal {number.value} ({name}, " in ended.stderr, ended
    assert cause in ended.stderr and "reproducer" not in ended.stderr and not folders, ended

for number, name in [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT"), (signal.SIGILL, "SIGILL")]:
    # Compiled on the fly and inspected it is the same compiler.
    for command in (["compile", model, "-o", scratch / "out"], ["run", model, "--prompt-tokens", "1"],
                    ["inspect", model, "--phase", "import"]):
        compiler.unlink(missing_ok=True)
        ended, folders = run(f"kill -{number.value} $$", *command)
        assert ended.returncode == 1 and len(folders) == 1, (ended, folders)
        assert f"ended by signal {number.value} ({name}, " in ended.stderr, ended
        assert f"the reproducer lies in {folders[0]} " in ended.stderr and "please report it" in ended.stderr, ended
ended, folders = run('case "$*" in *--reproduce*) exit 0;; esac; kill -SEGV $$', "compile", model, "-o", scratch / "out")
assert ended.returncode == 1 and "a second run did not crash" in ended.stderr, ended

# The real compiler, ended while an assembler works for it. What it left shows how far it came.
ptxas = scratch / "ptxas"
ptxas.write_text("#!/bin/sh\nkill -SEGV $PPID\nsleep 1\n")
ptxas.chmod(0o755)
output = scratch / "out"
output.write_text("old")
ended = subprocess.run(["quipu", "compile", model, "--target", "cuda", "-o", output], stderr=subprocess.PIPE, text=True,
                       env={**environment, "QUIPU_PTXAS": str(ptxas)})
assert ended.returncode == 1 and "signal 11 (SIGSEGV, " in ended.stderr, ended
assert output.read_text() == "old"
[folder] = temporary.iterdir()
names = sorted(path.name for path in folder.iterdir())
assert names[0] == "00-import.mlir" and names[-3].endswith("-codegen.mlir"), names
assert names[-2:] == ["command", "messages"], names
assert f"quipu compile {model} --target cuda -o {output}" in (folder / "command").read_text()
assert "Stack dump" in (folder / "messages").read_text() or "#0" in (folder / "messages").read_text()
subprocess.run(["quipu-opt", folder / names[0], "-o", "/dev/null"], check=True)
