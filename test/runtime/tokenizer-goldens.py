#!/usr/bin/env python3
"""Writes tokenizer-goldens.json: ids and texts of the embedded model's tokenizer, from SentencePiece's own Python
package, which Hugging Face's slow LlamaTokenizer calls.

Usage: python3 test/runtime/tokenizer-goldens.py   (needs: pip install sentencepiece)
"""
import json
import pathlib
import random

import sentencepiece

here = pathlib.Path(__file__).parent
model = here.parent.parent / "models" / "quipu-stories" / "tokenizer.model"

TEXTS = [
    "", " ", "  ", "a", " a", "a ", "Once upon a time", "Once upon a time, there was a little girl named Lily.",
    "  leading and   inner    spaces ", "line\nbreaks\n\nand\ttabs", "\n", "\n\nThe end.", "don't won't \"quoted\" 'single'",
    "1234567890 3.14 1,000", "UPPER lower MiXeD", "café naïve Über straße", "日本語のテキスト", "emoji 😀👩‍👩‍👧 done", "€ £ ¥",
    "mixed 日本 and English", "<s> </s> <unk> <0x41>", "▁ marks ▁▁ themselves", "a\u0301 combining", "\u00a0nbsp",
    "zero\u200bwidth", "https://example.org/path?query=1&x=2", "def f(x):\n    return x + 1\n", "\U0010ffff", "a" * 200,
    "The cat sat on the mat. " * 10,
]


def main():
    spm = sentencepiece.SentencePieceProcessor(model_file=str(model))
    random.seed(7)
    encode = [{"text": text, "ids": spm.encode(text)} for text in TEXTS]
    decode = []
    # Bytes and words at random: unfinished characters, spaces at the start, control tokens in between.
    byte_ids = [i for i in range(spm.vocab_size()) if spm.is_byte(i)]
    for _ in range(60):
        ids = []
        for _ in range(random.randrange(1, 12)):
            ids.append(random.choice(byte_ids) if random.random() < 0.4 else random.randrange(spm.vocab_size()))
        decode.append({"ids": ids, "text": spm.decode(ids)})
    (here / "tokenizer-goldens.json").write_text(
        json.dumps({"encode": encode, "decode": decode}, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
