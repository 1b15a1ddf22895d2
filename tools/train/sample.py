#!/usr/bin/env python3
"""Sample stories from a model folder and check that it does not recite.

sample.py --model DIR [--prepared DIR] [--count 200] [--cards FILE]

1. Prints one story for each of three fixed prompts and seeds 0, 1, 2 (f32
   arithmetic on the CPU, so the same text comes out everywhere), unpicked.
2. With --prepared (the folder written by prepare.py): samples --count more
   stories, and for each finds the longest run of words that it shares with
   the training text. Exits with 1 if any run has --limit (30) words or more.
   Words are compared without case and punctuation, which finds more.
   Also prints the held-out loss through transformers, as an independent check.
"""

import argparse
import math
import pathlib
import re
import sys

import numpy as np
import torch

PROMPTS = ("Once upon a time", "One day, a little girl named Lily found", "The dragon was sad because")
SEEDS = (0, 1, 2)


def words_of(text):
    return re.findall(r"[a-z0-9']+", text.lower())


class Runs:
    """Runs of n words as 64-bit hashes: polynomial over random word codes."""

    def __init__(self, texts):
        self.codes = {}
        self.rng = np.random.default_rng(0)
        self.sorted = {}
        self.base = np.uint64(0x9E3779B97F4A7C15)
        # A fresh code between texts: no run crosses from one story to the next.
        self.train = self.encode(w for t in texts for w in (*words_of(t), None))

    def code(self, word):
        if word is None or word not in self.codes:
            value = self.rng.integers(0, 2**64, dtype=np.uint64)
            if word is None:
                return value
            self.codes[word] = value
        return self.codes[word]

    def encode(self, words):
        return np.fromiter((self.code(w) for w in words), dtype=np.uint64)

    def hashes(self, codes, n):
        out = np.zeros(max(0, len(codes) - n + 1), dtype=np.uint64)
        for k in range(n):
            out = out * self.base + codes[k:len(codes) - n + 1 + k]
        return out

    def shared(self, codes, n):
        """Index of a run of n words that stands in the training text, or None."""
        if len(codes) < n:
            return None
        if n not in self.sorted:
            self.sorted[n] = np.unique(self.hashes(self.train, n))
        mine, known = self.hashes(codes, n), self.sorted[n]
        at = np.minimum(np.searchsorted(known, mine), len(known) - 1)
        hit = np.flatnonzero(known[at] == mine)
        return int(hit[0]) if len(hit) else None

    def longest(self, text):
        words = words_of(text)
        codes = self.encode(words)
        low, high = 0, 128  # a run of n words contains runs of fewer
        while low < high:
            middle = (low + high + 1) // 2
            if self.shared(codes, middle) is None:
                high = middle - 1
            else:
                low = middle
        start = self.shared(codes, low) if low else 0
        return low, " ".join(words[start:start + low])


def stories_of(arrays, name, tokenizer):
    ids, offsets = arrays[f"{name}_ids"], arrays[f"{name}_offsets"]
    return tokenizer.decode([ids[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:])])


