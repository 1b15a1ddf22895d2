#!/usr/bin/env python3
"""Whole models on the GPU against Hugging Face transformers.

    check_models.py PLANS [--only REGEX] [--variant ISA] [--jobs N]

PLANS holds golden/NAME.DTYPE.qplan (the models of test/goldens and models/), random/NAME.DTYPE.qplan (configs of
configs/ and ../../benchmarks/configs with the weights of --weights random:0) and cpu/NAME.DTYPE.qplan (for a CPU), as
prepare.sh makes them. The reference is transformers in float32. Tolerances, as parts of the largest |logit|:

- f32: 5e-4 for the largest error.
- bf16, f16: the root mean square of our error, and the largest, may be 1.5 times those of PyTorch's own run of the
  model in that format.

Each prompt runs whole, in chunks, token by token, as one sequence of a ragged batch, and in lockstep with others, all
held against the same reference. In f32 200 greedy tokens equal the goldens', and the CPU plan's where there is one.
"""

import argparse
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

F32_TOLERANCE = 5e-4
OWN_FACTOR = 1.5
GREEDY = 200
TYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
# Lengths of the ragged batch: a page is 32 positions, a tile 64 or 128 rows.
RAGGED = (1, 5, 33, 64, 65, 17, 130, 100)


class Failed(Exception):
    pass


def quipu(options, *arguments):
    command = [options.quipu, *map(str, arguments)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=options.limit)
    if run.returncode != 0:
        raise Failed(f"exit status {run.returncode}: {' '.join(command[:3])}: {run.stderr.strip()[-500:]}")
    return run.stdout


class Plan:
    def __init__(self, options, path):
        self.path = path
        self.name, self.dtype, _ = path.name.rsplit(".", 2)
        self.random = path.parent.name == "random"
        self.golden = ROOT / "test/goldens" / self.name
        if self.random:
            folders = (HERE / "configs", ROOT / "benchmarks/configs")
            self.config = next(path for folder in folders
                               for path in (folder / f"{self.name}.json", folder / self.name / "config.json")
                               if path.exists())
        else:
            models = (ROOT / "models" / self.name, self.golden)
            self.config = next(folder for folder in models if (folder / "config.json").exists()) / "config.json"
        settings = json.loads(self.config.read_text())
        self.vocab = settings["vocab_size"]
        self.positions = settings["max_position_embeddings"]
        self.sequences = json.loads(quipu(options, "inspect", path, "--json"))["kv_cache"]["max_batch"]
        # Held against the logits of the golden alone: a file with rotary pairs side by side, which transformers does not
        # read; and longrope, for which transformers takes other factors for short texts than for long ones.
        self.golden_alone = "interleaved" in self.name or "longrope" in self.name

    @property
    def label(self):
        return f"{self.name}.{self.dtype}"


class Reference:
    """transformers' logits of prompts, in float32 and in the plan's format."""

    def __init__(self, plan):
        import torch
        import transformers
        self.torch = torch
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if plan.random:
            import random_weights
            config = transformers.AutoConfig.from_pretrained(plan.config)
            config._attn_implementation = "eager"
            with torch.device("meta"):
                model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
            model = model.to_empty(device=self.device)
            model.tie_weights()
            # Weights are rounded when they are stored in the plan's format; the reference is of the rounded ones.
            stored = getattr(torch, TYPES[plan.dtype])
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    name = name.removeprefix("model.").removesuffix(".weight")
                    parameter.copy_(random_weights.tensor(name, 0, parameter.shape, self.device).to(stored))
            # Buffers were on no device: computed again.
            rotary = model.model.rotary_emb
            fresh = type(rotary)(config)
            rotary.attention_scaling = fresh.attention_scaling
            rotary.inv_freq = fresh.inv_freq.to(self.device)
            self.model = model.eval()
        else:
            self.model = transformers.AutoModelForCausalLM.from_pretrained(
                plan.config.parent, dtype=torch.float32, attn_implementation="eager").to(self.device).eval()

    def logits(self, prompts):
        with self.torch.no_grad():
            return [self.model(self.torch.tensor([ids], device=self.device)).logits[0].float().cpu().numpy()
                    for ids in prompts]

    def convert(self, dtype):
        frequencies = self.model.model.rotary_emb.inv_freq.clone()
        self.model.to(getattr(self.torch, TYPES[dtype]))
        self.model.model.rotary_emb.inv_freq = frequencies  # stays float32, as in a model loaded in that format


