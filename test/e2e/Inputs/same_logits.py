#!/usr/bin/env python3
"""Writes a golden in another format (other_formats.py) and sees that both give the same logits.

    same_logits.py GOLDEN WORK meta [--shards 2] [--embedding-by-rows] [--llama3]
    same_logits.py GOLDEN WORK llama2c --version 0|1|2

With --through gguf or folder the other format is converted by `quipu convert` first.

The largest difference may be 1e-5 of the largest logit: the sums over a head are those of other neighbours, since the
rotary layouts differ. --llama3 gives the golden Llama 3's rotary scaling first. Version 2 is held against the golden whose
matrices are the values of the integers; 1e-4 is allowed there.
"""

import json
import shutil

from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy, worst_row
import other_formats

TOLERANCE, QUANTISED_TOLERANCE = 1e-5, 1e-4
LLAMA3 = {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}


def logits(model, work, name, prompt):
    plan, output = work / f"{name}.qplan", work / f"{name}.npy"
    quipu("compile", model, "--dtype", "f32", "--activations", "exact", "-o", plan)
    quipu("logits", plan, "--prompt-tokens", prompt, "--all", "-o", output)
    return read_npy(output)


def main():
    parser = parser_of(__doc__, "golden", "work")
    parser.add_argument("format", choices=["meta", "llama2c"])
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--embedding-by-rows", action="store_true")
    parser.add_argument("--llama3", action="store_true")
    parser.add_argument("--version", type=int, default=0)
    parser.add_argument("--through", choices=["gguf", "folder"])
    options = parser.parse_args()
    golden = made_anew(options.work) / "golden"
    shutil.copytree(options.golden, golden)
    if options.llama3:
        config = json.loads((golden / "config.json").read_text())
        config.update(rope_theta=500000.0, rope_scaling=LLAMA3)
        (golden / "config.json").write_text(json.dumps(config))
    other = options.work / ("other" if options.format == "meta" else "other.bin")
    if options.format == "meta":
        other_formats.write_meta(golden, other, options.shards, options.embedding_by_rows)
    else:
        other_formats.write_llama2c(golden, other, options.version)
        if options.version == 2:
            other_formats.round_golden(golden)
    if options.through:
        converted = options.work / ("converted.gguf" if options.through == "gguf" else "converted")
        quipu("convert", other, "-o", converted)
        other = converted
    prompt = (golden / "prompt.txt").read_text().strip()
    error, row, _ = worst_row(logits(other, options.work, "other", prompt),
                              logits(golden, options.work, "golden", prompt))
    tolerance = QUANTISED_TOLERANCE if options.version == 2 else TOLERANCE
    print(f"largest difference {error:.3g} of the largest logit, at position {row}; tolerance {tolerance:.3g}")
    finish(options.golden.name, ["other logits"] if error > tolerance else [], options.work)
    print("same logits")


if __name__ == "__main__":
    main()
