"""A plan as `quipu inspect --json` shows it, with the bytes of its code."""

import json
import re
import subprocess
import tempfile
from pathlib import Path


def rows_of(kind, dims):
    """Rows of a kind (RowDim in plan.fbs) in a step of these sizes (QuipuDim in KernelAbi.h)."""
    tokens, outputs, _, lone = dims
    return {"one": 1, "tokens": tokens, "outputs": outputs, "lone": lone, "other": tokens - lone}[kind]


# Formats whose weights are one number after another. Those of others are blocks (runtime/abi/WeightFormat.cpp).
DENSE_FORMATS = ("f32", "f16", "bf16")


class Plan:
    def __init__(self, path, quipu="quipu"):
        self.path, self.quipu = str(path), quipu
        self.json = json.loads(self._inspect("--json"))
        self.config, self.kv = self.json["config"], self.json["kv_cache"]
        self.weights = self.json["weights"]
        self.kernels = {kernel["name"]: kernel for kernel in self.json["kernels"]}
        # A plan without variants has one, for its target.
        self.variants = self.json["variants"] or [self.json["target"]["isa"]]
        self.launches = list(self._launches())

    def _inspect(self, *arguments):
        return subprocess.run([self.quipu, "inspect", self.path, *arguments], check=True, stdout=subprocess.PIPE).stdout

    def _launches(self):
        """The first step of each kernel, with the program that it belongs to."""
        seen = set()
        for program in self.json["programs"]:
            for sequence in program["sequences"]:
                for step in sequence["steps"]:
                    # A choice of tokens has no kernel of its own.
                    if "kernel" in step and step["kernel"] not in seen:
                        seen.add(step["kernel"])
                        yield Launch(self, program, step)

    def modules(self, variant):
        """(format, isa, bytes) of a variant's code modules."""
        for number, module in enumerate(self.json["modules"]):
            if module["variant"] == variant:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "code"
                    self._inspect("--module", str(number), "-o", str(path))
                    yield module["format"], module["isa"], path.read_bytes()


class Launch:
    """One kernel with the arguments of its first step."""

    def __init__(self, plan, program, step):
        self.plan, self.program = plan, program
        self.kernel = plan.kernels[step["kernel"]]
        self.name = step["kernel"]
        self.args = step["args"]
        # "layers.{0..2}.self_attn.q_rotary" -> "q_rotary".
        self.place = step["location"].rsplit(".", 1)[-1]
        # "sm_80.decode.qkv_1" -> "qkv".
        self.kind = re.sub(r"_\d+$", "", self.name.rsplit(".", 1)[-1])
        # An LM head that gives probabilities of targets, and no logits.
        if any(arg["kind"] == "input" and arg["text"] == "targets" for arg in self.args):
            self.kind = "log_prob"
        self.variant = program["variant"]
        # Every row a sequence of its own.
        self.is_decode = program["kind"] == "decode"
        self.min_rows, self.max_rows = program["min_rows"], program["max_rows"]
        self.arena_bytes = program["arena_bytes"]
