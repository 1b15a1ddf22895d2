#!/usr/bin/env python3
"""Measures the benchmark plans with `quipu bench` and holds the rates against what docs/performance.md promises.

    bench.py PLANS RESULTS [--only REGEX] [--repeats N]

PLANS holds bench/SHAPE.bf16.qplan. Ceilings are measured by the same process, between the runs. Prints one line a test
and appends it to RESULTS. Exit status 1 when a test does not run or misses its mark.
"""

import argparse
import json
import math
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import results  # noqa: E402

PLAN = {"1b": "llama-3.2-1b", "1b 32k": "llama-3.2-1b-32k", "7b": "llama-2-7b", "8b": "llama-3-8b",
        "8b one order": "llama-3-8b-deterministic"}
# What deterministic plans must have of the rates of the others, measured in the same run.
ONE_ORDER = {"decode b1": 0.9, "decode b64": 0.97, "prefill": 0.97}
# Name of the test, model, flags, what is wanted. Decode: 64 tokens behind the context; prefill: one prompt.
DECODE = ["-p", "0", "-n", "64", "-d"]
PREFILL = ["-p", "2048", "-n", "0"]
TESTS = [
    ("decode b1", "1b", [*DECODE, "512"], 1060, "tok/s"),
    ("decode b1", "7b", [*DECODE, "512"], 210, "tok/s"),
    ("decode b1", "8b", [*DECODE, "512"], 188, "tok/s"),
    # No more than 20 % slower than at 512.
    ("decode b1 ctx 8192", "1b", [*DECODE, "8192"], None, "tok/s"),
    # No less of the memory's bandwidth than at 512.
    ("decode b1 ctx 32704", "1b 32k", [*DECODE, "32704"], None, "GB/s"),
    ("decode b64", "8b", [*DECODE, "512", "-b", "64"], 7000, "tok/s"),
    ("decode b64", "7b", [*DECODE, "512", "-b", "64"], 4600, "tok/s"),
    ("prefill", "7b", PREFILL, 600, "TFLOP/s"),
    ("prefill", "8b", PREFILL, 650, "TFLOP/s"),
    # What tensor cores draw depends on the data, and many benchmarks repeat a token (see pairs.py).
    ("prefill one token", "7b", [*PREFILL, "--token", "0"], 600, "TFLOP/s"),
    ("prefill one token", "8b", [*PREFILL, "--token", "0"], 650, "TFLOP/s"),
    # Tokens a second within 90 % of a prompt's, measured in the same run: every position has its log_prob.
    ("score", "8b", ["-p", "2048", "-n", "0", "--score", "2048"], None, "tok/s"),
    ("decode b1", "8b one order", [*DECODE, "512"], None, "tok/s"),
    ("decode b64", "8b one order", [*DECODE, "512", "-b", "64"], None, "tok/s"),
    ("prefill", "8b one order", PREFILL, None, "TFLOP/s"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", type=Path)
    parser.add_argument("results")
    parser.add_argument("--quipu", default="quipu")
    parser.add_argument("--only", default="", help="regular expression on 'MODEL TEST'")
    parser.add_argument("--repeats", default="7")
    parser.add_argument("--limit", type=float, default=120, help="seconds for each test")
    options = parser.parse_args()
    rates, bandwidth, failed = {}, {}, 0
    chosen = [test for test in TESTS if re.search(options.only, f"{test[1]} {test[0]}")]
    if not chosen:
        parser.error(f"--only is '{options.only}', which none of these tests matches: "
                     + ", ".join(f"{model} {test}" for test, model, *_ in TESTS))
    for test, model, flags, wanted, unit in chosen:
        name = f"{model} {test}"
        plan = options.plans / "bench" / f"{PLAN[model]}.bf16.qplan"
        command = [options.quipu, "bench", plan, "--json", "-r", options.repeats, *flags]
        try:
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 timeout=options.limit)
            if run.returncode:
                raise RuntimeError(f"exit status {run.returncode}: {run.stderr.strip()[-400:]}")
            *before, row = json.loads(run.stdout)
        except (RuntimeError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
            print(f"{name:24} {error}", flush=True)
            results.add(options.results, name=name, got="did not run", need=str(wanted or ""), ok=False)
            failed += 1
            continue
        # Medians, as the peers' numbers are.
        value = row["median_tok_s"]
        if test == "decode b1":
            bandwidth[model] = value * row["bytes_per_token"] / 1e9
        if unit == "TFLOP/s":
            value *= row["flops_per_token"] / 1e12
        elif unit == "GB/s":
            value *= row["bytes_per_token"] / 1e9
        rates[model, test] = value
        # Without the measurement that they are compared with, the long contexts fail.
        if test == "decode b1 ctx 8192":
            wanted = 0.8 * rates.get((model, "decode b1"), math.inf)
        elif test == "decode b1 ctx 32704":
            wanted = bandwidth.get("1b", math.inf)
        elif model == "8b one order":
            wanted = ONE_ORDER[test] * rates.get(("8b", test), math.inf)
        elif test == "score":
            prompt = before[0]["median_tok_s"]
            wanted = 0.9 * prompt
        share = []
        if row["bound"] == "memory":
            share.append(f"{row['achieved_GBps']:.0f} of {row['ceiling_GBps']:.0f} GB/s copied "
                         f"({100 * row['achieved_GBps'] / row['ceiling_GBps']:.0f} %)")
        if row.get("ceiling_TFLOPs") and (row["bound"] == "compute" or row["batch"] > 1):
            share.append(f"{row['achieved_TFLOPs']:.0f} of {row['ceiling_TFLOPs']:.0f} TFLOP/s by cuBLAS "
                         f"({100 * row['achieved_TFLOPs'] / row['ceiling_TFLOPs']:.0f} %)")
        if test == "score":
            share.append(f"{100 * value / prompt:.1f} % of the prompt's {prompt:.0f} tok/s, "
                         f"{row['device_memory_used'] / 2**30:.2f} GiB of the device's memory used")
        runs = " ".join(f"{rate:.0f}" for rate in row["runs_tok_s"])
        print(f"{name:24} {row['median_tok_s']:9.1f} tok/s (median of {runs}); {'; '.join(share)}", flush=True)
        ok = value >= wanted
        failed += not ok
        results.add(options.results, name=name, got=f"{value:.1f} {unit}", need=f">= {wanted:.0f}", ok=ok, model=model,
                    test=test, value=value, row=row)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
