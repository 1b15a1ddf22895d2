"""provenance.py PLAN.json: every step of every program of a plan with IR has a place and comes from fields of the config.

The record says for each kernel, each of its ops, and each step that is no kernel's, which fields these are; each field
stands in a file, or has a reason why not. Fails with the step that is without."""

import json
import re
import sys

plan = json.load(open(sys.argv[1], encoding="utf-8"))
record = plan["insight"]["record"]
fields = {field["name"]: field for field in record["fields"]}
kernels = {kernel["name"]: kernel for kernel in record["kernels"]}
steps = {step["place"]: step for step in record["steps"]}


def expect(condition, what):
    if not condition:
        sys.exit(what)


for field in fields.values():
    expect(field["line"] or field["reason"], f"the field {field} stands nowhere")
    if field["line"]:
        with open(field["file"], encoding="utf-8") as file:
            line = file.read().split("\n")[field["line"] - 1]
        expect('"' + field["key"].split(".")[-1] + '"' in line, f"{field}: the line is {line}")


def check_origin(origin, what):
    expect(origin["configs"], f"{what} comes from no field of the config")
    for name in origin["configs"]:
        expect(name in fields, f"{what} comes from {name}, which is no field")


count = 0
for program in plan["programs"]:
    for sequence in program["sequences"]:
        for step in sequence["steps"]:
            what = f"{program['name']}: {step}"
            expect(step["location"], f"{what} has no place")
            if "kernel" in step:
                kernel = kernels[step["kernel"]]
                check_origin(kernel, what)
                expect(kernel["places"], f"{what}: its kernel has no place")
                expect(kernel["ops"], f"{what}: its kernel has no ops")
                for op in kernel["ops"]:
                    check_origin(op, f"{what}: {op}")
                    expect(op["place"], f"{what}: {op} has no place")
                    expect(bool(op["line"]) == bool(kernel["lines"]), f"{what}: {op} has no line")
                    # Products read tensors.
                    expect(op["weights"] or op["op"] != "llama.linear", f"{what}: {op} reads no tensor")
            else:
                check_origin(steps[re.sub(r"\.(\d+|\{\}|\d+-\d+)\.", ".{}.", step["location"])], what)
            count += 1
expect(count > 10, f"only {count} steps")
