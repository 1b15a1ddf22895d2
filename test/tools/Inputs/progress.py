"""progress.py CMD...: CMD, which takes seconds, shows on a terminal what it is at and which kernel of how many, in a line
that is gone at the end; elsewhere, and on terminals that cannot take a line back, it shows nothing."""

import os
import re
import subprocess
import sys

from terminal import output_on_terminal


def errors_on_terminal(columns, **variables):
    environment = {**os.environ, "TERM": "xterm", **variables}
    return output_on_terminal(sys.argv[1:], "stderr", environment, columns).decode()


def left_of(shown):
    """What stays on the terminal when every line that was taken back is gone."""
    return re.sub(r"[^\n]*\r(?=[^\n])", "", re.sub(r"[^\r\n]*\r\x1b\[K", "", shown)).replace("\x1b[K", "")


shown = errors_on_terminal(400)
states = re.findall(r"\rquipu: (compile [^\r]*), kernel (\d+) of (\d+), \d+ s\x1b\[K", shown)
assert states, shown
for _, kernel, kernels in states:
    assert 1 <= int(kernel) <= int(kernels), shown
left = left_of(shown)
assert "kernel" not in left, left

# A line longer than the terminal keeps its two ends.
narrow = errors_on_terminal(48)
states = re.findall(r"\r(quipu: \.\.\.[^\r]*, kernel \d+ of \d+, \d+ s)\x1b\[K", narrow)
assert states and all(len(state) < 48 for state in states), narrow
assert left_of(narrow) == left, narrow

assert errors_on_terminal(400, TERM="dumb") == left
silent = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
assert silent.stderr.decode().replace("\n", "\r\n") == left, silent.stderr
print("shown and gone")
