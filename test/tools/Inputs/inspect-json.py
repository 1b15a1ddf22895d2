"""Checks what `quipu inspect VIEW --json` prints: inspect-json.py VIEW FILE."""

import json
import sys


def phases(view):
    names = [phase["name"] for phase in view["phases"]]
    assert names[0] == "import" and names[-1] == "codegen" and "llama-plan-memory" in names, names
    before = {}
    for phase in view["phases"]:
        after = phase["operations"]
        assert phase["ops"] == sum(after.values()), phase
        changes = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
        assert phase["changes"] == {name: change for name, change in changes.items() if change}, phase
        assert phase["us"] > 0, phase
        before = after
    expand = view["phases"][1]
    assert expand["fired"] == [{"name": "expanded", "count": 10, "description": "Number of semantic ops expanded"}], expand
    timing = [part["name"] for part in view["timing"]]
    assert timing[0] == "open the model" and set(names) <= set(timing) and "assemble and link" in timing, timing


def diff(view):
    assert (view["from"], view["to"]) == ("import", "llama-form-kernels"), view
    parts = {(part["kind"], part["after"]): part for part in view["parts"]}
    assert parts["kernel", "forward.qkv"]["before"] is None
    function = parts["function", "forward"]
    assert function["before"] == "forward"
    for part in view["parts"]:
        assert part["hunks"], part
        for hunk in part["hunks"]:
            assert hunk["lines_before"] == sum(line[0] != "+" for line in hunk["lines"]), hunk
            assert hunk["lines_after"] == sum(line[0] != "-" for line in hunk["lines"]), hunk
    assert any("llama.launch @forward.qkv" in line for hunk in function["hunks"] for line in hunk["lines"])


def memory(view):
    cache = view["kv_cache"]
    assert cache["sequence_bytes"] == cache["bytes_per_position"] * cache["max_seq"], cache
    assert cache["bytes"] == cache["sequence_bytes"] * cache["max_batch"], cache
    for program in view["programs"]:
        values, steps = program["values"], program["steps"]
        assert values and max(step["live_bytes"] for step in steps) == program["peak_bytes"] <= program["arena_bytes"]
        assert steps[program["peak_step"]]["live_bytes"] == program["peak_bytes"]

        def lives(value, step):
            carried = value["carried_from"] is not None and value["carried_from"] <= step <= value["carried_to"]
            return value["first"] <= step <= value["last"] or carried

        # Two values that live at the same time lie at places that do not meet, unless one continues the other.
        for step in range(len(steps)):
            live = sorted((value["offset"], value["offset"] + value["bytes"]) for value in values if lives(value, step))
            assert steps[step]["name"].startswith("sample") or live, steps[step]
            assert all(end <= program["arena_bytes"] for _, end in live)
            for (begin, end), (other, other_end) in zip(live, live[1:]):
                assert end <= other or (begin, end) == (other, other_end), (program["name"], steps[step], live)
        assert any(value["carried_to"] is not None for value in values), "layers carry the residual stream"


def weights(view):
    assert view["files"] and view["totals"]["count"] == len(view["weights"])
    assert view["totals"]["bytes"] == sum(weight["bytes"] for weight in view["weights"])
    by_format = view["totals"]["by_format"]
    assert sum(share["count"] for share in by_format.values()) == len(view["weights"])
    layers = [weight["layer"] for weight in view["weights"] if weight["folded"] == "layers.{}.mlp.down_proj"]
    assert layers == [0, 1, 2], layers
    errors = [source["rounding_error"] for weight in view["weights"] for source in weight["sources"]
              if "rounding_error" in source]
    spread = view["totals"]["rounding_error"]
    if not errors:
        assert spread is None, spread
    else:
        assert (spread["least"], spread["most"]) == (min(errors), max(errors)), spread
        assert abs(spread["mean"] - sum(errors) / len(errors)) < 1e-9, spread


