"""streaming.py CMD...: CMD's standard output must come in pieces, each of them UTF-8 by itself."""

import os
import subprocess
import sys

pieces = 0
for seed in range(5):
    command = sys.argv[1:] + ["--weights", f"random:{seed}", "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while True:
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            break
        piece.decode("utf-8")
        pieces += 1
    assert process.wait() == 0
assert pieces > 20, pieces
