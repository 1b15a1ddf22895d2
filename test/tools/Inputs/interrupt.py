"""interrupt.py SCRATCH MODEL LIBRARY: ends commands that write, at every point of their work, and looks at what is left.

With LIBRARY the system has no files without a name.
"""

import itertools
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

scratch, model, library = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
assert os.path.exists(library), library
# The tests may run under nohup. Programs inherit what is ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
only_names = {"LD_PRELOAD": library, "QUIPU_TEST_ONLY_NAMES": "1"}
started = scratch / "started"
ptxas = scratch / "ptxas"
ptxas.write_text(f"#!/bin/sh\n: > '{started}'\nexec sleep 20\n")
ptxas.chmod(0o755)


def compilers(folder):
    """Processes of the compiler that have the folder for their temporary files."""
    found = []
    for process in pathlib.Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "exe").endswith("quipu-compile"):
                if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
        except OSError:
            pass
    return found


def wait_until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def start(command, number, old=None, system={}):
    """The process, the folder of its temporary files and the one of its output, in which `old` lies already."""
    temporary, outputs = scratch / f"{number}.tmp", scratch / f"{number}.out"
    temporary.mkdir()
    outputs.mkdir()
    if old is not None:
        (outputs / "out").write_bytes(old)
    environment = {**os.environ, "TMPDIR": str(temporary), "QUIPU_PTXAS": str(ptxas), **system}
    # Shells have what they start in the background ignore SIGINT.
    process = subprocess.Popen([*command, str(outputs / "out")], env=environment, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return process, temporary, outputs


numbers = itertools.count()
# While another program works for the compiler.
for how, program, system in [(signal.SIGTERM, "quipu compile", {}), (signal.SIGKILL, "quipu compile", {}), (signal.SIGHUP, "quipu compile", {}),
                             (signal.SIGINT, "quipu-compile", {}), (signal.SIGKILL, "quipu-compile", {}),
                             (signal.SIGTERM, "quipu compile", only_names), (signal.SIGINT, "quipu-compile", only_names),
                             (signal.SIGHUP, "quipu-compile", only_names)]:
    started.unlink(missing_ok=True)
    process, temporary, outputs = start([*program.split(), model, "--target", "cuda", "-o"], next(numbers), None, system)
    wait_until(started.exists, f"{how}: the assembler was not started")
    # Another thread of the compiler may just begin or end a file.
    wait_until(lambda: bool(list(temporary.iterdir())) == bool(system), "where the temporary files are")
    process.send_signal(how)
    assert process.wait() == -how, process.returncode
    wait_until(lambda: not compilers(temporary), f"{how}: the compiler runs on")
    # A compiler that ends because quipu did needs a moment.
    wait_until(lambda: not [*temporary.iterdir(), *outputs.iterdir()], (how, system, "files are left"))

# A search for schedules has a folder with plans, into which the compiler may be writing.
for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    for wanted in ("candidate.qplan", "tuning.json"):
        process, temporary, outputs = start(["quipu", "tune", model, "--time", "60", "-t", "1", "-o"], next(numbers))
        wait_until(lambda: list(temporary.glob(f"quipu-tune-*/{wanted}")), f"tune writes no {wanted}")
        process.send_signal(how)
        assert process.wait() == -how, process.returncode
        wait_until(lambda: not compilers(temporary), f"{how}: the compiler runs on")
        assert not [*temporary.iterdir(), *outputs.iterdir()], (how, "files are left")

# At any time, also while the output gets its name: then it is there, whole.
plan = scratch / "plan"
subprocess.run(["quipu", "compile", model, "-o", plan], check=True)
commands = [["quipu-compile", model, "-o"], ["quipu-compile", model, "--bundle", "-o"],
            ["quipu-compile", model, "--emit", "executable", "-o"], ["quipu-compile", model, "--emit", "asm", "-o"],
            ["quipu", "logits", plan, "--prompt-tokens", ",".join(["1"] * 100), "--all", "-o"]]
random.seed(1)
for command in commands:
    process, temporary, outputs = start(command, next(numbers))
    begin = time.monotonic()
    assert process.wait() == 0
    seconds, whole = time.monotonic() - begin, (outputs / "out").read_bytes()
    for how, old, system in [(signal.SIGINT, None, {}), (signal.SIGTERM, b"old", {}), (signal.SIGKILL, b"old", {}),
                             (signal.SIGTERM, None, only_names), (signal.SIGHUP, b"old", only_names)]:
        process, temporary, outputs = start(command, next(numbers), old, system)
        time.sleep(seconds * random.uniform(0.2, 1))
        process.send_signal(how)
        assert process.wait() in (0, -how), (command, process.returncode)
        assert not list(temporary.iterdir()), (command, how, list(temporary.iterdir()))
        names = [path.name for path in outputs.iterdir()]
        assert names == ["out"] or (names == [] and old is None), (command, how, names)
        if names and (outputs / "out").read_bytes() != old:
            # A plan names the folder that it lies in: whether it is whole, its hash says.
            if "asm" in command or "logits" in command:
                assert (outputs / "out").read_bytes() == whole, (command, how)
            else:
                subprocess.run(["quipu", "inspect", outputs / "out"], check=True, stdout=subprocess.DEVNULL)

# Without an end by a signal all works there too.
for command in commands:
    process, temporary, outputs = start(command, next(numbers), b"old", only_names)
    assert process.wait() == 0
    assert [path.name for path in outputs.iterdir()] == ["out"] and not list(temporary.iterdir())
subprocess.run(["quipu", "run", plan, "--prompt-tokens", "1", "-n", "2"], check=True, env={**os.environ, **only_names},
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
