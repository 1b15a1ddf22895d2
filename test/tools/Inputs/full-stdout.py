"""full-stdout.py CMD...: runs CMD with standard output on a full disk; it must exit with 1 and say so."""

import subprocess
import sys

with open("/dev/full", "wb") as full:
    run = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True)
if run.returncode != 1 or "No space left on device" not in run.stderr:
    sys.exit(f"{' '.join(sys.argv[1:])}: exit status {run.returncode}, standard error: {run.stderr}")
