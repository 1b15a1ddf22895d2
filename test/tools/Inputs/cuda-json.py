"""cuda-json.py FILE: checks what `inspect --json` says of a CUDA plan, on which the scripts of test/gpu rely."""

import json
import sys

with open(sys.argv[1]) as file:
    plan = json.load(file)

assert plan["variants"] == ["sm_90a", "sm_80"], plan["variants"]
assert {module["variant"] for module in plan["modules"]} == {0, 1}
assert all(module["format"] == "ptx" and module["ptx_version"] >= 80 for module in plan["modules"])

qkv = next(weight for weight in plan["weights"] if weight["name"] == "layers.0.self_attn.qkv")
orders = [source.get("order", "plain") for source in qkv["sources"]]
assert orders == ["halves", "halves", "plain"], orders
assert [source.get("first_row", 0) for source in qkv["sources"]] == [0, 80, 96], qkv

kernels = {kernel["name"]: kernel for kernel in plan["kernels"]}
kinds = {}
for program in plan["programs"]:
    assert plan["variants"][program["variant"]] in ("sm_90a", "sm_80")
    for sequence in program["sequences"]:
        # The choices of tokens have no kernels of the program.
        for step in (step for step in sequence["steps"] if "kernel" in step):
            kinds.setdefault(step["kernel"], [argument["kind"] for argument in step["args"]])
assert set(kinds) == set(kernels), set(kernels) ^ set(kinds)
# In the order of first use, then results, then workspaces.
assert kinds["decode.embed_tokens"] == ["input", "weight", "arena"], kinds
assert kinds["decode.qkv"] == ["arena", "weight", "weight", "arena", "kv_layer", "input", "input", "arena"], kinds
assert kinds["decode.attention"][:5] == ["arena", "kv_layer", "input", "input", "arena"], kinds
assert kinds["prefill.gate_up"] == ["arena", "weight", "weight", "arena", "arena"], kinds

for name, kernel in kernels.items():
    for entry in kernel["entries"]:
        assert entry["threads"] % 32 == 0 and 0 < entry["threads"] <= 1024, (name, entry)
        assert entry["shared_bytes"] <= 227 * 1024, (name, entry)
        assert entry["fixed"] % entry["cluster"] == 0, (name, entry)
        # Kernels of one row share multiprocessors with their neighbours' rings of weights.
        rings = "cuda_linear_ring" in kernel["schedule"] or name == "decode.attention"
        assert entry["prefer_shared"] == rings, (name, entry)
        assert entry["cluster"] == 1 or entry["persistent"], (name, entry)
        assert not entry["tensor_maps"] or not name.startswith("sm_80"), name
        for tensor_map in entry["tensor_maps"]:
            assert tensor_map["box_columns"] * 2 <= 128 and tensor_map["box_rows"] <= 256, tensor_map
