#!/usr/bin/env python3
"""Holds folders that `quipu convert` writes against Hugging Face transformers, which reads them.

    check_transformers.py WORK [--goldens DIR] [--tokenizers DIR] [--gguf MODEL.gguf]

Needs torch and transformers (written with 5.24).

- Each golden in DIR (test/goldens) becomes a folder, and by way of a GGUF file another one, where GGUF can hold it.
  transformers gives the same logits of all of them as quipu does in f32 of the golden, to 1e-5 of the largest.
- Of the tokenizers in DIR (test/tokenizers) those that GGUF can hold go into a GGUF file and back. On all texts of the
  corpus AutoTokenizer gives the ids of quipu, and its chat templates give the text that the model's own give.
- MODEL becomes a folder; transformers gives the same logits of both, and the same ids.
"""

import json
import pathlib

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from checks import finish, made_anew, parser_of, quipu
from tokenizer_models import complete_merges, corpus, ids_of, make_plain, write_model

TOLERANCE = 1e-5
# Positions of a plan, where the rotary embedding depends on them.
POSITIONS = {"rope_longrope_short": 300}
# Their activations, norms or windows have no key (test/e2e/convert.test).
NOT_IN_GGUF = {"gelu_tanh", "gemma", "relu", "qwen2"}
TOKENIZERS = {"gpt2": [make_plain], "llama3": [make_plain], "smollm": [make_plain], "qwen2": [make_plain], "ranks": [],
         "sp_bpe": [], "llama2": [make_plain, complete_merges]}
CHAT = ("{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}")
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ça va?"}]
PROMPT = "Once upon a time, 1234 people said: \"naïve\"!\n"


def logits_of(folder, ids, **place):
    """By transformers. A weight that is missing or left over would be drawn at random or not used."""
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **place)
    wrong = {key: value for key, value in info.items() if value}
    assert not wrong, f"{folder}: {wrong}"
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].numpy()


class Check:
    def __init__(self, work):
        self.work, self.missed = work, []

    def hold(self, name, found, expected):
        error = float(np.abs(found - expected).max() / np.abs(expected).max())
        print(f"{name}: largest difference {error:.3g} of the largest logit")
        if not error <= TOLERANCE:
            self.missed.append(name)

    def hold_equal(self, name, found, expected):
        if found != expected:
            self.missed.append(name)
            print(f"{name}:\n  {str(found)[:300]}\n  {str(expected)[:300]}")

    def quipu_logits(self, model, ids, *flags):
        path = self.work / "logits.npy"
        quipu("logits", model, "--dtype", "f32", "--activations", "exact", "--prompt-tokens", ",".join(map(str, ids)),
              "--all", "-o", path, *flags)
        return np.load(path)

    def golden(self, golden):
        name = golden.name
        ids = [int(id) for id in (golden / "prompt.txt").read_text().strip().split(",")]
        folders = {"folder": self.work / name}
        quipu("convert", golden, "-o", folders["folder"])
        if name not in NOT_IN_GGUF:
            quipu("convert", golden, "-o", self.work / f"{name}.gguf")
            folders["GGUF, folder"] = self.work / f"{name}-back"
            quipu("convert", self.work / f"{name}.gguf", "-o", folders["GGUF, folder"])
        flags = ["--max-seq", POSITIONS[name]] if name in POSITIONS else []
        expected = self.quipu_logits(golden, ids, *flags)
        for way, folder in folders.items():
            self.hold(f"{name}, {way}", logits_of(folder, ids), expected)

    def tokenizer(self, name, source, texts):
        model, back = self.work / f"with-{name}", self.work / f"with-{name}-back"
        write_model(source, model, *TOKENIZERS[name])
        (model / "tokenizer_config.json").write_text(json.dumps(
            {"chat_template": [{"name": "default", "template": CHAT}, {"name": "shout", "template": "{{ messages[1].content }}!"}]}))
        quipu("convert", model, "-o", self.work / f"with-{name}.gguf")
        quipu("convert", self.work / f"with-{name}.gguf", "-o", back)
        theirs = AutoTokenizer.from_pretrained(back)
        different = []
        for text in texts:
            found, ours = theirs(text)["input_ids"], ids_of(back, text, self.work / "text", "--parse-special")
            if found != ours:
                different.append(text)
                print(f"  {text[:60]!r}: {found[:20]}, but quipu has {ours[:20]}")
        print(f"{name}: {len(texts) - len(different)} of {len(texts)} texts have the same ids")
        self.missed += [f"ids of {name}"] if different else []
        said = theirs.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)
        self.hold_equal(f"chat template of {name}", said, "<|system|>Be brief.\n<|user|>Ça va?\n<|assistant|>")
        said = theirs.apply_chat_template(MESSAGES, tokenize=False, chat_template="shout")
        self.hold_equal(f"second chat template of {name}", said, "Ça va?!")

    def gguf(self, file):
        """Of a real model: transformers reads both the file and the folder that is made of it."""
        folder = self.work / "folder"
        quipu("convert", file, "-o", folder)
        place = {"gguf_file": file.name}
        tokenizers = AutoTokenizer.from_pretrained(file.parent, **place), AutoTokenizer.from_pretrained(folder)
        ids = tokenizers[0](PROMPT)["input_ids"]
        self.hold_equal("ids", tokenizers[1](PROMPT)["input_ids"], ids)
        self.hold_equal("ids of quipu", ids_of(folder, PROMPT, self.work / "text"), ids)
        said = [each.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True) for each in tokenizers]
        self.hold_equal("chat template", said[1], said[0])
        self.hold("logits", logits_of(folder, ids), logits_of(file.parent, ids, **place))


def main():
    parser = parser_of(__doc__, "work")
    for name in ("--goldens", "--tokenizers", "--gguf"):
        parser.add_argument(name, type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(2)
    work = made_anew(options.work)
    check = Check(work)
    for config in sorted(options.goldens.glob("*/config.json")) if options.goldens else []:
        check.golden(config.parent)
    if options.tokenizers:
        for name in TOKENIZERS:
            check.tokenizer(name, options.tokenizers / name, corpus(options.tokenizers))
    if options.gguf:
        check.gguf(options.gguf)
    finish("transformers", check.missed, work)


if __name__ == "__main__":
    main()
