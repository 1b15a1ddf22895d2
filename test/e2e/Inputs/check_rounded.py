#!/usr/bin/env python3
"""Holds kernels that decode blocks against the reference lowering, with exact and with rounded activations.

    check_rounded.py WORK --target cpu:... [--schedules "streams=2 ..."] [--activations exact|rounded] [--tied] FORMAT...

The model is blocks.json with random weights; --tied: its embedding is the head too. With exact activations the logits
agree to 1e-4 of the largest. With rounded ones a value that lies between two integers may become either, by which of two
orders a sum was taken in. So what counts is how far the logits are from the exact ones, by the root of the mean square of
the differences, as a part of the largest logit. Of each format the kernels are at most a tenth farther than the reference
lowering; of all formats together they are no farther, to 1e-4.
"""

import json
import pathlib
import subprocess

from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy, worst_row

MODEL = pathlib.Path(__file__).parent / "blocks.json"
PROMPT = ",".join(str(3 + 7 * i % 90) for i in range(37))
TOLERANCE = 1e-4
KINDS = ["exact", "rounded"]


def evaluate(work, model, phase, output, flags):
    module = work / "module.mlir"
    subprocess.run(["quipu-compile", model, "--stop-after", phase, "-o", module, *flags], check=True)
    subprocess.run(["quipu-eval", module, "--seed", "1", "--tokens", PROMPT, "-o", output], check=True)


def check(work, model, name, target, schedules, kinds):
    flags = ["--target", target, "--quantize", name, "--dtype", "f32"]
    exact, rounded, found = work / "exact.npy", work / "rounded.npy", work / "found.npy"
    evaluate(work, model, "import", exact, flags)
    evaluate(work, model, "llama-quantize-activations", rounded, flags)
    expected = read_npy(exact)
    reference = worst_row(read_npy(rounded), expected)[2]
    missed, excess = [], []
    for activations in kinds:
        plan = work / "plan"
        options = ["--llama-select-schedules", schedules] if schedules else []
        quipu("compile", model, "-o", plan, "--activations", activations, *flags, *options)
        for chunk in [64, 1]:
            quipu("logits", plan, "--weights", "random:1", "--prompt-tokens", PROMPT, "--all", "-o", found, "--chunk", chunk)
            largest, _, mean = worst_row(read_npy(found), expected)
            error, bound = (largest, TOLERANCE) if activations == "exact" else (mean, 1.1 * reference + TOLERANCE)
            if activations == "rounded":
                excess.append(mean - reference)
            print(f"{name} {target} {activations}, chunks of {chunk}: {error:.3g}, at most {bound:.3g}")
            if error > bound:
                missed.append(f"{name} {activations}")
    return missed, excess


def main():
    parser = parser_of(__doc__, "work")
    parser.add_argument("formats", nargs="+")
    parser.add_argument("--target", required=True)
    parser.add_argument("--schedules")
    parser.add_argument("--activations", action="append", choices=KINDS, help="default: both")
    parser.add_argument("--tied", action="store_true")
    options = parser.parse_args()
    made_anew(options.work)
    model = MODEL
    if options.tied:
        model = options.work / MODEL.name
        model.write_text(json.dumps(json.loads(MODEL.read_text()) | {"tie_word_embeddings": True}))
    missed, excess = [], []
    for name in options.formats:
        found = check(options.work, model, name, options.target, options.schedules, options.activations or KINDS)
        missed += found[0]
        excess += found[1]
    mean = sum(excess) / len(excess)
    print(f"rounded, all formats: {mean:.3g} farther than the reference lowering, at most {TOLERANCE:.3g}")
    if mean > TOLERANCE:
        missed.append("all formats together")
    finish(options.target, missed, options.work)


if __name__ == "__main__":
    main()
