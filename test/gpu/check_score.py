#!/usr/bin/env python3
"""What a plan scores is the log-softmax of its logits.

    check_score.py PLAN... [--variant ISA]

PLAN is of a model with a tokenizer (golden/quipu-stories.DTYPE.qplan). Short texts run in other programs when they are
scored than when their logits are wanted, which round differently; check_kernels.py looks at the kernel itself. Exit
status 1 when a token's log-probability is off by more than the format allows.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e" / "Inputs"))
from score_against_logits import expected_scores, worst_difference  # noqa: E402

TOLERANCE = {"f32": 1e-4, "f16": 1e-2, "bf16": 6e-2}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("plans", nargs="+", type=Path)
parser.add_argument("--variant")
options = parser.parse_args()
flags = ["--variant", options.variant] if options.variant else []
failed = 0
for plan in options.plans:
    with tempfile.TemporaryDirectory() as folder:
        expected = expected_scores(plan, Path(folder), *flags)
        worst = worst_difference(plan, Path(folder), expected, "--batch", 1, *flags)
    ok = worst <= TOLERANCE[plan.name.rsplit(".", 2)[1]]
    failed += not ok
    print(f"{plan.name:28} {'ok' if ok else 'FAILED':7} largest difference {worst:.2g}", flush=True)
sys.exit(1 if failed else 0)
