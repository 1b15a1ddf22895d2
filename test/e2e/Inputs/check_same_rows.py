#!/usr/bin/env python3
"""Sees that a sequence has the same logits, bit for bit, however it comes to them.

    check_same_rows.py MODEL WORK --target cpu:... FORMAT...

FORMAT is f32, bf16 or f16; a format of blocks, to which random weights are rounded; or one with "-exact" behind it, whose
products multiply activations as they are. For each there is a line of a table: what differs from the logits of a prompt
that one thread runs in one piece. A word of it is the number of rows that differ, of all. Exit status 1 if any does.
"""

from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy

# The first pages of the cache are full, and the last is not. A prompt is no multiple of the rows of a tile.
LENGTH, BESIDE = 75, (1, 40, 18)
WAYS = {
    "2-threads": ["-t", 2],
    "decode": ["--chunk", 1],
    "chunks-of-7": ["--chunk", 7],
    "chunks-of-16": ["--chunk", 16],
    "chunks-of-33": ["--chunk", 33],
    "batch": [],
    "batch-in-chunks": ["--chunk", 29],
    "batch-decode": ["--lockstep", "-t", 2],
}


def tokens(count, start):
    return ",".join(str(3 + (7 * i + start) % 90) for i in range(count))


def flags_of(name):
    if name in ("f32", "bf16", "f16"):
        return ["--dtype", name]
    blocks = name.removesuffix("-exact")
    return ["--dtype", "f32", "--quantize", blocks, "--activations", "exact" if blocks != name else "rounded"]


def logits(plan, work, name, way):
    """Rows of the first sequence, each as bytes."""
    output = work / "logits.npy"
    prompts = ["--prompt-tokens", tokens(LENGTH, 0)]
    if name.startswith("batch"):
        prompts += [word for i, count in enumerate(BESIDE) for word in ("--prompt-tokens", tokens(count, 11 + 5 * i))]
    threads = [] if "-t" in way else ["-t", 1]
    weights = ["--weights", "random:1"] if plan.name == "random" else []
    quipu("logits", plan, *weights, *prompts, "--all", "-o", output, *way, *threads)
    (_, width), values = read_npy(output)
    data = values.tobytes()
    return [data[4 * width * i:4 * width * (i + 1)] for i in range(LENGTH)]


def check(model, work, name, options):
    """Which ways differ, each with the number of its rows that do."""
    plan = work / ("random" if model.is_file() else "plan")
    quipu("compile", model, "--target", options.target, "--max-batch", 4, "-o", plan, *flags_of(name), *options.flag)
    whole = logits(plan, work, "prompt", [])
    found = {}
    for way, arguments in WAYS.items():
        rows = logits(plan, work, way, arguments)
        if different := sum(a != b for a, b in zip(whole, rows)):
            found[way] = different
    return found


def main():
    parser = parser_of(__doc__, "model", "work")
    parser.add_argument("formats", nargs="+")
    parser.add_argument("--target", required=True)
    parser.add_argument("--flag", action="append", default=[], help="of quipu compile")
    options = parser.parse_args()
    made_anew(options.work)
    missed = []
    for name in options.formats:
        found = check(options.model, options.work, name, options)
        words = ", ".join(f"{way} {count}/{LENGTH}" for way, count in found.items())
        print(f"{options.target:16} {name:12} {words or 'same'}", flush=True)
        if found:
            missed.append(name)
    finish(options.target, missed, options.work)


if __name__ == "__main__":
    main()
