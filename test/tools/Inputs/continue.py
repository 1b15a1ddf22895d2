"""Compiles models, and goes on from the module after each of their phases: every plan must be that of the model itself.

usage: continue.py FOLDER STEP MODEL... [-- OPTION...], where STEP 3 takes every third phase
"""

import os
import subprocess
import sys


def compile_plan(arguments, plan):
    subprocess.run(["quipu", "compile", *arguments, "-o", plan], check=True)
    with open(plan, "rb") as file:
        return file.read()


arguments = sys.argv[3:]
split = arguments.index("--") if "--" in arguments else len(arguments)
models, options = arguments[:split], arguments[split + 1 :]
# In one folder, since a plan has the way from it to the weights.
folder, step = sys.argv[1], int(sys.argv[2])
plan = os.path.join(folder, "model.qplan")
for model in models:
    phases = os.path.join(folder, "phases", os.path.basename(model))
    direct = compile_plan([model, "--dump-phases", phases, *options], plan)
    names = sorted(os.listdir(phases))
    for number, name in enumerate(names[::step]):
        module = os.path.join(phases, name)
        # Every other module says by itself which one it is.
        origin = ["--from", name[len("00-") : -len(".mlir")]] if number % 2 else []
        if compile_plan([module, "--model", model, *origin, *options], plan) != direct:
            sys.exit(f"{module} {' '.join(origin)}: the plan is another one than that of {model}")
    print(f"{model}: {len(names)} phases")
