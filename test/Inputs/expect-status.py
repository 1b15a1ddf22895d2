"""expect-status.py N CMD...: runs CMD and succeeds when it exits with status N (a signal never counts)."""

import subprocess
import sys

expected = int(sys.argv[1])
status = subprocess.run(sys.argv[2:]).returncode
if status != expected:
    sys.exit(f"expected exit status {expected}, got {status}: {' '.join(sys.argv[2:])}")
