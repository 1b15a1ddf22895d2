"""work-progress.py SCRATCH: commands that compute for seconds show on a terminal how far they are."""

import json
import os
import pathlib
import re
import subprocess
import sys

from terminal import output_on_terminal

scratch = pathlib.Path(sys.argv[1])
config, plan = scratch / "config.json", scratch / "plan"
TOKENS = 3000
config.write_text(json.dumps({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 1024,
    "intermediate_size": 4096, "num_hidden_layers": 2, "num_attention_heads": 16, "num_key_value_heads": 16,
    "vocab_size": 64, "max_position_embeddings": TOKENS + 8, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": None, "torch_dtype": "float32"}))
subprocess.run(["quipu", "compile", config, "--max-batch", "1", "-o", plan], check=True)
settings = ["--weights", "random:1", "--threads", "1"]


def prompt(tokens):
    return ["--prompt-tokens", ",".join(["1"] * tokens)]


def shown(*command):
    text = output_on_terminal(["quipu", *command], "stderr", {**os.environ, "TERM": "xterm"}, 400).decode()
    return [line[len("quipu: "):] for line in re.findall(r"\r([^\r\n]*)\x1b\[K", text) if line.startswith("quipu: ")]


def expect(lines, pattern, total=None):
    """Lines that say how far, of so many."""
    found = [match for match in (re.search(pattern, line) for line in lines) if match]
    assert found, lines
    for match in found if total else []:
        assert 1 <= int(match[1]) <= total and int(match[2]) == total, lines


logits = ["logits", plan, *settings, "-o", scratch / "out"]
expect(shown(*logits, *prompt(TOKENS), "--all"), r"compute the logits, row (\d+) of (\d+), \d+ s$", TOKENS)
# Each step reads all weights.
expect(shown(*logits, *prompt(400), "--lockstep"), r"compute the logits, step (\d+) of (\d+), \d+ s$", 400)
expect(shown("run", plan, *prompt(TOKENS), *settings, "-n", "1"), rf"read the prompt of {TOKENS} tokens, \d+ s$")
expect(shown("bench", plan, "-p", "400,800", "-n", "0", "-r", "2", "--threads", "1"),
       r"measure, run (\d+) of (\d+), \d+ s$", 4)
