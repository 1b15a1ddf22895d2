#!/usr/bin/env python3
"""Holds SmolLM2 in a GGUF file against Hugging Face transformers, which computes with the same weights in f32.

    check_smollm2.py MODEL.gguf TEXT [--target cpu:...] [--windows N]

Needs torch, transformers, accelerate, gguf and numpy (written with transformers 5.24), and `quipu` in PATH. The tests do not run it.
Three things must hold:

- The ids of four prompts and of TEXT, a file, are those of transformers.
- With exact activations in f32, the 96 most likely tokens behind each prompt are those of transformers, and their text.
- Over N windows of 512 tokens of TEXT, rounded activations change the perplexity by at most 0.5 %, and exact ones are
  that near to transformers.
"""

import pathlib
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).parent / "Inputs"))
from checks import parser_of, quipu  # noqa: E402

NEW_TOKENS = 96
WINDOW = 512
LARGEST_CHANGE = 0.005
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
PROMPTS = [
    "Once upon a time there was a fisherman who",
    CHAT.format("What is the capital of France, and what is it known for?"),
    CHAT.format("Write a Python function that returns the n-th Fibonacci number."),
    "Les êtres humains naissent libres et égaux en dignité, and 12345 + 678 =",
]


def text_of(ids):
    return ",".join(map(str, ids))


def check_ids(plan, tokenizer, name, text, work):
    """Ids of a text by transformers, and whether ours are the same."""
    expected = tokenizer(text, add_special_tokens=False)["input_ids"]
    (work / "text").write_text(text)
    found = quipu("tokenize", plan, "--file", work / "text", "--parse-special", "--no-bos").strip()
    equal = found == text_of(expected)
    print(f"{name}: {len(expected)} ids {'equal' if equal else 'differ'}")
    return expected, [] if equal else [f"ids of {name}"]


def check_greedy(plan, model, tokenizer, number, ids):
    with torch.no_grad():
        answer = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
                                max_new_tokens=NEW_TOKENS, repetition_penalty=1.0)
        expected = answer[0, len(ids):].tolist()
    run = ["run", plan, "--prompt-tokens", text_of(ids), "-n", NEW_TOKENS, "--temperature", 0, "--ignore-eos"]
    found = [int(id) for id in quipu(*run, "--print-tokens").strip().split(",")]
    same = next((i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), NEW_TOKENS)
    print(f"prompt {number}: {same} of {NEW_TOKENS} greedy tokens equal")
    text = tokenizer.decode(expected, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    print(f"  {text[:100]!r} ...")
    shown = quipu("tokenize", plan, "--decode", text_of(ids + expected)).rstrip("\n")
    readable = tokenizer.decode(ids + expected, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    missed = [] if found == expected else [f"greedy tokens of prompt {number}"]
    return missed + ([] if shown == readable.rstrip("\n") else [f"text of prompt {number}"])


def loss(logits, ids):
    """Sum of -log p over all tokens of a window but the first."""
    rows = torch.from_numpy(logits[:-1]).double()
    return torch.nn.functional.cross_entropy(rows, torch.tensor(ids[1:]), reduction="sum").item()


def perplexity(windows, logits_of):
    total = sum(loss(logits_of(ids), ids) for ids in windows)
    return float(np.exp(total / sum(len(ids) - 1 for ids in windows)))


def check_perplexity(plans, model, windows, work):
    def by_plan(plan):
        def logits_of(ids):
            quipu("logits", plan, "--prompt-tokens", text_of(ids), "--all", "-o", work / "logits.npy")
            return np.load(work / "logits.npy")
        return logits_of

    def by_transformers(ids):
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy()

    reference = perplexity(windows, by_transformers)
    exact, rounded = (perplexity(windows, by_plan(plans[name])) for name in ("exact", "rounded"))
    print(f"perplexity over {len(windows)} windows of {WINDOW} tokens: transformers {reference:.4f}, exact {exact:.4f} "
          f"({exact / reference - 1:+.4%}), rounded {rounded:.4f} ({rounded / exact - 1:+.4%} of exact)")
    pairs = {"perplexity, exact": exact / reference, "perplexity, rounded": rounded / exact}
    return [name for name, ratio in pairs.items() if abs(ratio - 1) > LARGEST_CHANGE]


def main():
    parser = parser_of(__doc__, "model", "text")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--windows", type=int, default=12)
    options = parser.parse_args()
    place = {"pretrained_model_name_or_path": options.model.parent, "gguf_file": options.model.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).eval()
    # Nothing ends a text, as with --ignore-eos.
    model.generation_config.eos_token_id = None
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        plans = {name: work / f"{name}.qplan" for name in ("exact", "rounded")}
        for name, plan in plans.items():
            quipu("compile", options.model, "-o", plan, "--dtype", "f32", "--activations", name, "--target", options.target)
        for number, prompt in enumerate(PROMPTS, 1):
            ids, differing = check_ids(plans["exact"], tokenizer, f"prompt {number}", prompt, work)
            missed += differing + check_greedy(plans["exact"], model, tokenizer, number, ids)
        ids, differing = check_ids(plans["exact"], tokenizer, options.text.name, options.text.read_text(), work)
        windows = [ids[i * WINDOW:(i + 1) * WINDOW] for i in range(min(options.windows, len(ids) // WINDOW))]
        missed += differing + check_perplexity(plans, model, windows, work)
    if missed:
        sys.exit(f"{options.model.name}: missed by {', '.join(missed)}")


if __name__ == "__main__":
    main()
