"""long-text.py SCRATCH MODEL: a text that cannot fit is refused before it is tokenized, in time and memory of its length."""

import os
import pathlib
import subprocess
import sys

scratch, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
plan, text = scratch / "story.qplan", scratch / "text"
subprocess.run(["quipu", "compile", str(model), "-o", str(plan)], check=True)


def refused(words):
    with open(scratch / "message", "w+") as message:
        run = subprocess.Popen(["quipu", "run", str(plan), "-f", str(text), "-n", "1"], stdout=subprocess.DEVNULL,
                               stderr=message)
        _, status, usage = os.wait4(run.pid, 0)
        message.seek(0)
        found = message.read()
    if os.waitstatus_to_exitcode(status) != 1 or words not in found:
        sys.exit(f"status {status}, expected an exit with 1 and {words!r} in {found}")
    if usage.ru_maxrss > 300 * 1024:
        sys.exit(f"{usage.ru_maxrss >> 10} MiB for a text of {text.stat().st_size} bytes")


# 10 MB, also of one character, of blanks, and of characters that no piece has.
for sentence in ("The cat sat on the mat and looked at the moon. ", "a", " ", "\u4e2d\U0001f431\u6587"):
    text.write_text(sentence * (10_000_000 // len(sentence.encode())))
    refused("bytes does not fit: the plan was compiled for sequences of at most")
# One that might fit by its length is tokenized, and counted.
text.write_text("a b c d " * 300)
refused(" tokens do not fit")