def cost(view):
    total = view["total"]
    for field in ("bytes_weights", "bytes_activations", "bytes_cache", "flops"):
        assert abs(total[field] - sum(kernel[field] for kernel in view["kernels"])) < 1e-6 * max(total[field], 1), field
    for kernel in view["kernels"]:
        parts = kernel["bytes_weights"] + kernel["bytes_activations"] + kernel["bytes_cache"]
        assert kernel["bytes"] == parts and abs(kernel["intensity"] * parts - kernel["flops"]) < 1e-6 * kernel["flops"] + 1e-9
        memory = kernel["bytes"] / view["ceiling_GBps"] * 1e-3
        compute = kernel["flops"] / view["ceiling_TFLOPs"] * 1e-6
        assert kernel["bound"] == ("memory" if memory >= compute else "compute"), kernel
        assert abs(kernel["us"] - max(memory, compute)) < 1e-6 * max(memory, compute) + 1e-9, kernel
    by_name = {kernel["name"]: kernel for kernel in view["kernels"]}
    if view["prompt"]:
        # 5 rows behind 3 cached ones: 4 + 5 + 6 + 7 + 8 keys in each of 3 layers, each 4 times 6 heads of 16.
        assert by_name["decode.attention"]["flops"] == 3 * 30 * 4 * 6 * 16, by_name["decode.attention"]
    else:
        # Keys and values of 2 heads of 16 in f32, of 512 positions in 3 layers.
        assert by_name["decode.attention"]["bytes_cache"] == 3 * 512 * 2 * 2 * 16 * 4, by_name["decode.attention"]
        assert by_name["decode.attention"]["count"] == 3 and by_name["decode.attention"]["program"] == "decode"


def cuda_cost(view):
    """Llama-2-7B in bf16 on an H200 as published."""
    assert (view["ceiling_GBps"], view["ceiling_TFLOPs"]) == (4800, 989.4), view["ceiling_source"]
    assert view["ceiling_source"] == "published for NVIDIA H200 SXM" and "ceiling_problem" not in view
    by_role = {kernel["name"].split(".")[1]: kernel for kernel in view["kernels"]}
    # Weights of all matrices but the embedding, two bytes each, and keys and values of 32 layers.
    matrices = 32 * (4 * 4096 * 4096 + 3 * 11008 * 4096)
    norms = 32 * 2 * 4096
    assert matrices * 2 <= sum(by_role[role]["bytes_weights"] for role in ("qkv", "o_proj", "gate_up", "down_proj")) \
        <= (matrices + norms) * 2
    positions = view["depth"] + (view["prompt"] or 1)
    assert by_role["attention"]["bytes_cache"] == 32 * positions * 2 * 4096 * 2, by_role["attention"]
    rows = view["prompt"] or 1
    assert by_role["gate_up"]["flops"] == 32 * rows * 2 * 2 * 11008 * 4096, by_role["gate_up"]
    bounds = {role: kernel["bound"] for role, kernel in by_role.items()}
    if view["prompt"]:
        for role in ("qkv", "o_proj", "gate_up", "down_proj", "attention"):
            assert bounds[role] == "compute", (role, bounds)
    else:
        assert set(bounds.values()) == {"memory"}, bounds
    assert view["total"]["us"] > 0


def graph(view):
    assert view["name"] == "llama-form-kernels", view["name"]
    parts = {part["name"]: part for part in view["parts"]}
    groups = parts["forward"]["groups"]
    assert [group["layers"] for group in groups] == [[], [0, 1, 2], []], groups
    layer = groups[1]
    assert layer["carried"] == [{"name": "%in", "first": "%embed_tokens", "next": "%down_proj"}], layer["carried"]
    known = {argument["name"] for argument in parts["forward"]["arguments"]}
    known |= {value["name"] for value in layer["carried"]}
    for group in groups:
        for op in group["ops"]:
            for operand in op["operands"]:
                assert operand.startswith("@") or operand in known, (op, known)
            known |= {result["name"] for result in op["results"]}
            if op["op"] == "llama.launch":
                assert op["attributes"]["kernel"][1:] in parts, op


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        globals()[sys.argv[1]](json.load(file))
