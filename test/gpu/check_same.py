#!/usr/bin/env python3
"""Plans of one model, from files of several formats, against each other.

    check_same.py PLANS

PLANS holds NAME.FORMAT.DTYPE.qplan with their weights in them; those of one NAME and DTYPE give the same logits. Orders of
rotary pairs differ between formats, and with them the order of sums. So the tolerance, as a part of the largest |logit|,
is 1e-4 in f32. In a 16-bit type each of the two may be as far from the exact logits as check_models.py allows: by twice
the error that transformers makes in it (meta.json of the golden that NAME begins with).
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e/Inputs"))
from check_golden import RARE_DRAW  # noqa: E402
from compare_npy import read_npy, worst_row  # noqa: E402

F32_TOLERANCE = 1e-4
CHUNKS = [None, 7, 1]


def logits(plan, prompt, work, chunk):
    output = pathlib.Path(work) / f"{plan.name}.npy"
    subprocess.run(["quipu", "logits", plan, "--prompt-tokens", prompt, "--all", "-o", output,
                    *(["--chunk", str(chunk)] if chunk else [])], check=True)
    return read_npy(output)


def main():
    plans = collections.defaultdict(list)
    for plan in sorted(pathlib.Path(sys.argv[1]).glob("*.qplan")):
        name, _, dtype, _ = plan.name.split(".")
        plans[name, dtype].append(plan)
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for (name, dtype), same in plans.items():
            golden = HERE.parent / "goldens" / re.sub(r"_q\d.*$", "", name)
            prompt = (golden / "prompt.txt").read_text().strip()
            tolerance = F32_TOLERANCE
            if dtype != "f32":
                tolerance = RARE_DRAW * json.loads((golden / "meta.json").read_text())[f"{dtype}_error"]
            expected = logits(same[0], prompt, work, None)
            errors = [worst_row(logits(plan, prompt, work, chunk), expected)[0] for plan in same[1:] for chunk in CHUNKS]
            good = len(same) > 1 and max(errors) <= tolerance
            failed += not good
            print(f"{name}.{dtype}: {len(same)} plans, largest error {max(errors, default=0):.3g}, "
                  f"tolerance {tolerance:.3g}: {'ok' if good else 'FAILED'}")
    print(f"{len(plans)} models, {failed} failed")
    sys.exit(bool(failed or not plans))


if __name__ == "__main__":
    main()