@torch.no_grad()
def generate(model, tokenizer, prompts, args):
    """Plain temperature and top-p sampling; one story for each prompt."""
    device = next(model.parameters()).device
    encoded = [[1] + tokenizer.encode(p) for p in prompts]
    assert len({len(e) for e in encoded}) == 1, "prompts of one length in a batch"
    ids = torch.tensor(encoded, device=device)
    done = torch.zeros(len(ids), dtype=torch.bool, device=device)
    cache, step = None, ids
    while ids.shape[1] < args.length and not done.all():
        out = model(step, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        p = torch.softmax(out.logits[:, -1].float() / args.temperature, -1)
        top, index = p.sort(descending=True)
        top[top.cumsum(-1) - top > args.top_p] = 0
        step = index.gather(1, torch.multinomial(top, 1))
        step[done] = 2
        done |= step[:, 0] == 2
        ids = torch.cat((ids, step), 1)
    out = []
    for row in ids.tolist():
        end = row.index(2) if 2 in row else None
        out.append((tokenizer.decode(row[1:end]), end is not None))
    return out


@torch.no_grad()
def held_out(model, arrays):
    """Loss per token over the held-out stories, each by itself after its BOS."""
    device = next(model.parameters()).device
    ids, offsets = arrays["val_ids"].astype(np.int64), arrays["val_offsets"]
    total, count = 0.0, 0
    order = np.argsort(np.diff(offsets))
    for first in range(0, len(order), 32):
        some = [torch.from_numpy(ids[offsets[s]:offsets[s + 1]]) for s in order[first:first + 32]]
        batch = torch.nn.utils.rnn.pad_sequence(some, True, padding_value=2).to(device)
        target = torch.nn.utils.rnn.pad_sequence(some, True, padding_value=-100).to(device)
        logits = model(batch, use_cache=False).logits[:, :-1].float()
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(),
                                                   ignore_index=-100, reduction="sum").item()
        count += (target[:, 1:] != -100).sum().item()
    return total / count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, required=True, help="folder in Hugging Face layout")
    p.add_argument("--prepared", type=pathlib.Path, help="folder written by prepare.py: check for recitation")
    p.add_argument("--count", type=int, default=200, help="stories for the recitation check (default 200)")
    p.add_argument("--limit", type=int, default=30, help="words in a row that count as reciting (default 30)")
    p.add_argument("--temperature", type=float, default=0.9)
    p.add_argument("--top-p", type=float, default=0.9)
    p.add_argument("--length", type=int, default=512, help="tokens at most, the prompt included")
    p.add_argument("--cards", type=pathlib.Path, help="also write the fixed samples as Markdown to this file")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="for the check")
    args = p.parse_args()

    import sentencepiece
    from transformers import AutoModelForCausalLM
    if not (args.model / "model.safetensors").exists():
        sys.exit(f"sample.py: no model.safetensors in {args.model}")
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(args.model / "tokenizer.model"))
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()

    card, texts = [], []
    for prompt in PROMPTS:
        for seed in SEEDS:
            torch.manual_seed(seed)
            [(text, ended)] = generate(model, tokenizer, [prompt], args)
            texts.append(text)
            card.append(f"**“{prompt}”, seed {seed}**{'' if ended else ' (cut at the context)'}\n\n"
                        + "\n".join(f"> {line}\n>" for line in text.split("\n")).rstrip(">\n") + "\n")
            print(f"--- {prompt!r} seed {seed}{'' if ended else ' (no end)'}\n{text}\n", flush=True)
    if args.cards:
        args.cards.write_text("\n".join(card))
    if not args.prepared:
        return

    arrays = np.load(args.prepared / "tokens.npz")
    model.to(args.device)
    loss = held_out(model, arrays)
    print(f"held-out loss {loss:.4f}, perplexity {math.exp(loss):.2f} (transformers, f32 over the stored weights)")
    torch.manual_seed(1234)
    ended = 0
    for prompt in ("", *PROMPTS):
        for text, end in generate(model, tokenizer, [prompt] * math.ceil(args.count / 4), args):
            texts.append(text)
            ended += end
    runs = Runs(stories_of(arrays, "train", tokenizer) + stories_of(arrays, "fairy", tokenizer))
    found = sorted((runs.longest(t) for t in texts), reverse=True)
    natural = sorted((runs.longest(t)[0] for t in stories_of(arrays, "val", tokenizer)), reverse=True)
    lengths = np.array([n for n, _ in found])
    print(f"{len(texts)} stories, {ended} of {len(texts) - 9} ended by themselves, "
          f"{np.mean([len(t.split()) for t in texts]):.0f} words on average")
    print(f"longest run shared with the training text: median {np.median(lengths):.0f}, "
          f"90 % {np.quantile(lengths, 0.9):.0f}, longest {lengths.max()} words; held-out stories (none shares 20 by construction): "
          f"median {np.median(natural):.0f}, 90 % {np.quantile(natural, 0.9):.0f}, longest {natural[0]}")
    for n, run in found[:3]:
        print(f"  {n}: {run}")
    if lengths.max() >= args.limit:
        sys.exit(f"sample.py: FAILED: a run of {lengths.max()} words (limit {args.limit}) stands in the training text")
    print(f"recitation check passed: no run of {args.limit} words")


if __name__ == "__main__":
    main()
