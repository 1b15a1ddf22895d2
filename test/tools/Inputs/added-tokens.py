#!/usr/bin/env python3
"""Copies a model's tokenizer beside a small config with random weights, with two added tokens behind its pieces.

    added-tokens.py MODEL FOLDER
"""
import json
import pathlib
import random
import shutil
import struct
import sys

source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True)
shutil.copy(source / "tokenizer.model", folder)
hidden, inner, vocab = 16, 16, 2050
config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner,
          "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": vocab, "max_position_embeddings": 64,
          "eos_token_id": 2, "torch_dtype": "float32"}
(folder / "config.json").write_text(json.dumps(config))
shapes = {"model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden], "lm_head.weight": [vocab, hidden]}
for name in ("input_layernorm", "post_attention_layernorm"):
    shapes[f"model.layers.0.{name}.weight"] = [hidden]
for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
    shapes[f"model.layers.0.self_attn.{name}.weight"] = [hidden, hidden]
for name in ("gate_proj", "up_proj", "down_proj"):
    shapes[f"model.layers.0.mlp.{name}.weight"] = [inner, hidden]
random.seed(1)
header, data = {}, b""
for name, shape in shapes.items():
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
    data += struct.pack(f"<{count}f", *(random.gauss(0, 0.1) for _ in range(count)))
text = json.dumps(header).encode()
(folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
(folder / "added_tokens.json").write_text(json.dumps({"<|im_start|>": 2048}))
(folder / "special_tokens_map.json").write_text(json.dumps({"additional_special_tokens": ["<|im_end|>"]}))
(folder / "tokenizer_config.json").write_text(json.dumps(
    {"add_bos_token": True, "eos_token": "<|im_end|>", "legacy": False, "model_max_length": 64}))
