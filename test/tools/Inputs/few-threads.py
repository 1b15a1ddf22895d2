"""few-threads.py SCRATCH MODEL LIBRARY: runs commands where LIBRARY lets only few threads start."""

import json
import os
import pathlib
import subprocess
import sys

scratch, model, library = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
assert os.path.exists(library), library


def run(threads, *command):
    environment = dict(os.environ, QUIPU_TEST_THREADS=str(threads), LD_PRELOAD=library)
    if threads is None:
        del environment["LD_PRELOAD"]
    else:
        # Kernels that are kept need no threads.
        environment.pop("QUIPU_KERNEL_CACHE", None)
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout


folder = scratch / "out"
folder.mkdir()


def results(threads):
    """All that compiler and runtime make."""
    made = []
    # Kernels for a GPU are compiled side by side; that takes longest, and once without any helper is enough.
    forms = [["--bundle"], ["--emit", "mlir"]] + ([["--target", "cuda"]] if threads != 1 else [])
    for form in forms:
        run(threads, "quipu", "compile", model, *form, "-o", folder / "made")
        made.append((folder / "made").read_bytes())
    run(threads, "quipu", "compile", model, "-o", folder / "plan")
    # Four threads are asked for, on whatever machine.
    made.append(run(threads, "quipu", "run", folder / "plan", "--prompt-tokens", "1,2,3", "-n", "8", "--temperature", "0",
                    "--print-tokens", "--threads", "4"))
    for source in ([folder / "plan"], [model, "--dtype", "f32"], [folder / "plan", "--weights", "random:1"]):
        made.append(run(threads, "quipu", "logits", *source, "--prompt-tokens", "1,2,3", "--threads", "4", "-o", "-"))
    rows = json.loads(run(threads, "quipu", "bench", folder / "plan", "-p", "4", "-n", "0", "-r", "1", "--threads", "4",
                          "--json"))
    assert rows[0]["threads"] == (4 if threads is None else 1 + threads), (threads, rows[0]["threads"])
    return made


expected = results(None)
assert results(0) == expected
found = results(1)
assert found == expected[:2] + expected[3:]
