"""Small models with the tokenizers of test/tokenizers, and the ids that `quipu tokenize` gives of texts."""

import array
import json
import shutil

from check_quantized import write_tensors
from checks import quipu


def corpus(tokenizers):
    """The texts that are UTF-8. `tokenizers`: test/tokenizers."""
    return [item["text"] for item in json.loads((tokenizers / "corpus.json").read_text()) if "text" in item]


def write_weights(folder, vocabulary, width=32):
    """A model of one layer with so many tokens."""
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": width,
              "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": vocabulary, "eos_token_id": None,
              "max_position_embeddings": 64, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = {"model.embed_tokens": [vocabulary, width], "model.norm": [width], "lm_head": [vocabulary, width]}
    for name in ("input_layernorm", "post_attention_layernorm"):
        shapes[f"model.layers.0.{name}"] = [width]
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
                 "mlp.up_proj", "mlp.down_proj"):
        shapes[f"model.layers.0.{name}"] = [width, width]
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


def make_plain(tokenizer, takes_right=()):
    """Added tokens take no spaces with them and are found anywhere; those of `takes_right` take what is to their right."""
    for token in tokenizer["added_tokens"]:
        token.update(lstrip=False, rstrip=token["content"] in takes_right, single_word=False, normalized=False)


def complete_merges(tokenizer):
    """All pairs that join to a piece are merges, in the order of the pieces, as in conversions of SentencePiece models."""
    vocab = tokenizer["model"]["vocab"]
    bytes_and_special = {f"<0x{byte:02X}>" for byte in range(256)} | {token["content"] for token in tokenizer["added_tokens"]}
    tokenizer["model"]["merges"] = [
        [piece[:cut], piece[cut:]] for piece in sorted(vocab, key=vocab.get) if piece not in bytes_and_special
        for cut in range(1, len(piece)) if piece[:cut] in vocab and piece[cut:] in vocab]


def add_tokens(tokenizer, special, contents):
    for content in contents:
        ids = [token["id"] for token in tokenizer["added_tokens"]] + list(tokenizer["model"]["vocab"].values())
        tokenizer["added_tokens"].append({"id": max(ids) + 1, "content": content, "single_word": False, "lstrip": False,
                                          "rstrip": False, "normalized": False, "special": special})


def write_model(source, folder, *changes):
    """A model in `folder` with the tokenizer of `source`. `changes`: functions that change what tokenizer.json holds."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        if (source / name).exists():
            shutil.copy(source / name, folder)
    for change in changes:
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        change(tokenizer)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    write_weights(folder, vocabulary_of(folder))


def ids_of(model, text, scratch, *flags):
    """Ids of a text, a str or bytes. `scratch`: a file."""
    scratch.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return [int(id) for id in quipu("tokenize", model, "-f", scratch, *flags).strip().split(",") if id]
