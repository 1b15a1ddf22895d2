#!/usr/bin/env python3
"""Holds the rounding of `quipu convert --quantize` against that of llama.cpp's tool, on the same tensors.

    compare_rounding.py --llama-quantize BIN [--quipu BIN] [--model FILE.gguf] [--formats q8_0,q4_0,q4_k,q6_k]

Tensors are those of a model with random normal weights, and of FILE.gguf (SmolLM2, say: tools/fetch_smollm2.sh), as f32.
Prints for each format, as it is stored in both files, the mean squared error of both, and the worst tensor. Ends with
status 1 where ours is larger, for a format as a whole. And it sees that both files of q4_k_m give each tensor the same
format. Needs numpy and the Python package gguf; not part of the test suites.
"""

import argparse
import collections
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy

# What sums in another order may change.
SLACK = 1.0001


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")


def write_random_model(folder, layers=8, hidden=512, width=1024, vocabulary=768):
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": width,
              "num_hidden_layers": layers, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": vocabulary,
              "max_position_embeddings": 64, "tie_word_embeddings": False, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens": (vocabulary, hidden), "model.norm": (hidden,), "lm_head": (vocabulary, hidden)}
    for layer in range(layers):
        for name, shape in {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,),
                            "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden // 4, hidden),
                            "self_attn.v_proj": (hidden // 4, hidden), "self_attn.o_proj": (hidden, hidden),
                            "mlp.gate_proj": (width, hidden), "mlp.up_proj": (width, hidden),
                            "mlp.down_proj": (hidden, width)}.items():
            shapes[f"model.layers.{layer}.{name}"] = shape
    draw = numpy.random.default_rng(1)
    header, offset, parts = {}, 0, []
    for name, shape in shapes.items():
        values = draw.standard_normal(shape, dtype=numpy.float32) / numpy.float32(numpy.sqrt(shape[-1]))
        header[f"{name}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
        parts.append(values.tobytes())
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def tensors(path):
    """By name: the type and a function that gives the values."""
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def values(tensor):
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float64).ravel()


class Comparison:
    def __init__(self, options, work):
        self.options, self.work, self.failed = options, work, []

    def both(self, exact, mix, *flags):
        ours, theirs = self.work / "ours.gguf", self.work / "theirs.gguf"
        for path in (ours, theirs):
            path.unlink(missing_ok=True)
        run(self.options.quipu, "convert", exact, "-o", ours, "--quantize", mix, "--without-tokenizer")
        run(self.options.llama_quantize, *flags, exact, theirs, mix.upper())
        return tensors(ours), tensors(theirs)

    def errors(self, name, exact, mix):
        ours, theirs = self.both(exact, mix, "--pure")
        sums = collections.defaultdict(lambda: [0, 0, 0.0, 0.0, 0.0, ""])
        for tensor in tensors(exact).values():
            mine, other = ours[tensor.name], theirs[tensor.name]
            stored = mine.tensor_type.name.lower()
            if stored == "f32":
                continue
            if mine.tensor_type != other.tensor_type:
                self.failed.append(f"{name}, {mix}, {tensor.name}: {stored} and {other.tensor_type.name}")
                continue
            expected = values(tensor)
            error = [float(numpy.sum((values(each) - expected) ** 2)) for each in (mine, other)]
            entry = sums[stored]
            entry[0] += 1
            entry[1] += expected.size
            entry[2] += error[0]
            entry[3] += error[1]
            if error[1] > 0 and error[0] / error[1] > entry[4]:
                entry[4:] = error[0] / error[1], tensor.name
        for stored, (count, size, mine, other, worst, tensor) in sums.items():
            ratio = mine / other if other else 1.0 if mine == 0 else float("inf")
            print(f"{name:10} {mix:6} {stored:6} {count:4} tensors   ours {mine / size:.6e}   theirs {other / size:.6e}   "
                  f"ratio {ratio:.4f}   worst {worst:.4f} ({tensor})", flush=True)
            if mine > other * SLACK:
                self.failed.append(f"{name}, {mix} stored as {stored}: {ratio:.4f} of the error")

    def mixture(self, name, exact):
        ours, theirs = self.both(exact, "q4_k_m")
        others = [f"{tensor}: {ours[tensor].tensor_type.name} and {theirs[tensor].tensor_type.name}" for tensor in theirs
                  if ours[tensor].tensor_type != theirs[tensor].tensor_type]
        counts = collections.Counter(tensor.tensor_type.name for tensor in ours.values())
        print(f"{name:10} q4_k_m {'the same formats' if not others else 'other formats'}: {dict(counts)}", flush=True)
        self.failed += [f"{name}, q4_k_m, {line}" for line in others]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--llama-quantize", required=True, type=pathlib.Path)
    parser.add_argument("--quipu", default="quipu")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--formats", default="q8_0,q4_0,q4_k,q6_k")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        comparison = Comparison(options, work)
        write_random_model(work / "random")
        run(options.quipu, "convert", work / "random", "-o", work / "random.gguf")
        models = {"random": work / "random.gguf"}
        if options.model:
            run(options.quipu, "convert", options.model, "-o", work / "model.gguf", "--dtype", "f32", "--without-tokenizer")
            models["model"] = work / "model.gguf"
        for name, exact in models.items():
            for mix in options.formats.split(","):
                comparison.errors(name, exact, mix)
            comparison.mixture(name, exact)
    if comparison.failed:
        sys.exit("\n".join(comparison.failed))
    print("no error is larger")


if __name__ == "__main__":
    main()
