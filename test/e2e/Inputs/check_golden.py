#!/usr/bin/env python3
"""Compiles a model and holds its answers against those of transformers (see test/goldens/make_goldens.py).

    check_golden.py GOLDEN WORK --dtype f32|bf16|f16 [--model DIR] [--target cpu:...] [--kv-dtype ...]

GOLDEN is a folder of test/goldens, WORK a folder to be made anew. Checked are the logits at every position of the prompt,
computed in one piece, in chunks of 7, 16 and 33 tokens, and token by token; in f32 also 200 greedy tokens.

Tolerances, as parts of the largest |logit|:
- f32: 2e-4 at every position. Sums of a few hundred products in another order differ by about 1e-6 of their terms; two
  or three layers of peaked attention multiply that by less than a hundred.
- bf16, f16: measured against the error that transformers itself makes when it runs the same model in that format (in
  meta.json). It rounds weights and activations wherever Quipu does, and the residual stream, the norms and the softmax
  besides, so the root mean square of our error over all positions and tokens, a stable number, may not be above its own.
  The largest error is one rare draw for either, at the position whose attention is closest to a tie: twice its own.
"""

import hashlib
import json
import pathlib
import sys

from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy, worst_row

F32_TOLERANCE = 2e-4
RARE_DRAW = 2.0
CHUNKS = [None, 7, 16, 33, 1]


def hold_chunks(plan, prompt, expected, tolerance, work, chunks):
    """Ways of cutting the prompt (None: not at all) in which the logits at some position miss the tolerance."""
    missed = []
    for chunk in chunks:
        name = f"chunks of {chunk or 'all'}"
        quipu("logits", plan, "--prompt-tokens", prompt, "--all", "-o", work / "found.npy", *(["--chunk", chunk] if chunk else []))
        error, row, _ = worst_row(read_npy(work / "found.npy"), expected)
        print(f"{name}: largest error {error:.3g} at position {row}, tolerance {tolerance:.3g}")
        if error > tolerance:
            missed.append(name)
    return missed


def check_logits(plan, golden, work, tolerance, rms_tolerance):
    """Names of the ways of cutting the prompt that miss a tolerance."""
    expected = read_npy(golden / "logits.npy")
    prompt = (golden / "prompt.txt").read_text().strip()
    missed = []
    for chunk in CHUNKS:
        name = "one piece" if chunk is None else "token by token" if chunk == 1 else f"chunks of {chunk}"
        output = work / f"logits-{chunk}.npy"
        quipu("logits", plan, "--prompt-tokens", prompt, "--all", "-o", output,
              *([] if chunk is None else ["--chunk", chunk]))
        error, row, rms = worst_row(read_npy(output), expected)
        print(f"{name}: largest error {error:.3g} at position {row}, tolerance {tolerance:.3g}; "
              f"root mean square {rms:.3g}, tolerance {rms_tolerance:.3g}")
        if error > tolerance or rms > rms_tolerance:
            missed.append(name)
    return missed


def check_greedy(plan, golden):
    prompt = (golden / "prompt.txt").read_text().strip()
    expected = (golden / "greedy.txt").read_text().strip().split(",")
    found = quipu("run", plan, "--prompt-tokens", prompt, "-n", len(expected), "--temperature", 0, "--ignore-eos",
                  "--print-tokens").strip().split(",")
    if found == expected:
        print(f"{len(expected)} greedy tokens equal")
        return []
    same = next((i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), min(len(found), len(expected)))
    print(f"greedy tokens differ from number {same} on: {len(found)} found, expected {len(expected)}")
    return ["greedy"]


def check_model(model, meta):
    """Answers for an embedded model hold for the weights that they were computed with."""
    expected = meta.get("model_sha256")
    if expected and hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest() != expected:
        sys.exit(f"{model} has changed since its answers were computed; run test/goldens/make_goldens.py --embedded")


def main():
    parser = parser_of(__doc__, "golden", "work")
    parser.add_argument("--dtype", choices=["f32", "bf16", "f16"], required=True)
    parser.add_argument("--model", type=pathlib.Path, help="the model's folder, when it is not the golden's")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--max-seq", help="positions of the plan")
    parser.add_argument("--kv-dtype", default="auto", help="type of keys and values")
    options = parser.parse_args()
    made_anew(options.work)
    plan = options.work / "plan"
    meta = json.loads((options.golden / "meta.json").read_text())
    check_model(options.model or options.golden, meta)
    quipu("compile", options.model or options.golden, "-o", plan, "--target", options.target, "--dtype", options.dtype,
          "--kv-dtype", options.kv_dtype, *(["--max-seq", options.max_seq] if options.max_seq else []))

    if options.dtype == "f32":
        missed = check_logits(plan, options.golden, options.work, F32_TOLERANCE, F32_TOLERANCE)
        missed += check_greedy(plan, options.golden)
    else:
        missed = check_logits(plan, options.golden, options.work, RARE_DRAW * meta[f"{options.dtype}_error"],
                              meta[f"{options.dtype}_rms_error"])
    finish(f"{options.golden.name} {options.dtype}", missed, options.work)


if __name__ == "__main__":
    main()