def errors(found, expected):
    """(largest, root mean square) as parts of the largest |expected|."""
    import numpy
    if found.shape != expected.shape:
        raise Failed(f"shape {found.shape}, not {expected.shape}")
    if not numpy.isfinite(found).all():
        raise Failed("a logit is not finite")
    largest = numpy.abs(expected).max()
    difference = found.astype(numpy.float64) - expected
    return numpy.abs(difference).max() / largest, numpy.sqrt(numpy.square(difference).mean()) / largest


def tokens(count, vocab, seed):
    source = random.Random(seed)
    return [source.randrange(vocab) for _ in range(count)]


class Check:
    """All runs of one plan."""

    def __init__(self, options, plan, pool, folder):
        self.options, self.plan, self.pool, self.folder = options, plan, pool, folder
        self.common = []
        if plan.random:
            self.common += ["--weights", "random:0"]
        if options.variant:
            self.common += ["--variant", options.variant]

    def run_logits(self, name, prompts, *flags):
        import numpy
        output = self.folder / f"{self.plan.label}.{name}.npy"
        arguments = [word for ids in prompts for word in ("--prompt-tokens", ",".join(map(str, ids)))]
        quipu(self.options, "logits", self.plan.path, *self.common, "--all", "-o", output, *flags, *arguments)
        result = numpy.load(output)
        output.unlink()
        return result

    def prompts(self):
        """A long prompt, and those of the batch."""
        if self.plan.golden_alone:
            return [int(word) for word in (self.plan.golden / "prompt.txt").read_text().split(",")], []
        longest = min(700 if self.plan.random else 300, self.plan.positions - 1)
        seed = self.plan.name
        long = tokens(longest, self.plan.vocab, seed)
        # As many sequences as the plan takes.
        lengths = [*RAGGED, *(20 + 7 * i % 23 for i in range(self.plan.sequences - len(RAGGED)))]
        return long, [tokens(length, self.plan.vocab, f"{seed}{length}.{i}") for i, length in enumerate(lengths)]

    def reference(self, long, ragged):
        """Expected logits of all prompts, and PyTorch's own errors."""
        import numpy
        if self.plan.golden_alone:
            meta = json.loads((self.plan.golden / "meta.json").read_text())
            own = (meta.get(f"{self.plan.dtype}_error"), meta.get(f"{self.plan.dtype}_rms_error"))
            return [numpy.load(self.plan.golden / "logits.npy")], own
        reference = Reference(self.plan)
        expected = reference.logits([long, *ragged])
        own = None, None
        if self.plan.dtype != "f32":
            reference.convert(self.plan.dtype)
            own = errors(numpy.concatenate(reference.logits([long, *ragged])), numpy.concatenate(expected))
        return expected, own

    def start(self):
        """Starts the program's runs while the reference is computed."""
        long, ragged = self.prompts()
        short = long[:70]
        runs = {"whole": ([long],), "chunks of 7": ([short], "--chunk", 7), "chunks of 100": ([long], "--chunk", 100),
                "token by token": ([short], "--chunk", 1)}
        if ragged:
            runs["batch"] = (ragged,)
            runs["lockstep"] = (ragged, "--lockstep")
        self.futures = {name: self.pool.submit(self.run_logits, name.replace(" ", "-"), *run)
                        for name, run in runs.items()}
        # Rows of the runs of a single prompt.
        self.rows = {name: len(run[0][0]) for name, run in runs.items()}
        self.greedy = None
        if self.plan.dtype == "f32" and (self.plan.golden / "greedy.txt").exists():
            self.greedy = self.pool.submit(self.check_greedy)
        return long, ragged

    def finish(self, long, ragged):
        """Lines of the report; raises Failed."""
        import numpy
        expected, (own_largest, own_rms) = self.reference(long, ragged)
        if self.plan.dtype == "f32":
            limits = F32_TOLERANCE, F32_TOLERANCE
        else:
            limits = OWN_FACTOR * own_largest, OWN_FACTOR * own_rms
        worst, missed = (0.0, 0.0), []
        for name, future in self.futures.items():
            together = name in ("batch", "lockstep")
            want = numpy.concatenate(expected[1:]) if together else expected[0][:self.rows[name]]
            try:
                largest, rms = errors(future.result(), want)
            except (Failed, subprocess.TimeoutExpired) as error:
                missed.append(f"{name}: {error}")
                continue
            worst = max(worst[0], largest / limits[0]), max(worst[1], rms / limits[1])
            if largest > limits[0] or rms > limits[1]:
                missed.append(f"{name}: largest {largest:.2g} of {limits[0]:.2g}, rms {rms:.2g} of {limits[1]:.2g}")
        text = f"errors over limits: largest {worst[0]:.2f}, rms {worst[1]:.2f} (limits {limits[0]:.1e} {limits[1]:.1e})"
        if self.greedy:
            try:
                text += "; " + self.greedy.result()
            except (Failed, subprocess.TimeoutExpired) as error:
                missed.append(f"greedy: {error}")
        return text, missed

    def check_greedy(self):
        prompt = (self.plan.golden / "prompt.txt").read_text().strip()
        common = ["--prompt-tokens", prompt, "-n", GREEDY, "--temperature", 0, "--ignore-eos", "--print-tokens"]
        found = quipu(self.options, "run", self.plan.path, *self.common, *common).strip()
        wanted = {"transformers": (self.plan.golden / "greedy.txt").read_text().strip()}
        cpu = self.plan.path.parent.parent / "cpu" / self.plan.path.name
        if cpu.exists():
            wanted["the CPU plan"] = quipu(self.options, "run", cpu, *common).strip()
        for who, expected in wanted.items():
            if found != expected:
                pairs = list(zip(found.split(","), expected.split(",")))
                same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
                raise Failed(f"tokens differ from {who}'s from number {same} on")
        return f"{GREEDY} greedy tokens as {' and '.join(wanted)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", type=Path)
    parser.add_argument("--quipu", default="quipu")
    parser.add_argument("--only", default="")
    parser.add_argument("--variant", help="the plan's programs for this ISA instead of the best that the GPU runs")
    parser.add_argument("--jobs", type=int, default=min(8, os.cpu_count() or 1))
    parser.add_argument("--limit", type=float, default=120, help="seconds that one command may take")
    options = parser.parse_args()
    paths = sorted(path for folder in ("golden", "random") for path in (options.plans / folder).glob("*.qplan"))
    plans = [Plan(options, path) for path in paths if re.search(options.only, f"{path.parent.name}/{path.name}")]
    failures = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        checks = [Check(options, plan, pool, Path(folder)) for plan in plans]
        started = {}
        for number, check in enumerate(checks):
            # The next plans' runs go on while this one's reference is computed.
            for ahead in checks[number:number + 3]:
                if ahead not in started:
                    started[ahead] = ahead.start()
            try:
                text, missed = check.finish(*started[check])
            except Exception as error:  # of the reference
                text, missed = "", [f"{type(error).__name__}: {error}"]
            failures += bool(missed)
            print(f"{check.plan.label:34} {'FAILED' if missed else 'ok':7}{text}", flush=True)
            # One fault often stops all runs alike.
            by_reason = {}
            for name, reason in (line.split(": ", 1) for line in missed):
                by_reason.setdefault(reason, []).append(name)
            for reason, names in by_reason.items():
                print(f"    {', '.join(names)}: {reason}", flush=True)
    print(f"{len(plans)} plans, {failures} failed")
    sys.exit(1 if failures or not plans else 0)


if __name__ == "__main__":
    main()
