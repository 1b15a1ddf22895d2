#!/usr/bin/env python3
"""Holds GGUF files that `quipu convert` writes against llama.cpp, which reads them.

    check_llama_cpp.py WORK --llama-cpp SOURCE [--libraries DIR] [--goldens DIR] [--tokenizers DIR] [--gguf MODEL.gguf]

SOURCE has llama.cpp's sources, of which the headers are used, and DIR its shared libraries (default: SOURCE/build/bin). A
C++ compiler (CXX, else c++) makes a program of llama_cpp_answers.cpp. Written with llama.cpp 0.5.0 (libllama.so).

- Each golden in DIR (test/goldens) that GGUF can hold: with weights in f32, so that llama.cpp rounds nothing, the same
  logits to 1e-5 of the largest, and the same 24 greedy tokens.
- Each tokenizer in DIR (test/tokenizers) that GGUF can hold: the same ids of all texts of the corpus, with special tokens
  and without.
- MODEL with its weights in f32: the same 48 greedy tokens behind three prompts, their text, and the same ids of the corpus
  (if --tokenizers is given too). Its chat template stays.
"""

import json
import os
import pathlib
import struct
import unicodedata

from checks import finish, made_anew, parser_of, quipu, run
from compare_npy import read_npy
from tokenizer_models import add_tokens, complete_merges, corpus, ids_of, make_plain, write_model

TOLERANCE = 1e-5
GREEDY, GREEDY_OF_MODEL = 24, 48
NOT_IN_GGUF = {"gelu_tanh", "gemma", "relu", "qwen2"}
# llama.cpp reads no sliding window of a llama or phi3 model, which quipu convert says: only the beginning is the same.
WINDOWS = {"mistral_window": 16}
POSITIONS = {"rope_longrope_short": 300}
PROMPTS = ["Once upon a time there was a fisherman who", "The capital of France is", "def fibonacci(n):\n    "]


def with_tokens(tokenizer):
    """User-defined tokens in ordinary text, and special ones."""
    add_tokens(tokenizer, False, ["HEADING", "wörld", "  ", "▁▁x"])
    add_tokens(tokenizer, True, ["<|end|>"])


def as_phi3(tokenizer):
    """Phi-3's tokens take the spaces to their right with them, but three."""
    add_tokens(tokenizer, False, ["<|user|>", "<|assistant|>"])
    add_tokens(tokenizer, True, ["<|endoftext|>", "<|end|>"])
    make_plain(tokenizer, [token["content"] for token in tokenizer["added_tokens"]
                           if token["content"] not in ("<unk>", "<s>", "<|endoftext|>")])


# Name of the model; the folder of the tokenizer; what is changed in its tokenizer.json.
TOKENIZERS = {"gpt2": ("gpt2", [make_plain]), "llama3": ("llama3", [make_plain]), "smollm": ("smollm", [make_plain]),
              "qwen2": ("qwen2", [make_plain]), "ranks": ("ranks", []), "sp_bpe": ("sp_bpe", []),
              "llama2": ("llama2", [make_plain, complete_merges]),
              "llama2-tokens": ("llama2", [make_plain, complete_merges, with_tokens]),
              "smollm-tokens": ("smollm", [make_plain, with_tokens]),
              "phi-3-tokens": ("llama2", [make_plain, complete_merges, as_phi3])}
MORE_TEXTS = ["a HEADING b", "HEADING", "HEADING HEADING", " HEADINGS", "hello wörld", "wörld wörld", "a  b   c    d", "▁▁x x",
              "<|user|>\nHi there.<|end|>\n<|assistant|>\n", "<|user|>  <|user|> x", "a <s> b</s> c", "<|end|> <|end|>"]
# llama.cpp does not bring a text into NFC, though Qwen2's own tokenizer does.
NORMALISED = {"qwen2"}


class LlamaCpp:
    def __init__(self, source, libraries, work):
        self.program = work / "llama_cpp_answers"
        libraries = libraries or source / "build/bin"
        run(os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-I", source / "include", "-I", source / "ggml/include",
            pathlib.Path(__file__).parent / "llama_cpp_answers.cpp", "-L", libraries, "-lllama", "-lggml", "-lggml-base",
            f"-Wl,-rpath,{libraries}", "-o", self.program)

    def ask(self, model, *question, **options):
        return run(self.program, model, *question, **options).stdout

    def ids(self, model, texts, *flags):
        data = b"".join(b"%d\n%s" % (len(text.encode()), text.encode()) for text in texts)
        lines = self.ask(model, "ids", *flags, input=data, text=False).decode().splitlines()
        return [[int(id) for id in line.split(",") if id] for line in lines]

    def greedy(self, model, ids, count):
        """Ids, and their text."""
        line, text = self.ask(model, "greedy", ids, count, text=False).split(b"\n", 1)
        return line.decode(), text.decode("utf-8", "replace")


