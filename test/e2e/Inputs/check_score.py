"""check_score.py MODEL SCRATCH [CPU_TARGET]: `quipu score` of the embedded model in f32 gives what PyTorch gives (score/)."""

import hashlib
import json
import math
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent / "score"
model, scratch = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
target = sys.argv[3:4]
golden = json.loads((HERE / "golden.json").read_text())
found = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
assert found == golden["weights"], "the goldens are of other weights; run score/make_goldens.py"


def compile_plan(name, *flags):
    path = scratch / name
    target_flags = ["--target", *target] if target else []
    subprocess.run(["quipu", "compile", model, "--dtype", "f32", *target_flags, *flags, "-o", path], check=True)
    return path


def score(plan, *arguments):
    output = subprocess.run(["quipu", "score", plan, *arguments, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in output.stdout.splitlines()]
    return lines[:-1], lines[-1]["total"]


def near(value, expected, tolerance, what):
    assert abs(value - expected) <= tolerance, f"{what}: {value}, expected {expected}"


def check_samples(name, samples, expected):
    """Each loss to 1e-5, each token's log-probability to 5e-5."""
    assert len(samples) == len(expected), name
    for i, (sample, entry) in enumerate(zip(samples, expected)):
        logprobs, what = entry["logprobs"], f"{name}, sample {i}"
        assert sample["index"] == i and sample["tokens"] == len(logprobs) == len(sample["token_logprobs"]), what
        near(sample["loss"], -sum(logprobs) / len(logprobs), 1e-5, what)
        near(sample["logprob"], sum(sample["token_logprobs"]), 1e-4, what)
        for j, (value, expected_value) in enumerate(zip(sample["token_logprobs"], logprobs)):
            near(value, expected_value, 5e-5, f"{what}, token {j}")


def check_means(name, samples, total, expected):
    tokens = sum(len(entry["logprobs"]) for entry in expected)
    over_tokens = -sum(sum(entry["logprobs"]) for entry in expected) / tokens
    over_samples = -sum(sum(entry["logprobs"]) / len(entry["logprobs"]) for entry in expected) / len(expected)
    assert total["samples"] == len(expected) and total["tokens"] == tokens, (name, total)
    near(total["loss_token_mean"], over_tokens, 1e-5, name)
    near(total["loss_sample_mean"], over_samples, 1e-5, name)
    near(total["perplexity"], math.exp(over_tokens), 1e-4 * math.exp(over_tokens), name)
    # The weights are those with which the losses make the means.
    near(sum(sample["weight_token_mean"] * sample["loss"] for sample in samples), over_tokens, 1e-5, name)
    near(sum(sample["weight_sample_mean"] * sample["loss"] for sample in samples), over_samples, 1e-5, name)


plan = compile_plan("pairs.qplan", "--max-batch", "16")
pairs = HERE / "pairs.jsonl"
unpacked, _ = score(plan, "--data", pairs, "--batch", "1")
variants = {"batch 1": ["--batch", "1"], "batch 7": ["--batch", "7"], "batch 16, chunks": ["--batch", "16", "--chunk", "33"],
            "as launches": [], "pack 128": ["--pack", "128"], "pack 512": ["--pack", "512"],
            "pack 160, 3 at once": ["--pack", "160", "--batch", "3"]}
for name, flags in variants.items():
    samples, total = score(plan, "--data", pairs, *flags)
    check_samples(name, samples, golden["pairs"])
    check_means(name, samples, total, golden["pairs"])
    for sample, alone in zip(samples, unpacked):
        for value, expected in zip(sample["token_logprobs"], alone["token_logprobs"]):
            near(value, expected, 1e-5, f"{name}, sample {sample['index']} against itself alone")
    if "--pack" in flags:
        capacity = int(flags[1])
        ids = sum(len(entry["ids"]) for entry in golden["pairs"])
        near(total["filling"], ids / (total["packs"] * capacity), 1e-12, name)
        assert total["packs"] >= ids / capacity and total["filling"] > 0.75, (name, total)
for name, key, flags in [("apart", "apart", ["--join", "apart"]),
                         ("whole texts", "unmasked", ["--mask-prompt", "off", "--eos", "off"])]:
    samples, total = score(plan, "--data", pairs, *flags)
    check_samples(name, samples, golden[key])
    check_means(name, samples, total, golden[key])

questions = [json.loads(line) for line in (HERE / "choices.jsonl").read_text().splitlines()]
for flags in ([], ["--batch", "1"], ["--pack", "64"]):
    samples, total = score(plan, "--data", HERE / "choices.jsonl", *flags)
    assert len(samples) == len(questions)
    for i, (sample, entry, question) in enumerate(zip(samples, golden["questions"], questions)):
        what = f"question {i}"
        for value, logprobs in zip(sample["choice_logprobs"], entry["logprobs"], strict=True):
            near(value, sum(logprobs), 5e-5, what)
        check_samples(what, [{**sample, "index": 0}], [{"logprobs": entry["logprobs"][question["answer"]]}])
        assert sample["choice"] == entry["whole"] and sample["correct"] == (entry["whole"] == question["answer"]), what
        assert sample["choice_norm"] == entry["bytes"] and sample["choice_tokens"] == entry["tokens"], what
    for name, rule in [("accuracy", "whole"), ("accuracy_norm", "bytes"), ("accuracy_tokens", "tokens")]:
        right = sum(entry[rule] == question["answer"] for entry, question in zip(golden["questions"], questions))
        near(total[name], right / len(questions), 1e-12, name)

for setting, entry in golden["text"].items():
    length, stride = setting.split()
    plan = compile_plan(f"text-{length}.qplan", "--max-seq", length, "--max-batch", "4")
    flags = ["--stride", stride] if stride != length else []
    lines, total = score(plan, "--text", HERE / "held-out.txt", *flags)
    assert not lines and total["samples"] == entry["samples"] and total["tokens"] == entry["tokens"], (setting, total)
    near(total["perplexity"], entry["perplexity"], 1e-5 * entry["perplexity"], f"perplexity, {setting}")
    near(total["loss_token_mean"], entry["loss_token_mean"], 1e-5, setting)
    near(total["loss_sample_mean"], entry["loss_sample_mean"], 1e-5, setting)
