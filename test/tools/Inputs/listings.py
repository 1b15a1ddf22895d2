"""Runs the commands of a page again, and compares what they print with what the page shows.

    listings.py PAGE... [--quipu FOLDER] [--write] [--only TEXT]

A listing is an indented block of a Markdown page that begins with a command:

    $ quipu inspect story.qplan --phase list
    import
    ...

What follows until the next command or the end of the block is what the command prints: standard output, and standard error
behind it. Commands of a page run in order, with a shell, in one folder that has a link `models` to that of the source tree
and a cache of its own. So a file that one command writes the next may read. Blocks without a line `$ ` are not run.

A line `...` stands for any lines. What differs from machine to machine or from day to day, a comment in front of the block
says:

    <!-- listing: mask REGEX -->    in lines where the expression matches, numbers may be others, and so may the width of
                                    columns; if it has groups, what they match may be something else, and nothing else
    <!-- listing: skip -->          the block is not run: it needs what a test machine lacks

`--write` puts what the commands print today into the page.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile

INDENT = "    "
COMMENT = re.compile(r"<!-- listing: (\w+) ?(.*?) -->$")
NUMBER = re.compile(r"\d+(\.\d+)?")


class Command:
    """A command of a page: the numbers of its line and of its last line of output, and what may differ."""

    def __init__(self, text, line, masks):
        self.text, self.line, self.end, self.masks = text, line, line + 1, masks

    def expected(self, lines):
        return [line[len(INDENT):] if line.strip() else "" for line in lines[self.line + 1:self.end]]


def commands_of(lines):
    """The commands of a page that run, in order."""
    commands, current, masks, skip = [], None, [], False
    for number, line in enumerate(lines):
        comment = COMMENT.match(line)
        if comment:
            if comment[1] == "mask":
                masks.append(re.compile(comment[2]))
            elif comment[1] == "skip":
                skip = True
            else:
                sys.exit(f"line {number + 1}: unknown comment {line!r}; known are mask and skip")
        elif line.startswith(INDENT):
            if line.startswith(INDENT + "$ ") and not skip:
                current = Command(line[len(INDENT) + 2:], number, masks)
                commands.append(current)
            elif current:
                current.end = number + 1
        elif line.strip():
            current, masks, skip = None, [], False
    return commands


def run(command, folder, environment):
    result = subprocess.run(["bash", "-c", command.text], cwd=folder, env=environment, text=True, capture_output=True,
                            timeout=300)
    return (result.stdout + result.stderr).rstrip("\n").split("\n") if result.stdout + result.stderr else []


def masked(line, masks):
    """A line without what may differ."""
    for mask in masks:
        match = mask.search(line)
        if not match:
            continue
        if not mask.groups:
            line = NUMBER.sub("N", line)
        for group in range(mask.groups, 0, -1):
            if match.start(group) >= 0:
                line = line[:match.start(group)] + "N" + line[match.end(group):]
        return re.sub(r" +", " ", line)
    return line


def differences(expected, printed, masks):
    """The lines that differ, as diff has them. `...` in the page stands for any lines."""
    want, have = ([masked(line.rstrip(), masks) for line in lines] for lines in (expected, printed))
    if "..." in want:
        at = want.index("...")
        rest = len(want) - at - 1
        if want[:at] == have[:at] and len(have) >= len(want) - 1 and want[at + 1:] == have[len(have) - rest:]:
            return []
    return [] if want == have else list(difflib.unified_diff(want, have, "page", "printed", lineterm="", n=1))


def rewritten(expected, printed, masks):
    """What the page should show: as printed, but lines whose masked form is in the page stay, as does a `...`."""
    if not differences(expected, printed, masks):
        return expected
    if "..." in expected:
        at = expected.index("...")
        rest = len(expected) - at - 1
        return printed[:at] + ["..."] + (printed[-rest:] if rest else [])
    return printed


def check(page, environment, folder, write, only):
    with open(page) as file:
        lines = file.read().split("\n")
    commands = commands_of(lines)
    if not commands:
        sys.exit(f"{page}: has no listings")
    failed, edits = 0, []
    for command in commands:
        printed = [line.rstrip() for line in run(command, folder, environment)]
        expected = command.expected(lines)
        if only and only not in command.text:
            continue
        changes = differences(expected, printed, command.masks)
        if changes and write:
            edits.append((command, rewritten(expected, printed, command.masks)))
        elif changes:
            failed += 1
            print(f"{page}:{command.line + 1}: $ {command.text}\n" + "\n".join(changes) + "\n")
    for command, output in reversed(edits):
        lines[command.line + 1:command.end] = [(INDENT + line).rstrip() for line in output]
    if edits:
        with open(page, "w") as file:
            file.write("\n".join(lines))
    print(f"{page}: {len(commands)} commands, {len(edits)} rewritten, {failed} differ")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Runs the commands of pages again.")
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--quipu", help="the folder of quipu (default: the PATH)")
    parser.add_argument("--write", action="store_true", help="put what the commands print into the pages")
    parser.add_argument("--only", default="", help="compare the commands with this text alone; the others run too")
    options = parser.parse_args()
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8")
    if options.quipu:
        environment["PATH"] = os.path.abspath(options.quipu) + os.pathsep + environment["PATH"]
    failed = 0
    for page in options.pages:
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(source, "models"), os.path.join(folder, "models"))
            environment["QUIPU_CACHE"] = os.path.join(folder, ".cache")
            failed += check(page, environment, folder, options.write, options.only)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
