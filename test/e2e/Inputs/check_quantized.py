#!/usr/bin/env python3
"""Holds a model whose weights are quantised against the same model whose weights were rounded beforehand.

    check_quantized.py MODEL WORK --format q8_0 [--target cpu:...] [--dtype f32|bf16]

MODEL is a folder of test/goldens, WORK a folder to be made anew. The rounded model stores its matrices as f32 (see
block_formats.py). In f32 the logits at every position agree to 1e-4 of the largest: of the code, in one piece, in chunks
and token by token; of the reference lowering; and of the model that a bundle holds. In bf16 activations are rounded
wherever the reference lowering rounds them: the code is held against it, to twice the error that transformers makes in
bf16.
"""

import array
import json
import math
import shutil
import struct
import subprocess

from block_formats import FORMATS, rounded
from check_golden import RARE_DRAW
from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy, worst_row

TOLERANCE = 1e-4
CHUNKS = [None, 7, 33, 1]


def read_tensors(path):
    """Name to shape and f32 values."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, header in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        assert header["dtype"] == "F32", header
        begin, end = (8 + size + offset for offset in header["data_offsets"])
        tensors[name] = header["shape"], array.array("f", data[begin:end])
    return tensors


def write_tensors(path, tensors):
    header, offset = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * math.prod(shape)]}
        offset += 4 * math.prod(shape)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for _, values in tensors.values()))


def is_quantized(shape, name):
    return len(shape) == 2 and shape[1] % FORMATS[name][0] == 0


def round_model(model, target, name):
    """Writes the model with rounded matrices."""
    target.mkdir()
    shutil.copy(model / "config.json", target)
    tensors = read_tensors(model / "model.safetensors")
    for tensor, (shape, values) in tensors.items():
        if is_quantized(shape, name):
            tensors[tensor] = shape, array.array("f", rounded(values, name))
    write_tensors(target / "model.safetensors", tensors)


def check_formats(plan, name):
    """Each weight is kept in the format that its shape calls for."""
    for weight in json.loads(quipu("inspect", plan, "--json"))["weights"]:
        expected = name if is_quantized(weight["shape"], name) else "f32"
        assert weight["dtype"] == expected, weight
        assert weight["sources"][0]["dtype"] == expected, weight


class Check:
    def __init__(self, tolerance):
        self.tolerance = tolerance
        self.missed = []

    def compare(self, name, found, expected):
        error, row, _ = worst_row(read_npy(found), read_npy(expected))
        print(f"{name}: largest error {error:.3g} at position {row}, tolerance {self.tolerance:.3g}")
        if error > self.tolerance:
            self.missed.append(name)


def evaluate(model, work, prompt, output, *flags):
    """Logits by the reference lowering of the imported module."""
    module = work / "import.mlir"
    subprocess.run(["quipu-compile", model, "--stop-after", "import", "-o", module, *flags], check=True)
    subprocess.run(["quipu-eval", module, "--weights", model, "--tokens", prompt, "-o", output], check=True)


def main():
    parser = parser_of(__doc__, "model", "work")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    options = parser.parse_args()
    model, work = options.model, made_anew(options.work)
    prompt = (model / "prompt.txt").read_text().strip()
    plan, expected = work / "plan", work / "expected.npy"
    flags = ["--quantize", options.format, "--dtype", options.dtype, "--activations", "exact"]

    def logits(of, output, *more):
        quipu("logits", of, "--prompt-tokens", prompt, "--all", "-o", output, *more)
        return output

    quipu("compile", model, "-o", plan, "--target", options.target, *flags)
    if options.dtype == "f32":
        check = Check(TOLERANCE)
        round_model(model, work / "rounded", options.format)
        check_formats(plan, options.format)
        quipu("compile", work / "rounded", "-o", work / "rounded.plan", "--target", options.target, "--dtype", "f32")
        logits(work / "rounded.plan", expected)
        evaluate(model, work, prompt, work / "reference.npy", *flags)
        check.compare("reference lowering", work / "reference.npy", expected)
        quipu("compile", model, "-o", work / "bundle", "--bundle", "--target", options.target, *flags)
        check.compare("bundle", logits(work / "bundle", work / "bundle.npy"), expected)
    else:
        check = Check(RARE_DRAW * json.loads((model / "meta.json").read_text())["bf16_error"])
        evaluate(model, work, prompt, expected, *flags)
    for chunk in CHUNKS:
        found = logits(plan, work / "found.npy", *([] if chunk is None else ["--chunk", chunk]))
        check.compare(f"chunks of {chunk or 'all'}", found, expected)
    finish(f"{model.name} {options.format} {options.dtype}", check.missed, work)


if __name__ == "__main__":
    main()
