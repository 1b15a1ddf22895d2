"""Copies a model of f32 weights with one less in each norm and half of each value in the embedding, and gives a module
of it the attributes that undo both.

    changed-model.py MODEL COPY < imported.mlir > changed.mlir
"""

import array
import json
import pathlib
import re
import shutil
import struct
import sys

model, copy = map(pathlib.Path, sys.argv[1:])
shutil.copytree(model, copy, dirs_exist_ok=True)
data = bytearray((model / "model.safetensors").read_bytes())
size, = struct.unpack("<Q", data[:8])
for name, tensor in json.loads(data[8:8 + size]).items():
    if name == "__metadata__" or not ("norm" in name or "embed_tokens" in name):
        continue
    assert tensor["dtype"] == "F32"
    begin, end = (8 + size + offset for offset in tensor["data_offsets"])
    values = array.array("f", bytes(data[begin:end]))
    data[begin:end] = array.array("f", [value - 1 if "norm" in name else value / 2 for value in values]).tobytes()
(copy / "model.safetensors").write_bytes(data)

text, norms = re.subn(r'(llama\.weight @\S+ : \S+ role norm sources \["\S+"\])', r"\1 {plus = 1.0 : f64}", sys.stdin.read())
text, embeddings = re.subn(r"(llama\.embedding %\S+, %\S+) :", r"\1 {scale = 2.0 : f64} :", text)
assert norms == 7 and embeddings == 1, (norms, embeddings)
print(text)
