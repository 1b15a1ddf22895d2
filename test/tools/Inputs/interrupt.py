"""interrupt.py SCRATCH MODEL: ends compilations while the assembler runs, and looks at what is left."""

import os
import pathlib
import signal
import subprocess
import sys
import time

scratch, model = pathlib.Path(sys.argv[1]), sys.argv[2]
ptxas = scratch / "ptxas"
ptxas.write_text("#!/bin/sh\nexec sleep 20\n")
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


for number, (how, command) in enumerate([
    (signal.SIGTERM, ["quipu", "compile", model, "--target", "cuda", "-o"]),
    (signal.SIGKILL, ["quipu", "compile", model, "--target", "cuda", "-o"]),
    (signal.SIGINT, ["quipu-compile", model, "--target", "cuda", "-o"]),
]):
    folder = scratch / str(number)
    folder.mkdir()
    plan = scratch / f"{number}.qplan"
    environment = {**os.environ, "TMPDIR": str(folder), "QUIPU_PTXAS": str(ptxas)}
    # Shells have what they start in the background ignore SIGINT.
    process = subprocess.Popen([*command, str(plan)], env=environment, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wait_until(lambda: any(folder.iterdir()), f"{how}: no temporary file")
    process.send_signal(how)
    assert process.wait() == -how, process.returncode
    wait_until(lambda: not compilers(folder), f"{how}: the compiler runs on")
    left = [path.name for path in (*folder.iterdir(), *scratch.glob("*.qplan*"))]
    assert not left, (how, left)
