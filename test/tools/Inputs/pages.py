"""pages.py QUIPU FOLDER: man pages and completions in FOLDER (as `quipu pages` wrote them) know every option that the
help of each command knows, and the shells and groff take them without a word. Prints which of these were here."""

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


def complete(*words):
    """What bash offers for the last word."""
    words = [word for part in words for word in re.split("(=)", part) if word or part == ""]
    script = (f"source {folder}/completions/quipu; compopt() {{ :; }}; COMP_WORDS=(" +
              " ".join(f"'{word}'" for word in words) + f"); COMP_CWORD={len(words) - 1}; "
              f"_quipu {words[0]} '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(output("bash", "--norc", "-c", script).split())


main = output(quipu, "--help")
commands = re.findall(r"^  ([a-z]+) ", main[main.index("Subcommands:"):main.index("Example:")], re.MULTILINE)
assert {"compile", "run", "cache", "completion", "help"} <= set(commands) and "pages" not in commands, commands
assert complete("quipu", "") == set(commands)
assert complete("quipu", "in") == {"inspect"}
for command in commands:
    text = output(quipu, command, "--help") if command not in ("help", "version") else ""
    options = set(re.findall(r"--[a-z][a-z-]*", " ".join(re.findall(r"^  (-\S+)", text, re.MULTILINE))))
    if text:
        assert "--help" in options
        assert complete("quipu", command, "--") == options, command
    with open(os.path.join(folder, "man", f"quipu-{command}.1")) as file:
        page = file.read()
    for option in options:
        assert option.replace("-", "\\-") in page, (command, option)
    if shutil.which("groff"):
        shown = output("groff", "-man", "-ww", "-Tutf8", os.path.join(folder, "man", f"quipu-{command}.1"))
        assert f"quipu-{command}" in re.sub("\x1b\\[[0-9]*m", "", shown).replace("‐", "-").replace("−", "-")
assert complete("quipu-compile", "--ma") == {"--max-batch", "--max-seq"}
assert complete("quipu", "compile", "--emit", "p") == {"plan", "ptx"}
assert complete("quipu", "compile", "--dtype=b") == {"bf16"}
assert complete("quipu", "bench", "-o", "") == {"md", "json", "csv"}
assert complete("quipu", "cache", "") == {"list", "clear"}
assert complete("quipu", "completion", "z") == {"zsh"}
assert complete("quipu", "help", "co") == {"compile", "completion"}
assert complete("quipu", "run", "--seed", "") == set()
for shell, name in (("bash", "quipu"), ("zsh", "_quipu"), ("fish", "quipu.fish")):
    path = os.path.join(folder, "completions", name)
    with open(path) as file:
        assert output(quipu, "completion", shell) == file.read()
    if shutil.which(shell):
        output(shell, "-n", path)
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
