"""shrinking.py SCRATCH MODEL: weights that are cut while a model runs end it with a message, a plan does not matter."""

import pathlib
import shutil
import subprocess
import sys

scratch, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder = scratch / "model"
shutil.copytree(model, folder)
weights, plan = folder / "model.safetensors", scratch / "story.qplan"
weights.chmod(0o644)
# Weights in the type of the file are read in place.
subprocess.run(["quipu", "compile", str(folder), "-o", str(plan)], check=True)


def start():
    """A run that has given its first token and has long to go."""
    run = subprocess.Popen(["quipu", "run", str(plan), "Once", "-n", "400", "--ignore-eos", "--seed", "1"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.read(1)
    return run


run = start()
plan_bytes = plan.read_bytes()
with open(plan, "r+b") as file:
    file.truncate(100)
_, message = run.communicate()
if run.returncode:
    sys.exit(f"a plan that was cut: status {run.returncode}: {message}")

plan.write_bytes(plan_bytes)
run = start()
with open(weights, "r+b") as file:
    file.truncate(100)
_, message = run.communicate()
text = message.decode()
if run.returncode != 1 or f"error: {weights}: cannot be read any more: the file was cut" not in text:
    sys.exit(f"weights that were cut: status {run.returncode}: {text}")
