#!/usr/bin/env python3
"""Writes a small LLaMA model with random weights into a folder, and copies the files of a tokenizer into it.

    tokenizer-model.py FOLDER VOCAB FILE...
"""
import json
import pathlib
import random
import shutil
import struct
import sys

folder, vocab = pathlib.Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir(parents=True)
for file in sys.argv[3:]:
    shutil.copy(file, folder)
hidden, inner = 16, 16
config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner,
          "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": vocab, "max_position_embeddings": 64,
          "eos_token_id": None, "torch_dtype": "float32"}
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
