"""bench-rows.py GOLDEN PLAN: what `quipu bench` says of PLAN, a plan of GOLDEN for the CPU, to programs."""

import csv
import io
import json
import pathlib
import subprocess
import sys

golden, plan = sys.argv[1:]
config = json.loads((pathlib.Path(golden) / "config.json").read_text())
layers, heads, kv_heads = (config[f"num_{name}"] for name in ("hidden_layers", "attention_heads", "key_value_heads"))
head_dim = config["hidden_size"] // heads


def bench(*arguments):
    run = subprocess.run(["quipu", "bench", plan, *arguments], check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    return run.stdout, run.stderr


def close(found, expected):
    assert abs(found - expected) <= 1e-6 * abs(expected), (found, expected)


# Names and values of every combination, in order. Most of the time goes into the machine's ceilings, which each run of each
# row measures anew: one row runs twice, to have sums and a scatter.
combined = ["-p", "0", "-n", "4", "-pg", "6,2", "-d", "0,16", "-b", "2", "-t", "2,1", "-r", "1"]
twice = ["-p", "8", "-n", "0", "-b", "2", "-t", "2", "-r", "2"]
parts = [bench(*arguments, "--json") for arguments in (combined, twice)]
rows, err = [row for out, _ in parts for row in json.loads(out)], "".join(err for _, err in parts)
expected = [(f"{name}{at} b2", prompt, generated, depth, 2, threads) for threads in (2, 1)
            for at, depth in (("", 0), ("@d16", 16))
            for name, prompt, generated in (("tg4", 0, 4), ("pp6+tg2", 6, 2))] + [("pp8 b2", 8, 0, 0, 2, 2)]
found = [tuple(row[field] for field in ("name", "prompt", "generated", "depth", "batch", "threads")) for row in rows]
assert found == expected, found
for row in rows:
    runs = row["runs_tok_s"]
    assert row["repeats"] == len(runs) == (2 if row is rows[-1] else 1), row
    close(row["tok_s"], sum(runs) / len(runs))
    close(row["median_tok_s"], sum(runs) / len(runs))
    close(row["scatter"] * row["median_tok_s"], max(runs) - min(runs))
    close(row["achieved_GBps"], row["bytes_per_token"] * row["tok_s"] / 1e9)
    close(row["achieved_TFLOPs"], row["flops_per_token"] * row["tok_s"] / 1e12)
    assert row["ceiling_GBps"] > 0 and row["ceiling_TFLOPs"] > 0 and row["ceiling_instruction"], row
    # The better of the ceilings around a run is at most the best of all.
    kind = ("achieved_GBps", "ceiling_GBps") if row["bound"] == "memory" else ("achieved_TFLOPs", "ceiling_TFLOPs")
    assert row["of_ceiling"] >= row[kind[0]] / row[kind[1]] * row["median_tok_s"] / row["tok_s"] * 0.999, row
    assert row["model"] == "gqa" and row["dtype"] == "f32" and row["target"].startswith("cpu:"), row
    assert row["version"] and row["commit"] and row["device"] and "stddev" in row, row
    # A line for each row that scatters, and for no other.
    name = f"warning: {row['name']}: the runs scatter by "
    assert err.count(name) == sum(other["scatter"] > 0.1 for other in rows if other["name"] == row["name"]), (row, err)

# Attention's part of a token at depth 16 more than at 0.
(short, long) = (row for row in rows if row["threads"] == 1 and row["name"].startswith("tg4"))
close(long["bytes_per_token"] - short["bytes_per_token"], layers * 16 * 2 * kv_heads * head_dim * 4)
close(long["flops_per_token"] - short["flops_per_token"], layers * 16 * 4 * heads * head_dim)

# Scoring differs from a prompt in the rows that the head multiplies: all of them.
out, _ = bench("-p", "20", "-n", "0", "--score", "20,0", "-r", "1", "-t", "1", "--json")
prompt, scored = json.loads(out)
assert (prompt["name"], scored["name"], scored["scored"], scored["bound"]) == ("pp20", "sc20", 20, "compute"), scored
assert "scored" not in prompt, prompt
head = 2 * config["vocab_size"] * config["hidden_size"]
close(20 * (scored["flops_per_token"] - prompt["flops_per_token"]), 19 * head)

# CSV has the same fields.
out, _ = bench("-p", "0", "-n", "4", "-r", "1", "-t", "1", "-o", "csv")
(line,) = csv.DictReader(io.StringIO(out))
assert set(rows[0]) <= set(line) and line["name"] == "tg4" and line["generated"] == "4", line
assert all(line[name] != "" for name in rows[0]), line
close(float(line["achieved_GBps"]), float(line["bytes_per_token"]) * float(line["tok_s"]) / 1e9)

# Sums of a profile, whose whole is a step of the row.
out, _ = bench("-p", "20", "-n", "4", "-d", "8", "-r", "3", "-t", "1", "--profile", "--json")
prompt, generation = json.loads(out)
for row, rows_in_launch, seen, read in ((prompt, 20, sum(range(9, 29)), 28), (generation, 1, 9, 9)):
    profile = row["profile"]
    assert profile["rows"] == rows_in_launch and profile["outputs"] == 1, profile
    steps = {step["name"]: step for step in profile["steps"]}
    close(sum(step["us_median"] for step in steps.values()), profile["steps_us"])
    close(sum(profile["waiting"].values()), profile["waiting_us"])
    # The least is a step's: no more than some times that of the best run, whatever else the machine does.
    step_us = rows_in_launch * 1e6 / max(row["runs_tok_s"])
    assert 0 < profile["total_us_min"] < 3 * step_us, (profile["total_us_min"], row)
    close(profile["ceiling_GBps"], row["ceiling_GBps"])
    for step in steps.values():
        assert 0 < step["us_min"] <= step["us_median"] <= step["us_max"], step
        close(step["GBps"], step["bytes"] / step["us_median"] / 1e3)
        close(step["TFLOPs"], step["flops"] / step["us_median"] / 1e6)
        assert step["kernel"] and step["place"] and step["count"] in (1, layers), step
    (attention,) = (step for name, step in steps.items() if name.endswith(".attention"))
    close(attention["bytes"], layers * read * 2 * kv_heads * head_dim * 4)
    close(attention["flops"], layers * seen * 4 * heads * head_dim)
    close(attention["of_ceiling"], max(attention["GBps"] / profile["ceiling_GBps"],
                                       attention["TFLOPs"] / profile["ceiling_TFLOPs"]))
    # All bytes of the row's launch: of the prompt's 20 tokens, of the first of generation's 4 at a lower depth.
    if row is prompt:
        close(sum(step["bytes"] for step in steps.values()), row["bytes_per_token"] * 20)
        close(sum(step["flops"] for step in steps.values()), row["flops_per_token"] * 20)
