#!/usr/bin/env python3
"""Writes models in GGUF, and the same models as Hugging Face folders.

    gguf_models.py OUT

OUT is a folder to be made anew: NAME_TYPE.gguf holds the model NAME of test/goldens with matrices in blocks of TYPE, the
folder NAME_TYPE the values of these blocks as f32. Prints NAME_TYPE of each.
"""

import json
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test/e2e/Inputs"))
from check_gguf import decoded  # noqa: E402
from check_quantized import read_tensors, write_tensors  # noqa: E402
from gguf_file import write_model  # noqa: E402

# Biases, divisors of rotary frequencies and interleaved pairs; fused tensors and pairs of halves.
MODELS = [("biases", "q8_0"), ("rope_llama3", "q8_0"), ("phi3", "q4_0"), ("tied", "q4_0")]


def main():
    out = pathlib.Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    for name, element in MODELS:
        golden, folder = ROOT / "test/goldens" / name, out / f"{name}_{element}"
        folder.mkdir(parents=True)
        config = json.loads((golden / "config.json").read_text())
        tensors = read_tensors(golden / "model.safetensors")
        write_model(out / f"{name}_{element}.gguf", config, tensors, element)
        (folder / "config.json").write_text(json.dumps(config))
        write_tensors(folder / "model.safetensors",
                      {tensor: (shape, decoded(shape, values, element)) for tensor, (shape, values) in tensors.items()})
        print(folder.name)


if __name__ == "__main__":
    main()
