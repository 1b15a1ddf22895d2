"""there-and-back.py PLAN KERNEL FIELD: the first instruction of each op of the kernel that comes from a field of the
config leads back to the op and the field."""

import json
import subprocess
import sys

plan, kernel, field = sys.argv[1:]


def inspect(*options):
    command = ["quipu", "inspect", plan, *options, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


origin = inspect("--origin", field)
found = next(item for item in origin["kernels"] if item["name"] == kernel)
count = 0
for op in found["ops"]:
    if not op["instructions"]:
        continue
    back = inspect("--address", op["first"])
    assert back["address"] == op["first"], (op, back)
    assert back["op"] == op["op"] and back["line"] == op["line"] and back["kernel"] == kernel, (op, back)
    assert field in [item["name"] for item in back["fields"]], (op, back)
    count += 1
assert count, found
