"""Holds what `quipu score` gives of a plan against the log-softmax of what `quipu logits` gives of it."""

import json
import math
import subprocess

from compare_npy import read_npy

TEXTS = [
    "Once upon a time there was a little fox who lived in a hollow tree by the river. Every morning it looked at the "
    "water and wondered where it went. One day it followed the river down to the sea, and there it met a gull.",
    "The cat sat.",
    "Tom had a red ball. He threw it over the wall, and it did not come back for two days.",
]


def quipu(*arguments):
    return subprocess.run(["quipu", *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def log_probability(logits, token):
    largest = max(logits)
    return logits[token] - largest - math.log(math.fsum(math.exp(logit - largest) for logit in logits))


def expected_scores(plan, scratch, *flags):
    """Of each token of each text behind its first, by a run of the text alone."""
    scores = []
    for text in TEXTS:
        tokens = quipu("tokenize", plan, text).strip()
        path = scratch / "logits.npy"
        quipu("logits", plan, "--prompt-tokens", tokens, "--all", "-o", path, *flags)
        (_, vocab), values = read_npy(path)
        targets = [int(token) for token in tokens.split(",")[1:]]
        scores.append([log_probability(values[i * vocab:(i + 1) * vocab], target) for i, target in enumerate(targets)])
    return scores


def worst_difference(plan, scratch, expected, *flags):
    """The largest difference of a token's log-probability."""
    data = scratch / "texts.jsonl"
    data.write_text("".join(json.dumps({"prompt": "", "response": text}) + "\n" for text in TEXTS))
    lines = quipu("score", plan, "--data", data, "--eos", "off", "--json", *flags).splitlines()
    found = [json.loads(line)["token_logprobs"] for line in lines[:len(TEXTS)]]
    return max(abs(a - b) for pair in zip(found, expected, strict=True) for a, b in zip(*pair, strict=True))
