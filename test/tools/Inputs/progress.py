"""progress.py CMD...: CMD, which takes seconds, shows on a terminal what it is at and which kernel of how many, in a line
that is gone at the end; elsewhere, and on terminals that cannot take a line back, it shows nothing."""

import os
import pty
import re
import subprocess
import sys


def errors_on_terminal(**variables):
    main, terminal = pty.openpty()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=terminal,
                               env={**os.environ, "TERM": "xterm", **variables})
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        text += piece
    os.close(main)
    assert process.wait() == 0, text
    return text.decode()


shown = errors_on_terminal()
states = shown.split("\r\x1b[K")[0].split("\r")
assert any(re.match(r"quipu: compile .*, kernel \d+ of \d+, \d+ s\x1b\[K", state) for state in states), shown
for state in re.findall(r"kernel (\d+) of (\d+)", shown):
    assert 1 <= int(state[0]) <= int(state[1]), state
# What stays on the terminal when every line that was taken back is gone.
left = re.sub(r"[^\n]*\r(?=[^\n])", "", re.sub(r"[^\r\n]*\r\x1b\[K", "", shown)).replace("\x1b[K", "")
assert "kernel" not in left, left
assert errors_on_terminal(TERM="dumb") == left
silent = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
assert silent.stderr.decode().replace("\n", "\r\n") == left, silent.stderr
print("shown and gone")
