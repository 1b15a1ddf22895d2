"""nan-weight.py MODEL TARGET: a copy of a folder in which one value of a matrix is no number."""

import json
import pathlib
import shutil
import struct
import sys

model, target = map(pathlib.Path, sys.argv[1:])
shutil.copytree(model, target)
path = target / "model.safetensors"
data = bytearray(path.read_bytes())
size, = struct.unpack("<Q", data[:8])
entry = json.loads(data[8:8 + size])["model.layers.0.mlp.up_proj.weight"]
assert entry["dtype"] == "F32"
offset = 8 + size + entry["data_offsets"][0] + 4 * (3 * entry["shape"][1] + 5)
data[offset:offset + 4] = struct.pack("<f", float("nan"))
path.write_bytes(data)
