"""odd-numbers.py QUIPU QUIPU-COMPILE: every option of every command that takes a number, as its help says, takes numbers
in one spelling only: anything else ends with status 2 and names the option and the text. Prints how many were tried."""

import re
import subprocess
import sys

quipu, compiler = sys.argv[1:]
WHOLE = ["", " ", "010", "00", "0x8", "1e3", " 5", "5 ", "+5", "-0", "5.0", "nan", "inf", "five", "1_000", "1'000", "٣",
         "4294967296000000000000", "-9223372036854775809", "--", "0b1"]
REAL = ["", " ", "00.5", "0x1p3", " 0.5", "0.5 ", "+0.5", "nan", "inf", "-inf", "infinity", "NAN(1)", "1e999", "1e-999",
        "0,5", "half", "1.5f", ".", "--"]
LIST = WHOLE + ["1,,2", ",1", "1,", "1,010", "1;2"]

commands = {f"quipu {name}": ([quipu, name], ["no-such-plan"]) for name in ("run", "tokenize", "bench", "inspect")}
commands["quipu logits"] = ([quipu, "logits"], ["no-such-plan", "--prompt-tokens", "1", "-o", "no-such-output"])
commands["quipu-compile"] = ([compiler], ["no-such-model", "-o", "no-such-output"])
tried = 0
for command, (start, arguments) in commands.items():
    text = subprocess.run(start + ["--help"], capture_output=True, text=True, check=True).stdout
    options = re.findall(r"^  (-\S*) (N|X|N,\.\.\.)(?:=\S*)?(?: |$)", text, re.MULTILINE)
    assert options or "tokenize" in command, text
    for names, kind in options:
        for name in names.split(","):
            for value in {"N": WHOLE, "X": REAL, "N,...": LIST}[kind]:
                if kind == "N,..." and value == "1,010":
                    value = "128,010"
                run = subprocess.run(start + arguments + [name, value], capture_output=True, text=True)
                what = f"{command} {name} {value!r}: status {run.returncode}: {run.stderr}{run.stdout}"
                assert run.returncode == 2, what
                assert run.stderr.count("\n") == 1 and run.stdout == "", what
                long_name = next((n for n in names.split(",") if n.startswith("--")), name)
                assert name in run.stderr or long_name in run.stderr, what
                wrong = [item for item in value.split(",") if not re.fullmatch("0|[1-9][0-9]{0,8}", item)]
                quoted = f"'{wrong[0] if kind == 'N,...' else value}'"
                assert quoted in run.stderr or (value == "" and "empty" in run.stderr), what
                tried += 1
assert tried > 500, tried
print(tried, "refused")
