"""compiler-signals.py SCRATCH MODEL LIBRARY: ends quipu-compile with signals, and reads what quipu says.

With LIBRARY a compiler crashes inside of its allocator.
"""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

scratch, model, library = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
assert os.path.exists(library), library
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

# In a folder that was deleted there is nothing to go to; where no file can be written, nothing is left.
gone = scratch / "gone"
gone.mkdir()
compiler.write_text("#!/bin/sh\nkill -SEGV $$\n")
ended = subprocess.run([tools / "quipu", "compile", os.path.abspath(model), "-o", "-"], env=environment, cwd=gone,
                       stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.rmdir(gone))
[folder] = temporary.iterdir()
assert ended.returncode == 1 and f"the reproducer lies in {folder} " in ended.stderr, ended
assert (folder / "command").read_text() == f"quipu compile {os.path.abspath(model)} -o -\n"
shutil.rmtree(folder)
ended = subprocess.run([tools / "quipu", "compile", model, "-o", "-"], env=environment, stderr=subprocess.PIPE, text=True,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
assert ended.returncode == 1 and "signal 11 (SIGSEGV, " in ended.stderr, ended
assert "no reproducer could be written: " in ended.stderr and not list(temporary.iterdir()), ended

# Who reads the output stops: the end of a pipeline, not a fault of the compiler.
for command in (["compile", model, "--emit", "asm", "-o", "-"], ["inspect", model, "--phase", "codegen"]):
    end, output = os.pipe()
    os.close(end)
    ended = subprocess.run(["quipu", *command], env=environment, stdout=output, stderr=subprocess.PIPE, text=True)
    os.close(output)
    assert ended.returncode == -signal.SIGPIPE and ended.stderr == "" and not list(temporary.iterdir()), ended

# The real compiler, ended while an assembler works for it. What it left shows how far it came.
ptxas = scratch / "ptxas"
# Several assemblers run at once. A second signal would end a compiler before it has said what the first one met.
ptxas.write_text('#!/bin/sh\nmkdir "$0.$PPID" 2>/dev/null && kill -SEGV $PPID\nsleep 1\n')
ptxas.chmod(0o755)
output = scratch / "out"
output.write_text("old")
ended = subprocess.run(["quipu", "compile", model, "--target", "cuda", "-o", output], stderr=subprocess.PIPE, text=True,
                       env={**environment, "QUIPU_PTXAS": str(ptxas)})
assert ended.returncode == 1 and "signal 11 (SIGSEGV, " in ended.stderr, ended
assert output.read_text() == "old"
[folder] = temporary.iterdir()
names = sorted(path.name for path in folder.iterdir())
assert names[0] == "00-import.mlir" and names[-4].endswith("-codegen.mlir"), names
assert names[-3:] == ["command", "messages", "passes.mlir"], names
assert f"quipu compile {model} --target cuda -o {output}" in (folder / "command").read_text()
assert "Stack dump" in (folder / "messages").read_text() or "#0" in (folder / "messages").read_text()
subprocess.run(["quipu-opt", folder / names[0], "-o", "/dev/null"], check=True)
subprocess.run(["quipu-opt", "--run-reproducer", folder / "passes.mlir", "-o", "/dev/null"], check=True)

# A crash inside of the allocator, which holds its lock: the trace wants memory and waits, and the alarm ends that. A
# sanitizer has an allocator of its own, which the library cannot stand before.
compiler = pathlib.Path(shutil.which("quipu-compile"))
if b"__asan_init" not in compiler.read_bytes():
    reproducer = scratch / "reproducer"
    ended = subprocess.run([compiler, "--reproduce", reproducer, model, "-o", output], timeout=100, stderr=subprocess.DEVNULL,
                           env={**environment, "LD_PRELOAD": library,
                                "QUIPU_TEST_CRASH_WHEN": str(reproducer / "00-import.mlir")})
    assert ended.returncode == -signal.SIGALRM, ended

    # A crash beside a pass, for which a file was asked: it is written once, and quipu-opt runs the passes that it holds.
    passes = scratch / "passes.mlir"
    ended = subprocess.run([compiler, "--dump-phases", scratch / "phases", "--mlir-pass-pipeline-crash-reproducer", passes, model,
                            "-o", output], timeout=100, stderr=subprocess.PIPE, text=True,
                           env={**environment, "QUIPU_TEST_CRASH_NAME": "05-llama-form-kernels",
                                "LD_PRELOAD": str(pathlib.Path(library).with_name("libQuipuCrashingOutput.so"))})
    assert ended.returncode == 1 and "A signal was caught" in ended.stderr, ended
    assert "phase llama-form-kernels failed" in ended.stderr and "cannot write" not in ended.stderr, ended
    assert output.read_text() == "old"
    subprocess.run(["quipu-opt", "--run-reproducer", passes, "-o", "/dev/null"], check=True)
