#!/usr/bin/env python3
"""Spoils a copy of a good model and sees that `quipu compile` refuses it properly.

    refuse.py GOLDEN WORK CHANGE... [--bare]

A CHANGE is one of
    config FIELD=JSON        sets a field of config.json        config FIELD      removes it
    text FILE=TEXT           the whole text of a file
    tensor NAME=JSON         merges JSON into a tensor's entry of the safetensors header; null removes the entry
    rename NAME=NAME         renames a tensor's entry
    cut FILE=BYTES           keeps that many bytes of the file; negative: all but that many
    append FILE=TEXT         adds text behind the file
    length BYTES             what the file of weights claims its header's length to be
    remove FILE
(kind and value are one argument: "config hidden_size=-8"). With --bare, config.json alone is compiled.

The command must exit with status 1, write nothing to standard output and leave nothing in the folder of the output; the
message is printed, for FileCheck. It must be one line or a few, without a crash's trace.
"""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

from checks import made_anew

WEIGHTS = "model.safetensors"


def read_header(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


def write_header(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def change(model, kind, value):
    name, has_value, text = value.partition("=")
    if kind == "config":
        config = json.loads((model / "config.json").read_text())
        config.pop(name, None)
        if has_value:
            config[name] = json.loads(text)
        (model / "config.json").write_text(json.dumps(config))
    elif kind == "text":
        (model / name).write_text(text)
    elif kind in ("tensor", "rename"):
        header, data = read_header(model / WEIGHTS)
        entry = header.pop(name)
        if kind == "rename":
            header[text] = entry
        elif (update := json.loads(text)) is not None:
            header[name] = {**entry, **update}
        write_header(model / WEIGHTS, header, data)
    elif kind == "cut":
        data = (model / name).read_bytes()
        (model / name).write_bytes(data[:int(text)])
    elif kind == "append":
        with open(model / name, "ab") as file:
            file.write(text.encode())
    elif kind == "length":
        data = (model / WEIGHTS).read_bytes()
        (model / WEIGHTS).write_bytes(struct.pack("<Q", int(value)) + data[8:])
    elif kind == "remove":
        (model / value).unlink()
    else:
        sys.exit(f"unknown change {kind}")


def main():
    golden, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    changes = sys.argv[3:]
    bare = "--bare" in changes
    model, output = made_anew(work) / "model", work / "output"
    output.mkdir()
    shutil.copytree(golden, model)
    for argument in changes:
        if argument != "--bare":
            change(model, *argument.split(" ", 1))
    source = model / "config.json" if bare else model
    run = subprocess.run(["quipu", "compile", str(source), "-o", str(output / "plan")], text=True, errors="replace",
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    print(run.stderr, end="")
    if run.returncode != 1:
        sys.exit(f"expected exit status 1, got {run.returncode}")
    if run.stdout:
        sys.exit(f"wrote to standard output: {run.stdout}")
    if left := os.listdir(output):
        sys.exit(f"left behind: {left}")
    if run.stderr.count("\n") > 3 or "Stack dump" in run.stderr or "PLEASE submit" in run.stderr:
        sys.exit("the message is not a message")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
