"""depth.py SCRATCH CONFIG [FLAG...]: compiles the config with 2 and with 80 layers and compares the plans."""

import json
import pathlib
import subprocess
import sys
import time

scratch = pathlib.Path(sys.argv[1])
config = json.loads(pathlib.Path(sys.argv[2]).read_text())
plans, seconds = {}, {}
for layers in (2, 80):
    config["num_hidden_layers"] = layers
    path, plan = scratch / f"{layers}.json", scratch / f"{layers}.qplan"
    path.write_text(json.dumps(config))
    start = time.monotonic()
    subprocess.run(["quipu", "compile", str(path), "-o", str(plan), *sys.argv[3:]], check=True)
    seconds[layers] = time.monotonic() - start
    text = subprocess.run(["quipu", "inspect", str(plan), "--json"], check=True, stdout=subprocess.PIPE).stdout
    plans[layers] = json.loads(text)


def steps(plan):
    return [len(sequence["steps"]) for program in plan["programs"] for sequence in program["sequences"]]


few, many = plans[2], plans[80]
assert [module["bytes"] for module in few["modules"]] == [module["bytes"] for module in many["modules"]]
assert few["kernels"] == many["kernels"]
assert steps(few) == steps(many), (steps(few), steps(many))
for one, other in zip(few["programs"], many["programs"]):
    assert one["arena_bytes"] == other["arena_bytes"]
# What grows is the weight table: a bound on the bytes of one entry.
entries = len(many["weights"]) - len(few["weights"])
growth = many["plan_bytes"] - few["plan_bytes"]
assert growth <= 500 * entries, (growth, entries)
print(f"2 layers: {seconds[2]:.2f} s, {few['plan_bytes']} bytes; 80 layers: {seconds[80]:.2f} s, {many['plan_bytes']}")
# Machines are noisy; growth with depth would be forty-fold.
assert seconds[80] < 3 * seconds[2] + 1, seconds
