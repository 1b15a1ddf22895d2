"""with-file.py FILE CMD...: runs CMD with the contents of FILE in place of the argument "@", and prints its exit status."""

import subprocess
import sys

with open(sys.argv[1]) as file:
    text = file.read().strip()
status = subprocess.run([text if argument == "@" else argument for argument in sys.argv[2:]]).returncode
print(f"exit status {status}")
