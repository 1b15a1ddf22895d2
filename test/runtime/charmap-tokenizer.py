#!/usr/bin/env python3
"""Writes charmap-tokenizer.model, a small SentencePiece model whose normaliser has a character map, and
charmap-goldens.json: ids and texts of it from SentencePiece's own Python package.

Usage: python3 test/runtime/charmap-tokenizer.py   (needs: pip install sentencepiece)
"""
import json
import os
import pathlib
import tempfile

import sentencepiece

here = pathlib.Path(__file__).resolve().parent
# Code points in hexadecimal: what is found, a tab, what takes its place.
RULES = ["41\t61", "42\t62", "66 66 69\tFB03", "FB01\t66 69", "2026\t2E 2E 2E", "AD\t", "3000\t20", "E9\t65 301",
         "53 53\tDF"]
TEXTS = ["", "a", "AB", "the office of Bees", "ﬁne … fin", "soft\u00adhyphen", "wide\u3000space", "café", "SSS", "x" * 40,
         "  two  spaces ", "\U0001f999"]


def main():
    with tempfile.TemporaryDirectory() as scratch:
        # Names without a path: the model keeps some of them.
        os.chdir(scratch)
        rules = pathlib.Path("rules.tsv")
        rules.write_text("\n".join(RULES) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the bees of the office are fine", "a fine hive of bees", "the space of a hive"] * 20),
            model_prefix="m", model_type="bpe", vocab_size=290, byte_fallback=True, character_coverage=1.0,
            normalization_rule_tsv=str(rules), hard_vocab_limit=False, minloglevel=2)
        bytes_ = pathlib.Path("m.model").read_bytes()
    model = here / "charmap-tokenizer.model"
    model.write_bytes(bytes_)
    spm = sentencepiece.SentencePieceProcessor(model_file=str(model))
    goldens = [{"text": text, "ids": spm.encode(text), "decoded": spm.decode(spm.encode(text))} for text in TEXTS]
    (here / "charmap-goldens.json").write_text(json.dumps(goldens, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
