#!/usr/bin/env python3
"""Prompts of 2,048 tokens by Quipu and by torch.compile in turns on one card, which is equally warm for both.

    pairs.py PLANS RESULTS [--models 7b,8b] [--rounds N] [--seconds S]

PLANS holds bench/SHAPE.bf16.qplan. Each turn runs prompts for about S seconds without a pause, after a second that does
not count, and gives the median. Weights are random. What tensor cores draw depends on how many bits change, and the card
is at its power limit: so first both get random tokens, then one token repeated, whose rows are all alike, as peers'
benchmarks often have it. torch.compile must not be faster with either. Prints a line a round; appends to RESULTS the
medians of rates and ratios. Exit status 1 when torch.compile was faster.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import results  # noqa: E402
from bench import PLAN  # noqa: E402

TOKENS = 2048


def state_of_card():
    """Temperature and power draw."""
    run = subprocess.run(["nvidia-smi", "--query-gpu=temperature.gpu,power.draw", "--format=csv,noheader,nounits"],
                         stdout=subprocess.PIPE, text=True, check=False)
    celsius, watts = run.stdout.strip().split("\n")[0].split(", ")
    return f"{celsius} C, {float(watts):.0f} W between"


def torch_rate(prompt, seconds):
    """Median tokens a second."""
    import torch
    times, end = [], time.monotonic() + 1 + seconds
    warm = time.monotonic() + 1
    while time.monotonic() < end:
        begin, finish = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        prompt.run()
        finish.record()
        finish.synchronize()
        if time.monotonic() > warm:
            times.append(begin.elapsed_time(finish) / 1e3)
    return TOKENS / statistics.median(times)


def quipu_rate(options, plan, seconds, expected, flags):
    """Median tokens a second, and operations a token."""
    repeats = max(3, round((1 + seconds) * expected / TOKENS))
    command = [options.quipu, "bench", plan, "--json", "-p", TOKENS, "-n", 0, "-r", repeats, *flags]
    run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(run.stdout)[0]
    runs = row["runs_tok_s"]
    return statistics.median(runs[len(runs) // (1 + int(seconds)):]), row["flops_per_token"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", type=Path)
    parser.add_argument("results")
    parser.add_argument("--quipu", default="quipu")
    parser.add_argument("--models", default="7b,8b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    import torch
    from torch_prefill import Prompt
    slower = 0
    for model in options.models.split(","):
        shape = PLAN[model]
        config = json.loads((HERE.parent.parent / "benchmarks/configs" / shape / "config.json").read_text())
        config.setdefault("num_key_value_heads", config["num_attention_heads"])
        plan = options.plans / "bench" / f"{shape}.bf16.qplan"
        prompt = Prompt(config, TOKENS)
        prompt.run()
        rate = 14000
        for data, flags in (("random", []), ("repeated", ["--token", 0])):
            if flags:
                prompt.repeat(0)
            ratios, ours, theirs = [], [], []
            for number in range(options.rounds):
                peer = torch_rate(prompt, options.seconds)
                between = state_of_card()
                rate, flops = quipu_rate(options, plan, options.seconds, rate, flags)
                ours.append(rate * flops / 1e12)
                theirs.append(peer * flops / 1e12)
                ratios.append(rate / peer)
                print(f"{model} prefill, {data} tokens, round {number + 1}: {ours[-1]:.0f} TFLOP/s, torch.compile "
                      f"{theirs[-1]:.0f}, {ratios[-1]:.3f} x ({between})", flush=True)
            ratio = statistics.median(ratios)
            slower += ratio < 1
            results.add(options.results, name=f"{model} prefill beside torch.compile, {data} tokens",
                        got=f"{statistics.median(ours):.0f}, {statistics.median(theirs):.0f} TFLOP/s", need=">= 1 x",
                        value=ratio, ok=ratio >= 1)
            print(f"{model} prefill, {data} tokens: {ratio:.3f} x torch.compile, median of {options.rounds} rounds",
                  flush=True)
        del prompt
        torch.cuda.empty_cache()
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
