#!/usr/bin/env python3
"""Holds a model in GGUF against the same model in a Hugging Face folder.

    check_gguf.py MODEL WORK [--type f32|f16|bf16|q8_0|q4_0] [--files N] [--target cpu:...] [--set FIELD=JSON]

MODEL is a folder of test/goldens with weights in f32, WORK a folder to be made anew. The model is written as GGUF with
matrices of the type, and as a folder whose weights are these matrices' values in f32; FIELDs of its config are changed in
both. The logits at every position agree: to 1e-5 of the largest in f32, to 1e-4 where weights are decoded.
"""

import array
import json
import struct

from block_formats import FORMATS, rounded
from check_golden import hold_chunks
from checks import finish, made_anew, parser_of, quipu
from check_quantized import read_tensors, write_tensors
from compare_npy import read_npy
from gguf_file import payload, write_model

DENSE = ("f32", "f16", "bf16")
CHUNKS = [None, 7, 1]


def decoded(shape, values, name):
    """Values as they are after they were stored in the type."""
    if len(shape) != 2 or name == "f32":
        return values
    if name == "f16":
        return array.array("f", struct.unpack(f"<{len(values)}e", payload(values, name)))
    if name == "bf16":
        return array.array("f", array.array("I", (b << 16 for b in array.array("H", payload(values, name)))).tobytes())
    return array.array("f", rounded(values, name)) if shape[1] % FORMATS[name][0] == 0 else values


def main():
    parser = parser_of(__doc__, "model", "work")
    parser.add_argument("--type", choices=[*DENSE, *FORMATS], default="f32")
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=JSON")
    options = parser.parse_args()
    work = made_anew(options.work)
    (work / "folder").mkdir()
    config = json.loads((options.model / "config.json").read_text())
    for text in options.set:
        field, value = text.split("=", 1)
        config[field] = json.loads(value)
    tensors = read_tensors(options.model / "model.safetensors")
    file = write_model(work / "model.gguf", config, tensors, options.type, options.files)
    (work / "folder" / "config.json").write_text(json.dumps(config))
    write_tensors(work / "folder" / "model.safetensors",
                  {name: (shape, decoded(shape, values, options.type)) for name, (shape, values) in tensors.items()})

    prompt = (options.model / "prompt.txt").read_text().strip()

    flags = ["--dtype", "f32", "--target", options.target, "--activations", "exact"]
    quipu("compile", work / "folder", "-o", work / "folder.qplan", *flags)
    quipu("compile", file, "-o", work / "gguf.qplan", *flags)
    # Matrices stay in memory as the file has them.
    for weight in json.loads(quipu("inspect", work / "gguf.qplan", "--json"))["weights"]:
        stored = {source["dtype"] for source in weight["sources"]}
        assert stored == {weight["dtype"]}, weight
    quipu("logits", work / "folder.qplan", "--prompt-tokens", prompt, "--all", "-o", work / "expected.npy")
    tolerance = 1e-5 if options.type in DENSE else 1e-4
    missed = hold_chunks(work / "gguf.qplan", prompt, read_npy(work / "expected.npy"), tolerance, work, CHUNKS)
    finish(f"{options.model.name} {options.type}", missed, work)


if __name__ == "__main__":
    main()
