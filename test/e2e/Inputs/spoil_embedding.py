"""spoil_embedding.py MODEL OUT TOKEN: copies a model in f32 whose embedding of TOKEN is NaN."""

import json
import pathlib
import shutil
import struct
import sys

model, out, token = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
shutil.copytree(model, out)
path = out / "model.safetensors"
data = bytearray(path.read_bytes())
(size,) = struct.unpack("<Q", data[:8])
tensor = json.loads(data[8 : 8 + size])["model.embed_tokens.weight"]
assert tensor["dtype"] == "F32"
columns = tensor["shape"][1]
begin = 8 + size + tensor["data_offsets"][0] + token * columns * 4
data[begin : begin + columns * 4] = struct.pack("<f", float("nan")) * columns
path.write_bytes(data)
