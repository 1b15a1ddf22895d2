#!/usr/bin/env python3
"""Makes the goldens of `quipu score`: what PyTorch computes, in double precision, for the embedded model.

Needs torch, transformers and sentencepiece (written with transformers 5.24 and torch 2.15, on the CPU). The tests need
none of them: everything they read is committed beside this script.

    python3 make_goldens.py ../../../../models/quipu-stories

    held-out.txt    a text of our own, which the model has not seen                       (input)
    choices.jsonl   questions with choices                                                (input)
    pairs.jsonl     50 pairs: sentences of the text, and edge cases of prompts and ends   (written)
    golden.json     ids, log-probabilities and losses of pairs and choices, perplexities of the text

The rules are those of docs/scoring.md, written here a second time: nothing is taken from quipu.
"""

import hashlib
import json
import math
import pathlib
import re
import sys

import sentencepiece
import torch
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
BOS, EOS = 1, 2

# What a cut of sentences does not have.
EDGE_CASES = [
    {"prompt": "", "response": "Once upon a time there was a dog."},
    {"prompt": "The boy said", "response": ": \"No!\""},
    # The space belongs to the prompt, to the response, to both.
    {"prompt": "The sky was ", "response": "blue."},
    {"prompt": "The sky was", "response": " blue."},
    {"prompt": "The sky was ", "response": " blue."},
    {"prompt": "The sky was", "response": "blue."},
    # The cut goes through a word, and through what is one token.
    {"prompt": "Once upon a ti", "response": "me, there was a girl."},
    {"prompt": "Lily was hap", "response": "py."},
    {"prompt": "Is it red?\n\nAnswer:\n", "response": "Yes\n\tit is.\n"},
    # No piece of the vocabulary: bytes.
    {"prompt": "Der Bär aß ", "response": "süße Äpfel. 🍎"},
    {"prompt": "</s> is no token here <s>", "response": "but text</s>"},
    {"prompt": "A", "response": "."},
]


def make_pairs(text):
    """Pairs of neighbouring sentences; prompts and responses of one to three."""
    sentences = re.findall(r'[^.!?]+[.!?]"?', text.replace("\n", " "))
    pairs, place = list(EDGE_CASES), 0
    while len(pairs) < 50:
        before, after = 1 + len(pairs) % 3, 1 + len(pairs) % 4 // 2
        prompt = "".join(sentences[place : place + before]).strip()
        response = "".join(sentences[place + before : place + before + after])
        assert response
        pairs.append({"id": f"cut-{len(pairs)}", "prompt": prompt, "response": response})
        place += 2
    return pairs


class Reference:
    def __init__(self, folder):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        self.model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).double().eval()

    def ids(self, text):
        return [BOS] + self.pieces.encode(text)

    def logprobs(self, ids):
        """Natural log-probabilities of ids[1:]."""
        with torch.no_grad():
            logits = self.model(torch.tensor([ids])).logits[0, :-1]
        return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()

    def scored(self, ids, first):
        first = max(first, 1)
        return self.logprobs(ids)[first - 1 :]

    def pair(self, prompt, response, join="whole", mask=True, eos=True):
        before = self.ids(prompt)
        if join == "apart":
            ids, first = before + self.pieces.encode(response), len(before)
        else:
            ids = self.ids(prompt + response)
            first = next((i for i, (a, b) in enumerate(zip(before, ids)) if a != b), min(len(before), len(ids)))
        if eos:
            ids = ids + [EOS]
        return {"ids": ids, "logprobs": self.scored(ids, first if mask else 0)}

    def choices(self, context, choices):
        """As lm-evaluation-harness does it: the context's spaces at its end belong to the choices."""
        bare = context.rstrip()
        spaces = context[len(bare) :]
        before = self.ids(bare)
        scores = []
        for choice in choices:
            ids = self.ids(bare + spaces + choice)
            assert ids[: len(before)] == before, (context, choice)
            scores.append(self.scored(ids, len(before)))
        return scores

    def perplexity(self, text, length, stride):
        """The guide of transformers on fixed-length models, written anew: its weights, and a mean over tokens."""
        ids = torch.tensor([self.ids(text)])
        seen, guide, weights, total, tokens, means = 0, 0.0, 0, 0.0, 0, []
        for begin in range(0, ids.size(1), stride):
            end = min(begin + length, ids.size(1))
            new = end - seen
            window = ids[:, begin:end]
            labels = window.clone()
            labels[:, : window.size(1) - new] = -100
            with torch.no_grad():
                loss = self.model(window, labels=labels).loss.item()
            # transformers moves labels by one, so this is one too few where the window overlaps the one before.
            weight = int((labels != -100).sum()) - 1
            scored = int((labels[:, 1:] != -100).sum())
            guide, weights, seen = guide + loss * weight, weights + weight, end
            total, tokens = total + loss * scored, tokens + scored
            means.append(loss)
            if end == ids.size(1):
                break
        return {"samples": len(means), "tokens": tokens, "perplexity": math.exp(guide / weights),
                "loss_token_mean": total / tokens, "loss_sample_mean": sum(means) / len(means)}


def question_golden(reference, question):
    scores = reference.choices(question["context"], question["choices"])
    sums = [sum(score) for score in scores]
    best = lambda values: max(range(len(values)), key=values.__getitem__)
    return {"logprobs": scores, "whole": best(sums),
            "bytes": best([s / len(c.encode()) for s, c in zip(sums, question["choices"])]),
            "tokens": best([s / len(score) for s, score in zip(sums, scores)])}


def main():
    folder = pathlib.Path(sys.argv[1])
    reference = Reference(folder)
    text = (HERE / "held-out.txt").read_text()
    pairs = make_pairs(text)
    lines = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    (HERE / "pairs.jsonl").write_text(lines)
    texts = [(pair["prompt"], pair["response"]) for pair in pairs]
    questions = [json.loads(line) for line in (HERE / "choices.jsonl").read_text().splitlines()]
    golden = {
        "weights": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "pairs": [reference.pair(*pair) for pair in texts],
        "apart": [reference.pair(*pair, join="apart") for pair in texts],
        "unmasked": [reference.pair(*pair, mask=False, eos=False) for pair in texts],
        "questions": [question_golden(reference, question) for question in questions],
        "text": {f"{length} {stride}": reference.perplexity(text, length, stride)
                 for length, stride in ((512, 512), (512, 256), (512, 100), (128, 128), (128, 32))},
    }
    for name in ("pairs", "apart", "unmasked"):
        for entry in golden[name]:
            entry["logprobs"] = [round(value, 9) for value in entry["logprobs"]]
    for entry in golden["questions"]:
        entry["logprobs"] = [[round(value, 9) for value in score] for score in entry["logprobs"]]
    (HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")).replace('},{', '},\n{') + "\n")


main()
