#!/usr/bin/env python3
"""Rates of llama.cpp on the benchmark shapes, in the lines that `run.sh --peers` takes.

    llama_cpp.py --binaries FOLDER --model 8b=FILE.gguf [--model ...]

FOLDER holds llama-bench and llama-batched-bench, built with CUDA; the files are bf16 models of the shapes in
benchmarks/configs (random weights do). Decode: 64 tokens behind 512, alone and 64 sequences at once; prefill: one prompt
of 2,048 random tokens. Flash attention on, everything on the GPU; the median of what llama-bench repeats. Exit status 1
when a run fails.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from bench import PLAN  # noqa: E402

TOKENS, CONTEXT, GENERATED, BATCH, REPEATS = 2048, 512, 64, 64, 7


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command[0]}: exit status {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def report(**fields):
    print(json.dumps({"peer": "llama.cpp", **fields}), flush=True)


def measure(binaries, model, file):
    common = ["-m", file, "-ngl", 99, "-fa", "on", "-b", TOKENS, "-ub", TOKENS]
    rows = json.loads(run(binaries / "llama-bench", *common, "-p", TOKENS, "-n", 0, "-r", REPEATS, "-o", "json"))
    report(what="prefill", model=model, tokens=TOKENS, data="random", tok_s=statistics.median(rows[0]["samples_ts"]))
    rows = json.loads(run(binaries / "llama-bench", *common, "-p", 0, "-n", GENERATED, "-d", CONTEXT, "-r", REPEATS,
                          "-o", "json"))
    report(what="decode", model=model, batch=1, ctx=CONTEXT, tok_s=statistics.median(rows[0]["samples_ts"]))
    lines = run(binaries / "llama-batched-bench", *common, "-c", BATCH * (CONTEXT + GENERATED), "-npp", CONTEXT, "-ntg",
                GENERATED, "-npl", BATCH, "--output-format", "jsonl")
    row = next(json.loads(line) for line in lines.splitlines() if line.startswith("{"))
    report(what="decode", model=model, batch=BATCH, ctx=CONTEXT, tok_s=row["speed_tg"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FILE")
    options = parser.parse_args()
    for model in options.model:
        name, _, file = model.partition("=")
        if name not in PLAN or not file:
            parser.error(f"--model {model}: wanted NAME=FILE with a name of {', '.join(PLAN)}")
        measure(options.binaries, name, file)


if __name__ == "__main__":
    main()
