#!/usr/bin/env python3
"""Wraps the weights of a good model as other programs do, and sees that the logits stay the same, bit for bit.

    wrap.py GOLDEN WORK prefix TEXT     before every tensor's name
    wrap.py GOLDEN WORK body TEXT       in place of "model."
    wrap.py GOLDEN WORK buffers         adds rotary tables of float64, a mask of booleans, and a null for metadata
    wrap.py GOLDEN WORK no-index        removes model.safetensors.index.json

What the compiler says about the wrapped model is printed, for FileCheck.
"""

import json
import pathlib
import shutil
import struct
import subprocess
import sys

golden, work, kind = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]


def change_header(path, change):
    bytes_ = path.read_bytes()
    length = struct.unpack("<Q", bytes_[:8])[0]
    header, data = change(json.loads(bytes_[8:8 + length]), bytes_[8 + length:])
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def renamed(rename):
    return lambda header, data: ({name if name == "__metadata__" else rename(name): value
                                  for name, value in header.items()}, data)


def with_buffers(header, data):
    header["__metadata__"] = None
    for name, dtype, size in (("model.layers.0.self_attn.rotary_emb.inv_freq", "F64", 8),
                              ("model.layers.1.self_attn.bias", "BOOL", 1)):
        header[name] = {"dtype": dtype, "shape": [3], "data_offsets": [len(data), len(data) + 3 * size]}
        data += bytes(3 * size)
    return header, data


def logits(model, name):
    plan, output = work / f"{name}.qplan", work / f"{name}.npy"
    compiled = subprocess.run(["quipu", "compile", str(model), "--dtype", "f32", "-o", str(plan)], check=True, text=True,
                              stderr=subprocess.PIPE)
    subprocess.run(["quipu", "logits", str(plan), "--prompt-tokens", "1,5,9,2", "--all", "-o", str(output)], check=True)
    return compiled.stderr, output.read_bytes()


shutil.rmtree(work, ignore_errors=True)
model = work / "model"
shutil.copytree(golden, model)
if kind == "prefix":
    change_header(model / "model.safetensors", renamed(lambda name: sys.argv[4] + name))
elif kind == "body":
    change_header(model / "model.safetensors",
                  renamed(lambda name: sys.argv[4] + name[6:] if name.startswith("model.") else name))
elif kind == "buffers":
    change_header(model / "model.safetensors", with_buffers)
elif kind == "no-index":
    (model / "model.safetensors.index.json").unlink()
said, wrapped = logits(model, "wrapped")
print(said, end="")
if wrapped != logits(golden, "plain")[1]:
    sys.exit("other logits")
print("same logits")