class Check:
    def __init__(self, llama_cpp, work):
        self.theirs, self.work, self.missed = llama_cpp, work, []

    def golden(self, golden):
        name, file = golden.name, self.work / f"{golden.name}.gguf"
        quipu("convert", golden, "-o", file, "--dtype", "f32")
        ids = (golden / "prompt.txt").read_text().strip().split(",")[:WINDOWS.get(golden.name)]
        prompt, plan = ",".join(ids), self.work / "plan"
        flags = ["--max-seq", POSITIONS[name]] if name in POSITIONS else []
        quipu("compile", file, "--dtype", "f32", "-o", plan, *flags)
        quipu("logits", plan, "--prompt-tokens", prompt, "--all", "-o", self.work / "logits.npy")
        _, expected = read_npy(self.work / "logits.npy")
        self.theirs.ask(file, "logits", prompt, self.work / "logits")
        found = struct.unpack(f"<{len(expected)}f", (self.work / "logits").read_bytes())
        error = max(abs(a - b) for a, b in zip(found, expected)) / max(map(abs, expected))
        print(f"{name}: largest difference {error:.3g} of the largest logit")
        if not error <= TOLERANCE:
            self.missed.append(f"logits of {name}")
        if name not in WINDOWS:
            self.greedy(name, file, plan, prompt, GREEDY)

    def greedy(self, name, file, plan, prompt, count, has_text=False):
        found, text = self.theirs.greedy(file, prompt, count)
        ours = quipu("run", plan, "--prompt-tokens", prompt, "-n", count, "--temperature", 0, "--ignore-eos",
                     "--print-tokens").strip()
        print(f"{name}: {count} greedy tokens {'are the same' if ours == found else f'differ: {found}, but quipu has {ours}'}")
        if ours != found:
            self.missed.append(f"greedy tokens of {name}")
        elif has_text:
            shown = quipu("tokenize", plan, "--decode", ours).rstrip("\n")
            print(f"  {text[:80]!r} ...")
            if shown.strip() != text.strip():
                self.missed.append(f"text of {name}")
                print(f"  but quipu has {shown[:80]!r}")

    def ids(self, name, model, texts):
        for flags in ([], ["--parse-special"]):
            different = 0
            for text, found in zip(texts, self.theirs.ids(model, texts, *flags)):
                ours = ids_of(model, text, self.work / "text", *flags)
                if ours != found:
                    different += 1
                    print(f"  {text[:60]!r}: {found[:20]}, but quipu has {ours[:20]}")
            print(f"{name} {' '.join(flags)}: {len(texts) - different} of {len(texts)} texts have the same ids")
            if different:
                self.missed.append(f"ids of {name}")

    def tokenizer(self, name, tokenizers, texts):
        source, changes = TOKENIZERS[name]
        model = self.work / "with" / name
        write_model(tokenizers / source, model, *changes)
        (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": [
            {"name": "default", "template": "{{ messages }}é"}, {"name": "tool_use", "template": "{{ tools }}"}]}))
        file = self.work / f"with-{name}.gguf"
        quipu("convert", model, "-o", file)
        if source in NORMALISED:
            texts = [text for text in texts if unicodedata.is_normalized("NFC", text)]
        self.ids(name, file, texts)
        templates = [self.theirs.ask(file, "template", *names) for names in ([], ["tool_use"])]
        if templates != ["{{ messages }}é", "{{ tools }}"]:
            self.missed.append(f"chat templates of {name}: {templates}")

    def gguf(self, model, texts):
        """Of a real model."""
        file, plan = self.work / "model.gguf", self.work / "plan"
        quipu("convert", model, "-o", file, "--dtype", "f32")
        quipu("compile", file, "--dtype", "f32", "-o", plan)
        for prompt in PROMPTS:
            ids = ids_of(file, prompt, self.work / "text")
            self.greedy(repr(prompt), file, plan, ",".join(map(str, ids)), GREEDY_OF_MODEL, has_text=True)
        self.ids(model.name, file, texts)
        if self.theirs.ask(file, "template") != self.theirs.ask(model, "template"):
            self.missed.append(f"chat template of {model.name}")


def main():
    parser = parser_of(__doc__, "work")
    parser.add_argument("--llama-cpp", type=pathlib.Path, required=True)
    for name in ("--libraries", "--goldens", "--tokenizers", "--gguf"):
        parser.add_argument(name, type=pathlib.Path)
    options = parser.parse_args()
    work = made_anew(options.work)
    check = Check(LlamaCpp(options.llama_cpp, options.libraries, work), work)
    for config in sorted(options.goldens.glob("*/config.json")) if options.goldens else []:
        if config.parent.name not in NOT_IN_GGUF:
            check.golden(config.parent)
    texts = corpus(options.tokenizers) if options.tokenizers else []
    for name in TOKENIZERS if options.tokenizers else []:
        check.tokenizer(name, options.tokenizers, texts + MORE_TEXTS)
    if options.gguf:
        check.gguf(options.gguf, texts)
    finish("llama.cpp", check.missed, work)


if __name__ == "__main__":
    main()
