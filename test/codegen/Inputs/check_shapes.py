#!/usr/bin/env python3
"""Compiles models of odd shapes for every kind of CPU target and looks at what the code needs and gives.

    check_shapes.py WORK [--exhaustive]

Every shape is compiled for every target, with one of the types for each pair: the types take turns, so that every shape
and every target meets every type. With --exhaustive each pair is compiled in all types.

- The code of a plan calls nothing but what the runtime promises (QUIPU_HOST_FUNCTIONS in runtime/abi/KernelAbi.h): its
  undefined symbols are read with llvm-nm.
- Where this machine has the target's features, the logits of a prompt, in one piece and token by token, are those of the
  same model computed in f32 by the reference lowering (quipu-eval), but for the rounding of the type.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "e2e" / "Inputs"))
from compare_npy import read_npy, worst_row  # noqa: E402

# heads, key/value heads, elements of a head (None: hidden size / heads), hidden size, features of the MLP, more fields.
SHAPES = {
    "head2": (4, 2, None, 8, 32, {}),
    "head6": (3, 3, None, 18, 10, {"attention_bias": True}),
    "head10-odd": (2, 1, 10, 21, 13, {"tie_word_embeddings": True}),
    "head12": (4, 2, 12, 36, 22, {}),
    "head14-window": (5, 1, 14, 30, 34, {"model_type": "mistral", "architectures": ["MistralForCausalLM"],
                                         "sliding_window": 3}),
    "head48": (4, 2, 48, 64, 72, {"attention_bias": True, "mlp_bias": True}),
}
BF16 = ",+avx512bf16"
# Target: the flags of /proc/cpuinfo that running it takes.
LEVEL4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
TARGETS = {
    "cpu:x86-64-v3": {"avx2", "fma", "f16c"},
    "cpu:x86-64-v4": LEVEL4,
    "cpu:x86-64-v4" + BF16: LEVEL4 | {"avx512_bf16"},
    "cpu:x86-64-v4,-avx512vl" + BF16: LEVEL4 | {"avx512_bf16"},
    "cpu:x86-64-v4,+avx512fp16" + BF16: LEVEL4 | {"avx512_bf16", "avx512_fp16"},
}
# Parts of the largest |logit|: errors of a few roundings of the type in three layers.
TOLERANCES = {"f32": 1e-5, "f16": 0.02, "bf16": 0.12}
PROMPT = [1, 40, 7, 7, 63, 2, 19, 33, 5, 0, 11, 60, 28, 9, 9, 50, 3, 21, 44]


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def host_functions():
    abi = (pathlib.Path(__file__).parents[3] / "runtime" / "abi" / "KernelAbi.h").read_text()
    return set(re.findall(r"\bX\((\w+)\)", re.search(r"#define QUIPU_HOST_FUNCTIONS\(X\)(.*)", abi)[1]))


def undefined_symbols(plan, work):
    data = plan.read_bytes()
    code = work / "code.so"
    code.write_bytes(data[data.index(b"\x7fELF"):])
    lines = run("llvm-nm", "--dynamic", "--undefined-only", code).splitlines()
    return {line.split()[-1] for line in lines if line.strip()}


def types_of(shape, number):
    """All types in which shapes are compiled for the target of a number, and the one whose turn it is with a shape. f32 is
    the same for all features of a width, so targets that differ in these do without it."""
    target = list(TARGETS)[number]
    halves = ["f16", "bf16"]
    if BF16 in target:
        return halves, halves[(shape + number) % 2]
    return ["f32", *halves], "f32" if (shape + number) % 2 == 0 else halves[shape // 2 % 2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--exhaustive", action="store_true")
    options = parser.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    flags = set(re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)[1].split())
    provided, failures, compiled, compared, called = host_functions(), [], 0, 0, set()
    tokens = ",".join(map(str, PROMPT))
    for shape, (name, (heads, kv_heads, head, hidden, features, more)) in enumerate(SHAPES.items()):
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
                  "hidden_size": hidden, "intermediate_size": features, "num_hidden_layers": 2,
                  "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": 64,
                  "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                  "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32", **more}
        if head:
            config["head_dim"] = head
        model = work / f"{name}.json"
        model.write_text(json.dumps(config))
        module, expected = work / f"{name}.mlir", work / f"{name}.npy"
        run("quipu-compile", model, "--dtype", "f32", "--emit", "mlir", "--stop-after", "import", "-o", module)
        run("quipu-eval", module, "--tokens", tokens, "-o", expected)
        for number, (target, needed) in enumerate(TARGETS.items()):
            types, own = types_of(shape, number)
            for dtype in types if options.exhaustive else [own]:
                tolerance = TOLERANCES[dtype]
                plan = work / "model.qplan"
                run("quipu-compile", model, "--dtype", dtype, "--target", target, "-o", plan)
                compiled += 1
                symbols = undefined_symbols(plan, work)
                called |= symbols
                if symbols - provided:
                    failures.append(f"{name} {dtype} {target}: calls {', '.join(sorted(symbols - provided))}")
                    continue
                if not needed <= flags:
                    continue
                for chunk in (None, 1):
                    logits = work / "logits.npy"
                    run("quipu", "logits", plan, "--weights", "random:0", "--prompt-tokens", tokens, "--all", "-o", logits,
                        *([] if chunk is None else ["--chunk", chunk]))
                    error, row, _ = worst_row(read_npy(logits), read_npy(expected))
                    compared += 1
                    if not error <= tolerance:
                        failures.append(f"{name} {dtype} {target} chunk {chunk}: error {error:.3g} at position {row}, "
                                        f"tolerance {tolerance}")
    print(f"{compiled} plans compiled, {compared} compared; they call {', '.join(sorted(called))}")
    # The rotary table needs one or the others: a list of symbols that is always empty would prove nothing.
    if "sincosf" not in called and not {"cosf", "sinf"} <= called:
        failures.append("no plan calls sincosf: the symbols were not found")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
