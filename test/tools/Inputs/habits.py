"""habits.py QUIPU PLAN MODEL: the ways to say the same that people bring from other programs give the same text."""

import json
import os
import re
import subprocess
import sys
import tempfile

quipu, plan, model = sys.argv[1:]


def run(*arguments, text=None, status=0):
    result = subprocess.run([quipu, *arguments], capture_output=True, input=text, text=True)
    assert result.returncode == status, (arguments, result.returncode, result.stderr)
    return result


story = run("run", plan, "Once upon a time", "-n", "12", "--temperature", "0.9", "--seed", "5").stdout
assert len(story) > 12
common = ["-n", "12", "--temp", "0.9", "-s", "5"]
assert run("run", plan, "Once", "upon", "a", "time", *common).stdout == story
assert run("run", *common, plan, "Once", "upon", "--max-tokens=12", "a", "time", status=2).stdout == ""
assert run("run", "-m", plan, "-p", "Once upon a time", *common).stdout == story
assert run("run", "--prompt=Once upon a time", "--model", plan, *common).stdout == story
assert run("run", "-m", plan, "Once", "upon", *common, "a", "time").stdout == story
assert run("run", plan, "-", *common, text="Once upon a time\n").stdout == story
assert run("run", plan, "-f", "-", *common, text="Once upon a time").stdout == story
assert run("run", plan, "-n12", "--temp=0.9", "-s5", "--", "Once upon a time").stdout == story
assert run("run", plan, *common, "--", "-", "item").stdout == run("run", plan, *common, "-p", "- item").stdout

# Ids from a file, with what lies between them in files.
ids = run("tokenize", plan, "Once", "upon", "a", "time").stdout.strip()
assert ids == run("tokenize", model, "-", text="Once upon a time").stdout.strip()
with tempfile.TemporaryDirectory() as scratch:
    path = os.path.join(scratch, "ids")
    for between in (",", " ", "\n", ", ", ",\n"):
        with open(path, "w") as file:
            file.write(between.join(ids.split(",")) + "\n")
        assert run("run", plan, "--prompt-tokens-file", path, *common).stdout == story
        run("logits", plan, "--prompt-tokens-file", path, "-o", f"{path}.npy")
        run("logits", plan, "--prompt-tokens", ids, "-o", f"{path}-2.npy")
        assert open(f"{path}.npy", "rb").read() == open(f"{path}-2.npy", "rb").read()
    with open(path, "w") as file:
        file.write("1 x\n")
    assert f"{path}: 'x' is no token id" in run("run", plan, "--prompt-tokens-file", path, status=1).stderr
assert run("run", plan, "--prompt-tokens-file", "-", *common, text=ids).stdout == story

# A context size where a model is compiled: more does not fit.
few = run("run", "-m", model, "-c", "16", "Once upon a time", "--temp", "0", "--json", "--ignore-eos")
assert json.loads(few.stdout)["stop"] == "context"
assert run("run", model, "--ctx-size", "16", "Once upon a time", "--temp", "0", "--json", "--ignore-eos", "-n", "-1").stdout
assert json.loads(few.stdout)["tokens"] == json.loads(
    run("run", model, "--max-seq", "16", "Once upon a time", "--temp", "0", "--json", "--ignore-eos", "-n", "-1").stdout
)["tokens"]
assert "applies when a model is compiled" in run("run", plan, "-c", "16", "x", status=2).stderr

# Another seed each time, which the summary and JSON name.
first, second = (run("run", plan, "Once", "-n", "30", "--temp", "1") for _ in range(2))
seeds = [re.search(r", seed ([0-9]+)\n", result.stderr).group(1) for result in (first, second)]
assert seeds[0] != seeds[1], seeds
again = run("run", plan, "Once", "-n", "30", "--temp", "1", "--seed", seeds[0])
assert again.stdout == first.stdout and f"seed {seeds[0]}" in again.stderr
result = json.loads(run("run", plan, "Once", "-n", "30", "--temp", "1", "--json").stdout)
assert result == {**result, **{key: json.loads(run("run", plan, "Once", "-n", "30", "--temp", "1", "--json", "--seed",
                                                   str(result["seed"])).stdout)[key] for key in ("text", "tokens")}}
assert "seed" not in run("run", plan, "Once", "-n", "3", "--temp", "0").stderr

# Stop texts, across the borders of tokens too: what is printed is what comes before the first.
greedy = ["run", plan, "Once upon a time", "--temp", "0", "-n", "60"]
whole = json.loads(run(*greedy, "--json").stdout)
text = whole["text"]
assert len(whole["tokens"]) == 60
for begin, size in ((3, 1), (10, 9), (20, 17), (41, 3), (7, 40)):
    stop = text[begin:begin + size]
    expected = text[:text.index(stop)]
    assert run(*greedy, "--stop", stop).stdout == expected + "\n", stop
    ended = json.loads(run(*greedy, "--stop", "no such text", "--stop", stop, "--json").stdout)
    assert ended["text"] == expected and ended["stop"] == "stop" and len(ended["tokens"]) < 60, ended
two = [text[30:36], text[12:19]]
assert run(*greedy, "--stop", two[0], "--stop", two[1]).stdout == text[:min(text.index(stop) for stop in two)] + "\n"
# The end of the text begins a stop that never comes.
assert run(*greedy, "--stop", text[-4:] + "\x01").stdout == text + "\n"
assert "needs a tokenizer" not in run(*greedy, "--stop=--", status=0).stderr
print("same")
