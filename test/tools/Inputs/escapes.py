"""escapes.py QUIPU MODEL SCRATCH: what names in files hold reaches no terminal as it is: no control character, no byte
that is not UTF-8, and JSON that parses, from every command, whatever the folder, a field or a tensor is called."""

import json
import os
import shutil
import struct
import subprocess
import sys

from terminal import output_on_terminal

quipu, model, scratch = sys.argv[1:]
# Separators of lines and paragraphs, and all that turns the direction of text.
TURNING = [0x061c, 0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a)]
HOSTILE = b"we\x1b[31mird" + "".join(map(chr, TURNING)).encode() + b"\xc2\x9b0m\x7f\r\xff\xe2\x80\xaetxt\nquipu: error: forged"
folder = os.path.join(os.fsencode(scratch), HOSTILE)
plan = os.path.join(folder, b"story.qplan")
environment = {**os.environb, b"QUIPU_CACHE": os.path.join(folder, b"cache")}


def run(*arguments, status=0, is_json=False):
    command = [os.fsencode(part) for part in (quipu, *arguments)]
    result = subprocess.run(command, capture_output=True, env=environment)
    assert result.returncode == status, (arguments, result)
    for stream in (result.stdout, result.stderr):
        text = stream.decode("utf-8")
        for character in text:
            code = ord(character)
            assert character in "\n\t" or not (code < 32 or 127 <= code < 160 or code in TURNING), (arguments, text)
    assert b"\nquipu: error: forged" not in result.stderr, result.stderr
    if is_json:
        json.loads(result.stdout)
    return result


shutil.copytree(os.fsencode(model), folder)
run("compile", folder, "-o", plan, "--verbose", "--timing")
run("compile", folder, "-o", "-", "--emit", "mlir")
escaped = run("inspect", plan).stdout
assert b"we\\x1b[31mird" in escaped
assert all(b"\\u%04x" % code in escaped for code in TURNING), escaped
for option in ("--memory", "--weights-table"):
    run("inspect", plan, option)
run("inspect", plan, "--json", is_json=True)
run("doctor")
run("doctor", "--json", is_json=True)
run("bench", plan, "-p", "4", "-n", "4", "-r", "1")
run("bench", plan, "-p", "4", "-n", "4", "-r", "1", "--json", is_json=True)
run("run", folder, "hi", "-n", "2", "--verbose")
run("run", plan, "hi", "-n", "2", "--json", "--verbose", is_json=True)
run("tokenize", folder, "hi", "--pieces")
run("tokenize", folder, "hi", "--json", is_json=True)
assert b"\\x1b[31m" in run("run", plan + b"2", "hi", status=1).stderr
run("run", plan, "hi", "--device", HOSTILE.decode("latin-1"), status=1)
run("run", plan, "hi", "--" + HOSTILE.decode("latin-1"), status=2)
run(HOSTILE, status=2)

# A field's value, a field's name and a tensor's name.
with open(os.path.join(os.fsencode(model), b"config.json")) as file:
    config = json.load(file)
evil = HOSTILE.decode("utf-8", "replace")
for change in ({"model_type": evil}, {"hidden_act": evil}, {"architectures": [evil]}, {evil: evil},
               {"rope_scaling": {"type": evil, "factor": 2.0}}, {"torch_dtype": evil}):
    with open(os.path.join(folder, b"config.json"), "w") as file:
        json.dump({**config, **change}, file)
    command = [os.fsencode(quipu), b"compile", folder, b"-o", plan, b"--verbose"]
    status = subprocess.run(command, capture_output=True, env=environment).returncode
    run("compile", folder, "-o", plan, "--verbose", status=status)
with open(os.path.join(folder, b"config.json"), "w") as file:
    json.dump(config, file)
weights = os.path.join(folder, b"model.safetensors")
with open(weights, "rb") as file:
    size, = struct.unpack("<Q", file.read(8))
    header, rest = json.loads(file.read(size)), file.read()
header = {name if name != "model.norm.weight" else evil: value for name, value in header.items()}
text = json.dumps(header).encode()
with open(weights, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + rest)
run("compile", folder, "-o", plan, status=1)

# What a model writes is for programs as it is; on a terminal it moves nothing.
shutil.copytree(os.fsencode(model), folder, dirs_exist_ok=True)
run("compile", folder, "-o", plan)
arguments = [os.fsencode(quipu), b"run", plan, b"hi", b"-n", b"400", b"--ignore-eos", b"--temperature", b"30",
             b"--weights", b"random:1", b"--seed", b"3"]
piped = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment).stdout
controls = [byte for byte in piped[:-1] if (byte < 32 and byte not in b"\n\t") or byte == 127]
assert controls, "this draw has no control characters: choose another seed"
shown = output_on_terminal(arguments, "stdout", environment)
shown = shown.replace(b"\r\n", b"\n")
assert not [byte for byte in shown if (byte < 32 and byte not in b"\n\t") or byte == 127], shown
assert b"\\x%02x" % controls[0] in shown, shown
print("escaped")
