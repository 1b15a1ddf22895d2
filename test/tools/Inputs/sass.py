"""sass.py FILE: checks a listing of --as sass --with-source: branches lead to labels that are there, and code has lines."""

import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
labels = set(re.findall(r"^(\.L_\w+):$", text, re.M))
targets = set(re.findall(r"\(\.(L_\w+)\)", text))
assert targets, "no branch"
assert {"." + target for target in targets} <= labels, (targets, labels)
instructions = re.findall(r"^  \+0x([0-9a-f]+) +(.*)$", text, re.M)
offsets = [int(offset, 16) for offset, _ in instructions]
assert offsets == list(range(0, 16 * len(offsets), 16)), "16 bytes each, none is left out"
assert all(" | " in rest or rest.endswith(" |") for _, rest in instructions), "an instruction has no line"
