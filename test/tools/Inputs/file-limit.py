"""file-limit.py FOLDER CMD...: runs CMD, which writes plan.qplan in FOLDER, where files may have 1000 bytes only.

It must exit with 1; an older plan.qplan must be as it was, and nothing else may lie in the folder.
"""

import os
import resource
import signal
import subprocess
import sys

folder, command = sys.argv[1], sys.argv[2:]
os.makedirs(folder)
path = os.path.join(folder, "plan.qplan")
with open(path, "w") as file:
    file.write("older")


def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


run = subprocess.run(command, preexec_fn=limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
assert run.returncode == 1, (run.returncode, run.stderr)
assert "error:" in run.stderr, run.stderr
assert os.listdir(folder) == ["plan.qplan"], os.listdir(folder)
with open(path) as file:
    assert file.read() == "older"
