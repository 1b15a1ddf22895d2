#!/usr/bin/env python3
"""Prints, for each variant of a CUDA plan (the JSON of quipu inspect), its programs, its first kernel, and its modules."""

import collections
import json
import sys

with open(sys.argv[1]) as file:
    plan = json.load(file)
print(plan["target"]["device"], plan["target"]["isa"])
first_kernels = [kernel["name"] for kernel in plan["kernels"] if kernel["name"].endswith("decode.rotary_table")]
for index, variant in enumerate(plan["variants"]):
    print("variant", variant if isinstance(variant, str) else variant["isa"])
    programs = [program for program in plan["programs"] if program["variant"] == index]
    print(*(f"{program['name']} {program['min_rows']}-{program['max_rows']}" for program in programs))
    print(first_kernels[index])
    modules = collections.Counter(
        f"{module['format']} {module['isa']}" for module in plan["modules"] if module["variant"] == index
    )
    print(*(f"{kind}: {count}" for kind, count in sorted(modules.items())))
print(len(plan["weights"]), "weights")
