"""score.py PLAN DATA_FOLDER SCRATCH MODEL: what `quipu score` prints for people and for programs, and where its data comes from."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys

from terminal import output_on_terminal

plan, inputs, scratch, model = (pathlib.Path(path) for path in sys.argv[1:5])


def score(*arguments, stdin=None):
    return subprocess.run(["quipu", "score", plan, *arguments], capture_output=True, text=True, check=True, input=stdin)


def json_lines(*arguments, stdin=None):
    return [json.loads(line) for line in score(*arguments, "--json", stdin=stdin).stdout.splitlines()]


def data(name, *lines):
    path = scratch / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


SAMPLE = ["index", "tokens", "logprob", "loss", "token_logprobs", "weight_token_mean", "weight_sample_mean"]
MEANS = ["samples", "tokens", "loss_token_mean", "loss_sample_mean", "perplexity"]
short = {"prompt": "The sky was", "response": " blue.", "source": "a field that is ignored"}
long = {"prompt": "Once upon a time, there was", "response": " a little girl named Lily. She loved to play outside."}
pairs = data("pairs.jsonl", short, long)

# Names and sums.
*samples, total = json_lines("--data", pairs)
assert [list(sample) for sample in samples] == [SAMPLE, SAMPLE] and list(total) == ["total"], samples
total = total["total"]
assert list(total) == [*MEANS, "skipped"] and total["skipped"] == 0, total
for i, sample in enumerate(samples):
    assert sample["index"] == i and sample["tokens"] == len(sample["token_logprobs"])
    assert math.isclose(sample["logprob"], sum(sample["token_logprobs"]), rel_tol=1e-6)
    assert math.isclose(sample["loss"], -sample["logprob"] / sample["tokens"])
    assert math.isclose(sample["weight_token_mean"], sample["tokens"] / total["tokens"])
    assert sample["weight_sample_mean"] == 0.5
assert math.isclose(total["loss_token_mean"], -sum(s["logprob"] for s in samples) / total["tokens"])
assert math.isclose(total["loss_sample_mean"], sum(s["loss"] for s in samples) / 2)
assert math.isclose(total["perplexity"], math.exp(total["loss_token_mean"]))
# The same from standard input, as -o -, and from a model that is compiled for it.
text = pairs.read_text()
assert json_lines("--data", "-", stdin=text)[-1]["total"] == total
from_model = subprocess.run(["quipu", "score", model, "--data", pairs, "--json"], capture_output=True, check=True)
assert json.loads(from_model.stdout.splitlines()[-1])["total"] == total
assert json.loads(score("--data", pairs, "-o", "-").stdout.splitlines()[-1])["total"] == total

# The table has both means, and what each sample weighs in them.
table = score("--data", pairs).stdout
assert re.search(rf"^2 samples\n{total['tokens']} scored tokens of \d+$", table, re.M), table
assert f"| over tokens | {total['loss_token_mean']:.6f} | {total['perplexity']:.4f} | its scored tokens / {total['tokens']} |" in table
assert f"| over samples | {total['loss_sample_mean']:.6f} | {math.exp(total['loss_sample_mean']):.4f} | 1 / 2 |" in table
for line, sample in enumerate(samples, 1):
    weight = 100 * sample["weight_token_mean"]
    assert f"| {line} | {sample['tokens']} | {sample['loss']:.4f} | {weight:.2f} % | 50.00 % |" in table, table
# Many samples: a row for all of about one length.
many = score("--data", inputs / "pairs.jsonl").stdout
ranges = re.findall(r"^\| (\d+)(?: to (\d+))? \| (\d+) \| [\d.]+ \| ([\d.]+) % \| ([\d.]+) % \|$", many, re.M)
counts = [sample["tokens"] for sample in json_lines("--data", inputs / "pairs.jsonl")[:-1]]
for least, most, number, tokens_weight, samples_weight in ranges:
    inside = [count for count in counts if int(least) <= count <= int(most or least)]
    assert int(number) == len(inside), many
    assert abs(float(tokens_weight) - 100 * sum(inside) / sum(counts)) < 0.01
    assert abs(float(samples_weight) - 100 * len(inside) / len(counts)) < 0.01
assert sum(int(row[2]) for row in ranges) == len(counts)

# Packs: how full they are, and what more sequences would give.
packed = score("--data", pairs, "--pack", "64")
ids = int(re.search(r"scored tokens of (\d+)", packed.stdout)[1])
assert (f"1 pack of 64 tokens, by first fit decreasing: {100 * ids / 64:.2f} % of the slots are filled "
        f"({100 * ids / 128:.2f} % if each text had a pack for itself)") in packed.stdout, packed.stdout
packed = score("--data", data("equal.jsonl", *[short] * 20), "--pack", "512")
assert re.search(r"takes at most 8 sequences at once, so there are 3 packs instead of 1; compile it with --max-batch 20",
                 packed.stderr), packed.stderr

# Conversations: the template makes the same text as a pair, so the numbers are the same. EOS is the end of the turn.
template = scratch / "plain.jinja"
template.write_text("{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}")
turns = [{"role": "user", "content": short["prompt"]}, {"role": "assistant", "content": short["response"]}]
lines = json_lines("--data", data("chat.jsonl", {"messages": turns}, long), "--chat-template", template)
assert lines[0]["token_logprobs"] == samples[0]["token_logprobs"] and lines[1]["tokens"] == samples[1]["tokens"], lines
# Of two turns both answers count, each with its end; of the users' text nothing does.
two = json_lines("--data", data("two.jsonl", {"messages": turns + turns}), "--chat-template", template)
assert two[0]["tokens"] == 2 * samples[0]["tokens"], two
assert two[0]["token_logprobs"][: samples[0]["tokens"]] == samples[0]["token_logprobs"], two
everything = json_lines("--data", scratch / "chat.jsonl", "--chat-template", template, "--mask-prompt", "off")
assert everything[0]["tokens"] > samples[0]["tokens"]

# What is scored can be looked at.
assert re.search(r"pairs\.jsonl: line 1: <s>:1 \S+The:\d+ \S+ \S+was:\d+ \[\S+blue:\d+ \.:\d+ </s>:2\]$",
                 score("--data", pairs, "--verbose").stderr, re.M)
assert re.search(r"two\.jsonl: line 1: <s>:1 [^]]+\[[^]]+</s>:2\] [^]]+\[[^]]+</s>:2\]$",
                 score("--data", scratch / "two.jsonl", "--chat-template", template, "--verbose").stderr, re.M)

# Too long: an error, or left out and counted, with the numbers of the file.
endless = {"prompt": "the", "response": " cat" * 600}
mixed = data("mixed.jsonl", short, endless, long)
run = subprocess.run(["quipu", "score", plan, "--data", mixed], capture_output=True, text=True)
assert run.returncode == 1 and not run.stdout, run
assert re.search(r"mixed\.jsonl: line 2: has (more than 512|\d+) tokens; .* was compiled for sequences of at most 512 tokens "
                 r"\(--max-seq\); shorten it, or give --skip-long", run.stderr), run.stderr
lines = json_lines("--data", mixed, "--skip-long")
assert [line.get("index") for line in lines[:-1]] == [0, 2] and lines[-1]["total"]["skipped"] == 1, lines
assert "2 samples; 1 more was too long and skipped" in score("--data", mixed, "--skip-long").stdout
run = subprocess.run(["quipu", "score", plan, "--data", pairs, "--pack", "8"], capture_output=True, text=True)
assert run.returncode == 1 and re.search(r"line 2: has \d+ tokens; --pack 8 takes no longer sample; give a greater", run.stderr)

# A text: the total alone. Windows of the plan's length, and with a stride.
text_file = scratch / "text.txt"
text_file.write_text((inputs / "held-out.txt").read_text()[:3000])
(line,) = json_lines("--text", text_file)
assert list(line) == ["total"] and list(line["total"]) == MEANS, line
assert json_lines("--text", "-", stdin=text_file.read_text()) == [line]
(strided,) = json_lines("--text", text_file, "--stride", "256")
assert strided["total"]["perplexity"] < line["total"]["perplexity"]
assert f"| over tokens | {line['total']['loss_token_mean']:.6f} |" in score("--text", text_file).stdout

# On a terminal it shows how far it is.
shown = output_on_terminal(["quipu", "score", plan, "--text", inputs / "held-out.txt", "--stride", "16", "--threads", "1",
                            "--batch", "1"], "stderr", {**os.environ, "TERM": "xterm"}, 200).decode()
steps = re.findall(r"\rquipu: score, token (\d+) of (\d+), \d+ s", shown)
assert steps and all(1 <= int(now) <= int(all_tokens) for now, all_tokens in steps), shown
