"""Runs the commands of a page again, and compares what they print with what the page shows.

    listings.py PAGE... [--quipu FOLDER] [--write] [--only TEXT]

A listing is an indented block of a Markdown page that begins with a command:

    $ quipu inspect story.qplan --phase list
    import
    ...

What follows until the next command or the end of the block is what the command prints: standard output, and standard error
behind it. Commands of a page run in order, with a shell, in one folder that has links to `models`, `test` and `benchmarks` of
the source tree and a cache of its own. So a file that one command writes the next may read. Blocks without a line `$ ` are not
run.

A line `...` stands for any lines. What differs from machine to machine or from day to day, a comment in front of the block
says:

    <!-- listing: mask REGEX -->    in lines where the expression matches, numbers may be others, and so may the width of
                                    columns; if it has groups, what they match may be something else, and nothing else
    <!-- listing: any order -->     the lines may come in another order
    <!-- listing: skip WHY -->      the block is not run: it needs what a test machine lacks
    <!-- listing: needs COMMAND --> the block is run where this command succeeds
    <!-- listing: given FILE -->    the file is there: the block prints it with `cat FILE`, which says what is in it
    <!-- listing: setup COMMAND --> a command that runs before, and is not shown

`--write` puts what the commands print today into the page. Values that the text names (`%107`) must stand in a listing of the
same section: their numbers change with the code, and only a person can say which one the text means now.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile

INDENT = "    "
COMMENT = re.compile(r"<!-- listing: (mask|any order|skip|needs|given|setup)\b ?(.*?) -->$")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
VALUE = re.compile(r"`(%[\w.#]+)`")
SECONDS = 600


class Rules:
    """What the comments in front of a block say."""

    def __init__(self):
        self.masks, self.any_order, self.skip, self.needs, self.given, self.setup = [], False, False, [], [], []

    def read(self, line, number):
        comment = COMMENT.match(line)
        if not comment:
            sys.exit(f"line {number + 1}: unknown comment {line!r}; the head of listings.py has those that there are")
        kind, text = comment.groups()
        if kind == "mask":
            self.masks.append(re.compile(text))
        elif kind in ("any order", "skip"):
            setattr(self, kind.replace(" ", "_"), True)
        else:
            getattr(self, kind).append(text)


class Command:
    """A command of a page: the numbers of its line and of its last line of output, and what may differ."""

    def __init__(self, text, line, rules):
        self.text, self.line, self.end, self.rules = text, line, line + 1, rules

    def expected(self, lines):
        return [line[len(INDENT):] if line.strip() else "" for line in lines[self.line + 1:self.end]]


def commands_of(lines):
    """The commands of a page, in order, with those of blocks that are not run."""
    commands, current, rules = [], None, Rules()
    for number, line in enumerate(lines):
        if line.startswith("<!-- listing: "):
            if current:
                current, rules = None, Rules()
            rules.read(line, number)
        elif line.startswith(INDENT):
            if line.startswith(INDENT + "$ "):
                current = Command(line[len(INDENT) + 2:], number, rules)
                commands.append(current)
            elif current:
                current.end = number + 1
        elif line.strip():
            current, rules = None, Rules()
    return commands


def shell(text, folder, environment):
    return subprocess.run(["bash", "-c", text], cwd=folder, env=environment, text=True, capture_output=True,
                          timeout=SECONDS)


def run(command, folder, environment):
    result = shell(command.text, folder, environment)
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


def fits(want, have):
    """Whether lines are as a page shows them. `...` in it stands for any lines."""
    if "..." not in want:
        return want == have
    # A part between two `...` may stand as early as it is found.
    parts, part = [], []
    for line in want:
        if line == "...":
            parts.append(part)
            part = []
        else:
            part.append(line)
    last = part
    if len(have) < sum(map(len, parts)) + len(last) or have[:len(parts[0])] != parts[0]:
        return False
    at, end = len(parts[0]), len(have) - len(last)
    if have[end:] != last:
        return False
    for part in parts[1:]:
        at = next((i for i in range(at, end - len(part) + 1) if have[i:i + len(part)] == part), -1) + len(part)
        if at < len(part):
            return False
    return True


def differences(expected, printed, rules):
    """The lines that differ, as diff has them."""
    want, have = ([masked(line.rstrip(), rules.masks) for line in lines] for lines in (expected, printed))
    if rules.any_order:
        want, have = sorted(want), sorted(have)
    return [] if fits(want, have) else list(difflib.unified_diff(want, have, "page", "printed", lineterm="", n=1))


def rewritten(expected, printed, rules):
    """What the page should show: as printed. One `...` stays where it is; of several a person must say what they are."""
    if expected.count("...") == 1:
        at = expected.index("...")
        rest = len(expected) - at - 1
        return printed[:at] + ["..."] + (printed[-rest:] if rest else [])
    return printed


def missing_values(lines):
    """Values that the text names and no listing of its section shows, with the numbers of their lines."""
    missing, named, shown = [], [], []
    for number, line in enumerate(lines + ["#"], 1):
        if line.startswith("#"):
            shown = re.findall(r"%[\w.#]+", " ".join(shown))
            missing += [(at, value) for at, value in named if value not in shown]
            named, shown = [], []
        elif line.startswith(INDENT):
            shown.append(line)
        else:
            named += [(number, value) for value in VALUE.findall(line)]
    return missing


def prepare(rules, commands, lines, folder, environment):
    """What must be there before a block runs."""
    for name in rules.given:
        shown = next((command for command in commands if command.text == f"cat {name}"), None)
        if not shown:
            sys.exit(f"no block shows {name} with `cat {name}`")
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write("\n".join(shown.expected(lines)) + "\n")
        os.chmod(path, 0o755)
    for text in rules.setup:
        result = shell(text, folder, environment)
        if result.returncode:
            sys.exit(f"$ {text}\n{result.stdout}{result.stderr}")


def check(page, environment, folder, write, only):
    with open(page) as file:
        lines = file.read().split("\n")
    commands = commands_of(lines)
    if not commands:
        sys.exit(f"{page}: has no listings")
    failed, skipped, edits, prepared = 0, 0, [], set()
    for command in commands:
        rules = command.rules
        if rules.skip or any(shell(text, folder, environment).returncode for text in rules.needs):
            skipped += 1
            continue
        if rules not in prepared:
            prepare(rules, commands, lines, folder, environment)
            prepared.add(rules)
        printed = [line.rstrip() for line in run(command, folder, environment)]
        expected = command.expected(lines)
        if only and only not in command.text:
            continue
        changes = differences(expected, printed, rules)
        if changes and write:
            edits.append((command, rewritten(expected, printed, rules)))
        elif changes:
            failed += 1
            print(f"{page}:{command.line + 1}: $ {command.text}\n" + "\n".join(changes) + "\n")
    for command, output in reversed(edits):
        lines[command.line + 1:command.end] = [(INDENT + line).rstrip() for line in output]
    if edits:
        with open(page, "w") as file:
            file.write("\n".join(lines))
    for number, value in missing_values(lines):
        failed += 1
        print(f"{page}:{number}: the text names {value}, which no listing of its section shows")
    ran = len(commands) - skipped
    print(f"{page}: {ran} commands, {len(edits)} rewritten, {failed} differ" + (f", {skipped} not run" if skipped else ""))
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
    # Kernels that were compiled before have no time of LLVM, which pages show.
    environment.pop("QUIPU_KERNEL_CACHE", None)
    if options.quipu:
        environment["PATH"] = os.path.abspath(options.quipu) + os.pathsep + environment["PATH"]
    failed = 0
    for page in options.pages:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("models", "test", "benchmarks"):
                os.symlink(os.path.join(source, name), os.path.join(folder, name))
            environment["QUIPU_CACHE"] = os.path.join(folder, ".cache")
            failed += check(page, environment, folder, options.write, options.only)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
