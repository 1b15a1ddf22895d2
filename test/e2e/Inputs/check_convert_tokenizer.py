#!/usr/bin/env python3
"""Converts a model with a tokenizer and sees that texts become the same ids.

    check_convert_tokenizer.py TOKENIZER WORK [--plain] [--complete-merges] [--spaces] [--refused WORDS]

TOKENIZER is a folder of test/tokenizers. Its files get a small model, which becomes a GGUF file, that a folder, and that a
GGUF file again. All texts of the corpus, one a line, have the same ids each time, with special tokens and without; the chat
templates stay too. --plain: added tokens take no spaces with them and are found anywhere. --complete-merges: all pairs that
join to a piece are merges, in the order of the pieces, as in conversions of SentencePiece models. --spaces: a
space stands behind special tokens too, which is said to be lost, so that only ids without them are the same. --refused: GGUF has no place for the tokenizer, and the message has these words; a folder has one.
"""

import argparse
import array
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from check_quantized import write_tensors  # noqa: E402

TEMPLATES = [{"name": "default", "template": "{{ messages }}\u00e9"}, {"name": "tool_use", "template": "{{ tools }}"}]


def write_model(folder, vocabulary):
    """A model of one layer with so many tokens."""
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 32,
              "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": vocabulary, "eos_token_id": None,
              "max_position_embeddings": 64, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens": [vocabulary, 32], "model.norm": [32], "lm_head": [vocabulary, 32]}
    for name in ("input_layernorm", "post_attention_layernorm"):
        shapes[f"model.layers.0.{name}"] = [32]
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
                 "mlp.up_proj", "mlp.down_proj"):
        shapes[f"model.layers.0.{name}"] = [32, 32]
    tensors = {}
    for name, shape in shapes.items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors[f"{name}.weight"] = shape, array.array("f", [((i * 37) % 101 - 50) / 500 for i in range(size)])
    write_tensors(folder / "model.safetensors", tensors)


def vocabulary_of(folder):
    if not (folder / "tokenizer.json").exists():
        return 1024
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    ids = list(tokenizer["model"]["vocab"].values()) + [token["id"] for token in tokenizer["added_tokens"]]
    return max(ids) + 1


def make_plain(path):
    tokenizer = json.loads(path.read_text())
    for token in tokenizer["added_tokens"]:
        token.update(lstrip=False, rstrip=False, single_word=False, normalized=False)
    path.write_text(json.dumps(tokenizer))


def complete_merges(path):
    tokenizer = json.loads(path.read_text())
    vocab = tokenizer["model"]["vocab"]
    bytes_and_special = {f"<0x{byte:02X}>" for byte in range(256)} | {token["content"] for token in tokenizer["added_tokens"]}
    tokenizer["model"]["merges"] = [
        [piece[:cut], piece[cut:]] for piece in sorted(vocab, key=vocab.get) if piece not in bytes_and_special
        for cut in range(1, len(piece)) if piece[:cut] in vocab and piece[cut:] in vocab]
    path.write_text(json.dumps(tokenizer))


def ids(model, text):
    """Ids of a text, with special tokens and without."""
    return [subprocess.run(["quipu", "tokenize", str(model), "-f", str(text), *flags], check=True, capture_output=True,
                           text=True).stdout for flags in ([], ["--parse-special"])]


def convert(source, target):
    return subprocess.run(["quipu", "convert", str(source), "-o", str(target)], capture_output=True, text=True)


def templates(folder):
    value = json.loads((folder / "tokenizer_config.json").read_text()).get("chat_template")
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--refused")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--complete-merges", action="store_true")
    parser.add_argument("--spaces", action="store_true")
    options = parser.parse_args()
    work = options.work
    shutil.rmtree(work, ignore_errors=True)
    model = work / "model"
    model.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        if (options.tokenizer / name).exists():
            shutil.copy(options.tokenizer / name, model)
    write_model(model, vocabulary_of(options.tokenizer))
    if options.plain:
        make_plain(model / "tokenizer.json")
    if options.complete_merges:
        complete_merges(model / "tokenizer.json")
    config_file = model / "tokenizer_config.json"
    config = json.loads(config_file.read_text()) if config_file.exists() else {}
    config.update(chat_template=TEMPLATES)
    config_file.write_text(json.dumps(config))
    corpus = json.loads((options.tokenizer.parent / "corpus.json").read_text())
    text = work / "text"
    texts = corpus if isinstance(corpus[0], str) else [item.get("text", "") for item in corpus if "text" in item]
    text.write_bytes("\n".join(texts).encode("utf-8", "surrogatepass"))
    expected = ids(model, text)
    assert len(expected[0].split(",")) > 1000, expected

    run = convert(model, work / "folder")
    assert run.returncode == 0, run.stderr
    assert ids(work / "folder", text) == expected, "other ids in the folder"
    run = convert(model, work / "model.gguf")
    if options.refused:
        assert run.returncode == 1 and options.refused in run.stderr, run.stderr
        assert not (work / "model.gguf").exists()
        print("refused")
    else:
        assert run.returncode == 0, run.stderr
        found = ids(work / "model.gguf", text)
        if options.spaces:
            assert found[0] == expected[0] and found[1] != expected[1], "a space behind special tokens"
            assert "before a text behind a special token" in run.stderr, run.stderr
            expected = found
        assert found == expected, "other ids in the GGUF file"
        run = convert(work / "model.gguf", work / "back")
        assert run.returncode == 0, run.stderr
        assert ids(work / "back", text) == expected, "other ids in the folder made of the GGUF file"
        assert templates(work / "back") == TEMPLATES, templates(work / "back")
        run = convert(work / "back", work / "second.gguf")
        assert run.returncode == 0, run.stderr
        assert ids(work / "second.gguf", text) == expected, "other ids in the second GGUF file"
        print("the same ids")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
