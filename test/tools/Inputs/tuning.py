"""Writes a tuning file for the model of a kept plan, with a change of one key.

usage: tuning.py PLAN OUT KERNEL NUMBERS [KEY=VALUE]..., where NUMBERS and VALUE are JSON, and KEY is a path (target/device)
"""

import json
import subprocess
import sys

plan, out, name, numbers, *changes = sys.argv[1:]
inspected = subprocess.run(["quipu", "inspect", plan, "--json"], check=True, capture_output=True, text=True)
tuning = json.loads(inspected.stdout)["insight"]["record"]["tunable"]
shapes = {kernel["name"]: kernel["shape"] for kernel in tuning["kernels"]}
tuning["kernels"] = [{"name": name, "shape": shapes.get(name, "()"), "numbers": json.loads(numbers)}]
for change in changes:
    path, value = change.split("=", 1)
    *parents, key = path.split("/")
    at = tuning
    for parent in parents:
        at = at[int(parent)] if isinstance(at, list) else at[parent]
    at[key] = json.loads(value)
with open(out, "w") as file:
    json.dump(tuning, file)
