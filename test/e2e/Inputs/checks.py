"""What the checks of this folder share: their arguments, the folder that they work in, and how they run quipu."""

import argparse
import pathlib
import shutil
import subprocess
import sys


def parser_of(doc, *paths):
    """A parser whose first arguments are paths. `doc`: the script's, of which the first line says what it does."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    for name in paths:
        parser.add_argument(name, type=pathlib.Path)
    return parser


def made_anew(folder):
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(*command, **options):
    """The process of a command, which must succeed."""
    command = [str(word) for word in command]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **{"text": True, **options})
    if process.returncode != 0:
        error = process.stderr if isinstance(process.stderr, str) else process.stderr.decode(errors="replace")
        sys.exit(f"exit status {process.returncode}: {' '.join(command)}\n{error}")
    return process


def quipu(*arguments):
    """Standard output of one command."""
    return run("quipu", *arguments).stdout


def finish(name, missed, work):
    """Ends the check, with status 1 if something was missed. The folder stays then, so that one can look at it."""
    if missed:
        sys.exit(f"{name}: missed by {', '.join(missed)}")
    shutil.rmtree(work)
