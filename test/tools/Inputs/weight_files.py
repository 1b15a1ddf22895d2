"""Safetensors files for tests: made without data, and changed in place."""

import json
import pathlib
import struct

SIZES = {"F32": 4, "F16": 2, "BF16": 2}


def llama_tensors(config):
    """(name, shape) of every tensor of a config without biases."""
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head = hidden // heads
    yield "model.embed_tokens.weight", [vocab, hidden]
    for layer in range(config["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        yield name + "input_layernorm.weight", [hidden]
        yield name + "post_attention_layernorm.weight", [hidden]
        for part, rows in (("q", heads * head), ("k", kv_heads * head), ("v", kv_heads * head)):
            yield name + f"self_attn.{part}_proj.weight", [rows, hidden]
        yield name + "self_attn.o_proj.weight", [hidden, heads * head]
        yield name + "mlp.gate_proj.weight", [inner, hidden]
        yield name + "mlp.up_proj.weight", [inner, hidden]
        yield name + "mlp.down_proj.weight", [hidden, inner]
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [vocab, hidden]


def write_sparse(path, tensors, dtype="BF16"):
    """A file whose values are all zero and take no room on the disk."""
    header, end = {}, 0
    for name, shape in tensors:
        size = SIZES[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


class Weights:
    """Where the tensors of a file lie."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            self.header = json.loads(file.read(length))
        self.header.pop("__metadata__", None)
        self.data = 8 + length

    def range(self, tensor):
        begin, end = self.header[tensor]["data_offsets"]
        return self.data + begin, self.data + end

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)
