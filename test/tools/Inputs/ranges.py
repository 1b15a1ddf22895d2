"""ranges.py FILE THREADS: checks what test/runtime/RangeRecorder.cpp wrote, and prints the ranges of the first thread.

Ranges of each of the THREADS threads must nest, and all threads must have the same kernels.
"""

import sys

KINDS = ["load", "phase", "step", "kernel"]

open_ranges, kernels, shown = {}, {}, []
for line in open(sys.argv[1], encoding="utf-8"):
    thread, what, *rest = line.rstrip("\n").split(" ", 4)
    stack = open_ranges.setdefault(thread, [])
    if what == "end":
        stack.pop()
        continue
    domain, kind, name = rest
    assert domain == "quipu" and kind in KINDS and name, line
    # A kernel lies in a step, a step in a phase, and no kernel in a kernel. A graph is recorded within its first step.
    assert not stack or kind == stack[-1] in ("load", "step") or KINDS.index(kind) > KINDS.index(stack[-1]), (stack, line)
    if thread == "0":
        shown.append("  " * len(stack) + f"{kind} {name}")
    if kind == "kernel":
        kernels.setdefault(thread, []).append(name)
    stack.append(kind)
assert not any(open_ranges.values()), open_ranges
assert len(kernels) == int(sys.argv[2]), list(kernels)
assert all(names == kernels["0"] for names in kernels.values()), kernels
print("\n".join(shown))
