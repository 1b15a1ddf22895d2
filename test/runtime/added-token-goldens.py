#!/usr/bin/env python3
"""Writes added-token-goldens.json: ids and texts of the embedded model's tokenizer with added tokens, from LlamaTokenizer of
Hugging Face transformers 5, for each setting that changes them.

Usage: python3 test/runtime/added-token-goldens.py   (needs: pip install 'transformers>=5' sentencepiece protobuf)
"""
import json
import os
import pathlib
import shutil
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from transformers import LlamaTokenizer

here = pathlib.Path(__file__).resolve().parent
model = here.parent.parent / "models" / "quipu-stories" / "tokenizer.model"


def token(content, **flags):
    return {"content": content, "special": True, "normalized": False, "lstrip": False, "rstrip": False,
            "single_word": False, **flags}


ADDED = {
    "2048": token("<|im_start|>"),
    "2049": token("<|im_end|>"),
    "2050": token("<|im"),
    "2051": token("<left>", lstrip=True),
    "2052": token("<right>", rstrip=True),
    "2053": token("dragon", single_word=True),
    "2054": token("héllo wörld", special=False),
}
# Not here: a text that begins with a space, or that has one behind a token in the legacy form. LlamaTokenizer of
# transformers 5 takes it for the space that it puts there itself, SentencePiece does not.
TEXTS = ["", "Once upon a time", "<|im_start|>user", "<|im_start|>user\nhi<|im_end|>\n", "a<|im_start|><|im_end|>b",
         "Once<|im_start|>upon", "<|im", "<|im_star", "x<|im_endy", "one   <left>two", "one<right>   two", "<left><right>",
         "dragon", "the dragon.", "dragons", "adragon", "dragon_ dragon", "say héllo wörld!", "héllo wörl"]
SETTINGS = [{}, {"legacy": False}, {"legacy": True}, {"add_prefix_space": False}, {"add_prefix_space": False, "legacy": True}]


def main():
    goldens = []
    for settings in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(model, folder)
            (pathlib.Path(folder) / "tokenizer_config.json").write_text(
                json.dumps({"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": ADDED, **settings}))
            tokenizer = LlamaTokenizer.from_pretrained(folder)
            texts = []
            for text in TEXTS:
                ids = tokenizer.encode(text, add_special_tokens=False)
                texts.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids)})
            goldens.append({"settings": settings, "texts": texts})
    (here / "added-token-goldens.json").write_text(
        json.dumps({"added": ADDED, "goldens": goldens}, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
