"""greedy.py GOLDEN CMD...: CMD with the golden's prompt must print its 200 greedy tokens."""

import pathlib
import subprocess
import sys

golden = pathlib.Path(sys.argv[1])
prompt = (golden / "prompt.txt").read_text().strip()
expected = (golden / "greedy.txt").read_text().strip()
count = len(expected.split(","))
for extra in ([], ["--threads", "1"], ["--chunk", "7"]):
    command = sys.argv[2:] + ["--prompt-tokens", prompt, "-n", str(count), "--temperature", "0", "--ignore-eos",
                              "--print-tokens"] + extra
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if output != expected:
        sys.exit(f"{' '.join(extra)}: expected {expected}\nfound {output}")
