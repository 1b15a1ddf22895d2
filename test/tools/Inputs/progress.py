"""progress.py CMD...: CMD, which takes seconds, shows on a terminal what it is at and which kernel of how many, in a line
that is gone at the end; elsewhere, and on terminals that cannot take a line back, it shows nothing."""

import os
import re
import subprocess
import sys

from terminal import lines_left, output_on_terminal


def errors_on_terminal(columns, **variables):
    environment = {**os.environ, "TERM": "xterm", **variables}
    return output_on_terminal(sys.argv[1:], "stderr", environment, columns).decode()


shown = errors_on_terminal(400)
states = re.findall(r"\rquipu: (compile [^\r]*), kernel (\d+) of (\d+), \d+ s\x1b\[K", shown)
assert states, shown
for _, kernel, kernels in states:
    assert 1 <= int(kernel) <= int(kernels), shown
left = lines_left(shown)
assert "kernel" not in "".join(left), left

# A line longer than the terminal keeps its two ends.
narrow = errors_on_terminal(48)
states = re.findall(r"\r(quipu: \.\.\.[^\r]*, kernel \d+ of \d+, \d+ s)\x1b\[K", narrow)
assert states and all(len(state) < 48 for state in states), narrow
assert lines_left(narrow) == left, narrow

dumb = errors_on_terminal(400, TERM="dumb")
assert "\x1b" not in dumb and dumb.split("\r\n") == left, dumb
silent = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
assert silent.stderr.decode().split("\n") == left, silent.stderr
print("shown and gone")
