#!/usr/bin/env python3
"""more_seeds.py FOLDER: seeds for make_corpus.sh that no unit test writes into a file, one folder for each kind."""

import array
import base64
import json
import pathlib
import struct
import sys

TEST = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEST / "e2e" / "Inputs"))
from gguf_file import keys_of, tensors_of, write  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])


def keep(kind, name, data):
    (FOLDER / kind).mkdir(parents=True, exist_ok=True)
    (FOLDER / kind / name).write_bytes(data)


def byte_pieces():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def alphabet():
    """The characters of byte-level pieces: GPT-2's."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    return [chr(byte) for byte in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def ggufs():
    """Models of one layer and eight tokens."""
    config = {"model_type": "llama", "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 64,
              "rope_theta": 1e4}
    shapes = {"q_proj": [4, 4], "k_proj": [2, 4], "v_proj": [2, 4], "o_proj": [4, 4]}
    tensors = {f"model.layers.0.self_attn.{name}.weight": shape for name, shape in shapes.items()}
    tensors |= {f"model.layers.0.mlp.{name}.weight": [4, 4] for name in ("gate_proj", "up_proj", "down_proj")}
    tensors |= {f"model.layers.0.{name}.weight": [4] for name in ("input_layernorm", "post_attention_layernorm")}
    tensors |= {"model.embed_tokens.weight": [8, 4], "model.norm.weight": [4]}
    tensors = {name: (shape, array.array("f", [1] * (shape[0] * shape[-1] if len(shape) > 1 else shape[0])))
               for name, shape in tensors.items()}
    tokens = ["<unk>", "<s>", "</s>", "a", "b", "▁", "ab", "▁ab"]
    common = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 4]}
    kinds = {
        "none": {},
        "llama": common | {"tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [-float(i) for i in range(8)]},
        "gpt2": common | {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.merges": ["a b"],
                          "tokenizer.ggml.add_space_prefix": True, "tokenizer.chat_template": "{{ x }}"}}
    scalings = {
        "plain": None, "linear": {"type": "linear", "factor": 2},
        "yarn": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 32},
        "longrope": {"rope_type": "longrope", "original_max_position_embeddings": 32, "short_factor": [1.5],
                     "long_factor": [3]},
        "llama3": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                   "original_max_position_embeddings": 32}}
    (FOLDER / "model.gguf").mkdir(parents=True, exist_ok=True)
    for kind, keys in kinds.items():
        for name, scaling in scalings.items():
            scaled = config | {"rope_scaling": scaling}
            write(FOLDER / "model.gguf" / f"{kind}-{name}", keys_of(scaled) | keys,
                  tensors_of(scaled, tensors, "f16" if name == "linear" else "f32"))


def gguf_tokenizers():
    pieces = ["2<unk>", "3<s>", "3</s>", *("6" + piece for piece in byte_pieces()), "1▁a", "1ab", "4<mark>", "1▁"]
    keep("gguf_tokenizer", "llama", "\n".join(["llama", *pieces]).encode())
    keep("gguf_tokenizer", "no-bytes", "\n".join(["llama", "2<unk>", "1▁", "1a", "1▁a"]).encode())
    merged = ["1" + piece for piece in [*alphabet(), "Th", "Ġc", "Ġca"]] + ["3<|eot_id|>", "4<s>", "5x"]
    for pre in ("llama-bpe", "qwen2", "default", "tekken", "deepseek-coder", "bloom"):
        keep("gguf_tokenizer", pre, "\n".join([pre, *merged, "", "T h", "Ġ c", "Ġc a"]).encode())


def ranks():
    tokens = [bytes([byte]) for byte in range(256)] + [b"ab", b" c", b"abc"]
    lines = [f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(tokens)]
    keep("ranks", "good", "\n".join([*lines, ""]).encode())
    keep("ranks", "crlf", "\r\n".join(lines).encode())
    keep("ranks", "short", "\n".join(lines[:-2]).encode())
    keep("ranks", "twice", "\n".join(lines[:-1] + ["YWI= 258"]).encode())
    keep("ranks", "one", lines[0].encode())


def tokenizer_bins():
    pieces = ["<unk>", "\n<s>\n", "\n</s>\n", *byte_pieces(), " a", "ab", " ", "a", "b"]
    data = struct.pack("<I", 8)
    for i, piece in enumerate(pieces):
        data += struct.pack("<fI", -float(i), len(piece)) + piece.encode()
    keep("tokenizer.bin", "good", data)
    keep("tokenizer.bin", "cut", data[:-3])
    keep("tokenizer.bin", "not-utf8", data[:-1] + b"\xff")
    keep("tokenizer.bin", "short", data[:4])


def chat_templates():
    """The templates of test/chat, and many pieces of the language in one."""
    for path in sorted((TEST / "chat" / "templates").glob("*.jinja")):
        keep("chat_template", path.stem, path.read_bytes())
    cases = json.loads((TEST / "chat" / "language.json").read_text())["cases"]
    for i in range(0, len(cases), 10):
        keep("chat_template", f"language-{i}", "\n".join(case[0] for case in cases[i:i + 10]).encode())


def plan_files():
    magic = b"QUIPUPLN"
    for name, size in (("short", 12), ("header", 64), ("more", 100)):
        keep("plan_file", name, (magic + struct.pack("<IIQ", 2, 6, size - 64 if size >= 64 else 0)).ljust(size, b"\0"))
    keep("plan_file", "text", b"not a plan")
    keep("plan_file", "end", b"\0" * 200 + magic)


def configs():
    for kind in ("config.json", "generation_config.json", "params.json"):
        for i, path in enumerate(sorted([*TEST.glob(f"goldens/*/{kind}"), *TEST.glob(f"../benchmarks/configs/*/{kind}")])):
            keep(kind, f"golden-{i}", path.read_bytes())
    for i, text in enumerate(('{"eos_token_id": [2, 3], "bos_token_id": 1}', '{"eos_token_id": -1}', '{"eos_token_id": null}',
                              '{"bos_token_id": 99}', "[]", '{"eos_token_id": "2"}')):
        keep("generation_config.json", f"hand-{i}", text.encode())


def requests():
    """Bodies and heads for `quipu serve`: right ones, and ones that are refused."""
    bodies = [
        {"model": "model", "prompt": "a</s>b", "max_tokens": 3, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1,
         "seed": -4, "n": 2, "best_of": 3, "logprobs": 2, "echo": True, "stop": ["b", ""], "logit_bias": {"5": -100, "6": 1.5},
         "presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 1.1, "stop_token_ids": [3], "user": "u"},
        {"prompt": [[1, 70], [71]], "stream": True, "stream_options": {"include_usage": True}},
        {"prompt": [1, 2, 3], "suffix": None, "add_special_tokens": False, "ignore_eos": True, "priority": 5, "cache_salt": "s"},
        {"prompt": ["a", "b"], "suffix": "c"},
        {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}],
         "max_completion_tokens": 4, "logprobs": True, "top_logprobs": 2, "response_format": {"type": "text"}, "tools": []},
        {"messages": [{"role": "user", "content": "a", "tool_calls": [1]}], "n": 200},
        {"tokens": [1, 70, 71]}, {"tokens": ["a"]}, {"prompt": {"a": 1}}, {"prompt": "a", "unknown": 1}, [],
    ]
    for i, body in enumerate(bodies):
        keep("text_request", f"hand-{i}", json.dumps(body).encode())
    heads = [b"GET /v1/models?a=b HTTP/1.1\r\nHost: localhost:8080\r\nX-A:\tb\r\n\r\nrest",
             b"\r\nPOST http://a/b HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", b"GET / HTTP/1.1\nA: b\n\n",
             b"GET / HTTP/1.1\r\nA : b\r\n\r\n", b"GET / HTTP/1.1\r\nA: \0\r\n\r\n", b"GET / HTTP/1.1\r\nA\r\n\r\n"]
    for i, head in enumerate(heads):
        keep("http_head", f"hand-{i}", head)


for make in (ggufs, gguf_tokenizers, ranks, tokenizer_bins, chat_templates, plan_files, configs, requests):
    make()
