"""block-goldens.py > block-goldens.json: random blocks of every format, and their values as the Python package `gguf`
dequantises them. One line for each format: the bytes of two blocks in hexadecimal digits, and the bits of their values
as f32."""

import json
import warnings

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

warnings.simplefilter("ignore")
FORMATS = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"]
# Where the f16 numbers of a block lie; any other bytes are good bytes.
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}

generator = np.random.default_rng(12345)
lines = []
for name in FORMATS:
    kind = GGMLQuantizationType[name]
    _, size = GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (2, size), dtype=np.uint8)
    for offset in HALVES.get(name, [0]):
        numbers = generator.normal(0, 0.1, 2).astype(np.float16)
        blocks[:, offset : offset + 2] = numbers.view(np.uint8).reshape(2, 2)
    values = dequantize(blocks, kind).astype(np.float32).reshape(-1)
    lines.append(json.dumps({"format": name.lower(), "bytes": blocks.tobytes().hex(), "bits": values.view(np.uint32).tolist()}))
print("[\n" + ",\n".join(lines) + "\n]")
