"""check_score_programs.py MODEL SCRATCH TARGET: what the programs that score give is the log-softmax of the logits that
the other programs give, for each token of texts: in f32, bf16 and blocks, whole and in chunks, in f32 also side by side."""

import json
import pathlib
import sys

from score_against_logits import expected_scores, quipu, worst_difference

model, scratch, target = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
scratch.mkdir(parents=True, exist_ok=True)
for dtype, *quantize in (["f32"], ["bf16"], ["f32", "--quantize", "q8_0"]):
    plan = scratch / f"{dtype}{len(quantize)}.qplan"
    quipu("compile", model, "--dtype", dtype, *quantize, "--target", target, "--max-batch", 3, "-o", plan)
    programs = {program["name"]: program for program in json.loads(quipu("inspect", plan, "--json"))["programs"]}
    outputs = {name: [value["name"] for value in program["outputs"]] for name, program in programs.items()}
    assert outputs["decode_score"] == outputs["prefill_score"] == ["log_probs"], outputs
    assert "log_probs" not in outputs["decode"] + outputs["prefill"], outputs
    for flags in ([], ["--chunk", 1], ["--chunk", 7]):
        expected = expected_scores(plan, scratch, *flags)
        # Where numbers are rounded on the way, texts side by side round otherwise, since their rows may run in another
        # program than alone.
        for batch in (1,) if dtype == "bf16" or quantize else (1, 3):
            worst = worst_difference(plan, scratch, expected, "--batch", batch, *flags)
            assert worst <= 1e-5, (dtype, quantize, flags, batch, worst)
