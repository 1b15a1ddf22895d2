#!/usr/bin/env python3
"""Sees that a deterministic plan gives a row the same bits, however its sequence comes to it.

    check_bits.py PLANS [--variant ISA] [--only REGEX]

PLANS holds NAME.DTYPE.qplan; a plan called random-NAME gets random weights. For each there is a line of a table: what
differs from the logits of a prompt that runs in one piece. A word of it is the number of rows that differ, of all. Where
the model has a tokenizer, scores of texts by themselves are compared with those of the same texts together. Exit status
1 if anything differs.
"""

import argparse
import concurrent.futures
import json
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test/e2e/Inputs"))
from checks import quipu  # noqa: E402
from compare_npy import read_npy  # noqa: E402

# Chunks for the programs of one row, of up to 8, 16, 32, 64, 256 and 512, and of more. Others are no multiple of a tile.
WAYS = {
    "decode": ["--chunk", 1],
    "chunks-of-3": ["--chunk", 3],
    "chunks-of-12": ["--chunk", 12],
    "chunks-of-24": ["--chunk", 24],
    "chunks-of-40": ["--chunk", 40],
    "chunks-of-100": ["--chunk", 100],
    "chunks-of-333": ["--chunk", 333],
    "chunks-of-600": ["--chunk", 600],
    "batch": [],
    "batch-in-chunks": ["--chunk", 77],
    "batch-lockstep": ["--lockstep"],
}
# Of the sequence that is looked at, and of those in front of it.
LENGTHS = {True: (700, (1, 40, 333)), False: (250, (1, 40, 133))}
STORY = "Once upon a time there was a little girl who had a red ball and a small dog. "


def tokens(count, start):
    return ",".join(str(3 + (7 * i + start) % 90) for i in range(count))


def flags_of(plan, options):
    weights = ["--weights", "random:1"] if plan.name.startswith("random-") else []
    return [*weights, *(["--variant", options.variant] if options.variant else [])]


def logits(plan, work, name, way, options):
    """Rows of the sequence, each as bytes."""
    output = work / f"{plan.stem}-{name}.npy"
    length, beside = LENGTHS[plan.name.startswith("random-")]
    beside = beside if name.startswith("batch") else ()
    prompts = [word for i, count in enumerate(beside) for word in ("--prompt-tokens", tokens(count, 11 + 5 * i))]
    quipu("logits", plan, *flags_of(plan, options), *prompts, "--prompt-tokens", tokens(length, 0), "--all", "-o", output,
          *way)
    (_, width), values = read_npy(output)
    data = values.tobytes()
    output.unlink()
    return [data[4 * width * i:4 * width * (i + 1)] for i in range(sum(beside), sum(beside) + length)]


def scores(plan, work, options, *flags):
    texts = work / f"{plan.stem}.jsonl"
    texts.write_text("".join(json.dumps({"prompt": STORY[:10 + i], "response": STORY * (1 + i % 7)}) + "\n"
                             for i in range(24)))
    return quipu("score", plan, *flags_of(plan, options), "--data", texts, "--json", *flags).splitlines()


def check(plan, work, options):
    """The plan, and which ways differ, each with the number of its rows that do."""
    whole = logits(plan, work, "whole", [], options)
    found = []
    for name, way in WAYS.items():
        rows = logits(plan, work, name, way, options)
        if different := sum(a != b for a, b in zip(whole, rows)):
            found.append(f"{name} {different}/{len(whole)}")
    if plan.name.startswith("quipu-stories"):
        together, alone = scores(plan, work, options), scores(plan, work, options, "-b", 1)
        if different := sum(a != b for a, b in zip(together[:24], alone[:24])):
            found.append(f"scores {different}/24")
    return plan, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", type=Path)
    parser.add_argument("--variant")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=8)
    options = parser.parse_args()
    plans = [plan for plan in sorted(options.plans.glob("*.qplan")) if re.search(options.only, plan.name)]
    bad = 0
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for plan, found in pool.map(lambda plan: check(plan, Path(work), options), plans):
            print(f"{plan.stem:36} {', '.join(found) or 'same'}", flush=True)
            bad += bool(found)
    print(f"{len(plans)} plans, {bad} with rows that differ", flush=True)
    sys.exit(1 if bad or not plans else 0)


if __name__ == "__main__":
    main()
