"""pages.py QUIPU FOLDER: man pages and completions in FOLDER (as `quipu pages` wrote them) know every name of every option
that the help of each command knows and no other, complete names of files where an option takes a file, and the shells and
groff take them without a word. Prints which of these were here."""

import os
import re
import shutil
import subprocess
import sys

quipu, folder = sys.argv[1:]


def output(*command, **options):
    run = subprocess.run(command, capture_output=True, text=True, **options)
    assert run.returncode == 0 and run.stderr == "", (command, run.stdout, run.stderr)
    return run.stdout


def read(*names):
    with open(os.path.join(folder, *names)) as file:
        return file.read()


NO_FILES = "no-files"


def complete(*words):
    """What bash offers for the last word; NO_FILES where it offers no names of files in the place of nothing."""
    words = [word for part in words for word in re.split("(=)", part) if word or part == ""]
    script = (f"source {folder}/completions/quipu; compopt() {{ COMPREPLY=({NO_FILES}); }}; COMP_WORDS=(" +
              " ".join(f"'{word}'" for word in words) + f"); COMP_CWORD={len(words) - 1}; "
              f"_quipu {words[0]} '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(output("bash", "--norc", "-c", script).split())


def zsh_options(command):
    """Names of a command's options, and those that take a value: with what zsh completes it by."""
    text = read("completions", "_quipu")
    begin = text.index(f"\n_quipu_{command}() {{")
    names, values = set(), {}
    for line in text[begin:text.index("\n}\n", begin)].split("\n"):
        option = re.match(r" +'(?:\([^)]*\)|\*)(--?[a-z][a-z-]*)([+=]?)\[", line)
        if option:
            names.add(option[1])
            if option[2]:
                values[option[1]] = re.search(r":([^:]*)'(?: \\)?$", line)[1]
    return names, values


def fish_options(command):
    """Names of a command's options, and those that take a file."""
    names, files = set(), set()
    start = f"complete -c quipu -n '__fish_seen_subcommand_from {command}' "
    for line in read("completions", "quipu.fish").split("\n"):
        if line.startswith(start):
            flags = line[len(start):].split(" -d ")[0]
            found = {f"-{name}" for name in re.findall(r"-s (\S+)", flags)} | {
                f"--{name}" for name in re.findall(r"-l (\S+)", flags)}
            names |= found
            if "-rF" in flags.split():
                files |= found
    return names, files


def man_options(command):
    page = read("man", f"quipu-{command}.1")
    page = page[page.index(".SH OPTIONS"):page.index(".SH EXIT STATUS")].replace("\\-", "-")
    return {name for line in re.findall(r"^\.TP\n(.*)$", page, re.MULTILINE) for name in re.findall(r"\\fB(-.*?)\\fR", line)}


# Options that take the name of a file or a folder; in all other places names of files would mislead.
FILES = {
    "compile": {"-m", "--model", "--tuning", "-o", "--output", "--dump-phases", "--mlir-pass-pipeline-crash-reproducer"},
    "run": {"-m", "--model", "--tuning", "-f", "--file", "--prompt-tokens-file", "--tokenizer"},
    "chat": {"-m", "--model", "--tuning", "--tokenizer", "--render"},
    "serve": {"-m", "--model", "--tuning", "--tokenizer", "--api-key-file", "--log-file", "--kv-cache-dir"},
    "score": {"-m", "--model", "--tuning", "--data", "--text", "--tokenizer", "-o", "--output"},
    "logits": {"-m", "--model", "--tuning", "--prompt-tokens-file", "-o", "--output"},
    "tokenize": {"-m", "--model", "-f", "--file", "--tokenizer"},
    "bench": {"-m", "--model", "--tuning"},
    "profile": {"-m", "--model", "--tuning", "--trace", "--compare"},
    "inspect": {"-m", "--model", "--tuning", "-o", "--dot", "--netron", "--html"},
    "tune": {"-m", "--model", "-o", "--output", "--tuning"},
    "convert": {"-m", "--model", "-o", "--output"},
}

main = output(quipu, "--help")
commands = re.findall(r"^  ([a-z]+) ", main[main.index("Subcommands:"):main.index("Example:")], re.MULTILINE)
assert {"compile", "run", "cache", "completion", "help"} <= set(commands) and "pages" not in commands, commands
assert complete("quipu", "") == set(commands)
assert complete("quipu", "in") == {"inspect"}
assert complete("quipu", "-") == {"-h", "--help", "--version"}
for command in commands:
    text = output(quipu, command, "--help") if command not in ("help", "version") else ""
    names = {name for line in re.findall(r"^  (-\S+)", text, re.MULTILINE) for name in line.split(",")}
    if text:
        assert {"-h", "--help"} <= names, (command, names)
        found, values = zsh_options(command)
        assert complete("quipu", command, "-") == found == man_options(command) == names, command
        in_fish, files = fish_options(command)
        assert in_fish == names, (command, in_fish ^ names)
        assert files == {name for name, action in values.items() if action == "_files"}, command
        assert files == {name for name in values if complete("quipu", command, name, "") == set()}, command
        assert files == FILES.get(command, set()), command
    if shutil.which("groff"):
        shown = output("groff", "-man", "-ww", "-Tutf8", os.path.join(folder, "man", f"quipu-{command}.1"))
        assert f"quipu-{command}" in re.sub("\x1b\\[[0-9]*m", "", shown).replace("‐", "-").replace("−", "-")
assert complete("quipu-compile", "--ma") == {"--max-batch", "--max-seq"}
assert complete("quipu", "compile", "--emit", "p") == {"plan", "ptx"}
assert complete("quipu", "compile", "--dtype=b") == {"bf16"}
assert complete("quipu", "bench", "-o", "") == {"md", "json", "csv"}
assert complete("quipu", "cache", "") == {"list", "clear"}
assert complete("quipu", "completion", "z") == {"zsh"}
assert complete("quipu", "help", "co") == {"compile", "completion", "convert"}
assert complete("quipu", "run", "--seed", "") == {NO_FILES}
for shell, name in (("bash", "quipu"), ("zsh", "_quipu"), ("fish", "quipu.fish")):
    assert output(quipu, "completion", shell) == read("completions", name)
    if shutil.which(shell):
        output(shell, "-n", os.path.join(folder, "completions", name))
if shutil.which("fish"):
    def fish(line):
        return {word.split("\t")[0] for word in
                output("fish", "--no-config", "-c", f"source {folder}/completions/quipu.fish; complete -C '{line}'").split("\n")
                if word}
    assert fish("quipu ") >= set(commands) and "pages" not in fish("quipu ")
    assert fish("quipu run --max-") == {"--max-tokens", "--max-batch", "--max-seq"}
    assert fish("quipu compile --emit p") == {"plan", "ptx"}
    assert fish("quipu-compile --time") == {"--timing"} or fish("quipu-compile --tim") == {"--timing"}
    assert fish("quipu cache ") >= {"list", "clear"}
print("complete with", *(shell for shell in ("bash", "zsh", "fish", "groff") if shutil.which(shell)))
