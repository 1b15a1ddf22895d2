#!/usr/bin/env python3
"""Holds GGUF files that `quipu convert` writes against the Python package gguf, which reads them.

    check_gguf_package.py WORK q8_0 q4_k_m ...

Needs gguf and numpy (written with gguf 0.19). A model of one layer becomes a file in each format of --quantize, and that a
file in f32. The package finds the same tensors in both, and makes numbers of the first that are those of the second, bit
for bit. The keys say the architecture, the name and the sizes of the model.
"""

import json

import gguf
import numpy as np

from checks import finish, made_anew, parser_of, quipu
from tokenizer_models import write_weights


def tensors_of(reader):
    return {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in reader.tensors}


def check(model, form, work):
    config = json.loads((model / "config.json").read_text())
    files = work / f"{form}.gguf", work / f"{form}-f32.gguf"
    quipu("convert", model, "-o", files[0], "--quantize", form)
    quipu("convert", files[0], "-o", files[1], "--dtype", "f32")
    readers = [gguf.GGUFReader(file) for file in files]
    keys = {name: readers[0].get_field(key).contents() for name, key in (
        ("model_type", "general.architecture"), ("hidden_size", "llama.embedding_length"),
        ("num_hidden_layers", "llama.block_count"), ("vocab_size", "llama.vocab_size"))}
    missed = [f"{name} is {found}" for name, found in keys.items() if found != config[name]]
    missed += [] if readers[1].get_field("general.name").contents() == "model" else ["general.name"]
    found, expected = map(tensors_of, readers)
    if found.keys() != expected.keys() or len(found) < 10:
        missed.append(f"tensors {sorted(found)} and {sorted(expected)}")
    missed += [name for name in found if not np.array_equal(found[name], expected.get(name))]
    types = sorted({tensor.tensor_type.name for tensor in readers[0].tensors})
    print(f"{form}: {len(found)} tensors of {', '.join(types)}")
    return [f"{form}: {each}" for each in missed]


def main():
    parser = parser_of(__doc__, "work")
    parser.add_argument("formats", nargs="+")
    options = parser.parse_args()
    work = made_anew(options.work)
    (work / "model").mkdir()
    write_weights(work / "model", 300, width=256)
    missed = [each for form in options.formats for each in check(work / "model", form, work)]
    finish("gguf", missed, work)


if __name__ == "__main__":
    main()
