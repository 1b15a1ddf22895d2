#!/usr/bin/env python3
"""Prints a model in the form in which a frontend imports it, for tests of the passes.

The shape is small and every size differs from the others, so that a mixed-up dimension does not verify.
"""

import argparse

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--hidden", type=int, default=24)
parser.add_argument("--heads", type=int, default=4)
parser.add_argument("--kv-heads", type=int, default=2)
parser.add_argument("--head-dim", type=int, default=8)
parser.add_argument("--inner", type=int, default=40)
parser.add_argument("--vocabulary", type=int, default=48)
parser.add_argument("--type", default="f32", help="element type of weights, activations and cache")
parser.add_argument("--rows", type=int, default=512, help="most rows of a step")
parser.add_argument("--tied", action="store_true")
parser.add_argument("--attention-bias", action="store_true")
parser.add_argument("--mlp-bias", action="store_true")
parser.add_argument("--rope", default="theta = 1.0e+04, layout = half")
parser.add_argument("--repeat-kv", choices=["before-rotary", "after-rotary"],
                    help="repeat key/value heads up to the number of query heads, as a graph without grouping does")
args = parser.parse_args()

D, H, G, Dh, F, V, T = (args.hidden, args.heads, args.kv_heads, args.head_dim, args.inner, args.vocabulary, args.type)
cached = H if args.repeat_kv else G
cache = f"!llama.kv_cache<{args.layers} x {cached} x {Dh} x {T}, page = 32>"
kv = f"!llama.kv_layer<{cached} x {Dh} x {T}, page = 32>"
weights, body = [], []
counter = 0


def act(width, element="f32"):
    return f"tensor<?x{width}x{element}>"


def value():
    global counter
    counter += 1
    return f"%{counter}"


def weight(name, shape, role):
    kind = f"tensor<{'x'.join(map(str, shape))}x{T}>"
    if not any(line.startswith(f"  llama.weight @{name} ") for line in weights):
        weights.append(f'  llama.weight @{name} : {kind} role {role} sources ["{name}"] loc("{name}")')
    result = value()
    body.append(f'    {result} = llama.weight_ref @{name} : {kind} loc("{name}")')
    return result, kind


def op(name, text, operands, types, result, place, attributes=""):
    out = value()
    body.append(f"    {out} = llama.{name} {text.format(*operands)} {attributes}: ({', '.join(types)}) -> {result} "
                f'loc("{place}")')
    return out


def norm(x, place):
    w, wt = weight(place, [D], "norm")
    return op("rms_norm", "{}, {}", [x, w], [act(D), wt], act(D, T), place, "{eps = 1.0e-05 : f64} ")


def linear(x, columns, place, rows, bias):
    w, wt = weight(place, [rows, columns], "matrix")
    if not bias:
        return op("linear", "{}, {}", [x, w], [act(columns, T), wt], act(rows), place)
    b, bt = weight(place + ".bias", [rows], "bias")
    return op("linear", "{}, {} bias {}", [x, w, b], [act(columns, T), wt, bt], act(rows), place)


def rotary(x, heads, element, place):
    return op("rotary", "{}, %positions", [x], [act(heads * Dh), "tensor<?xi32>"], act(heads * Dh, element), place,
              f"{{headDim = {Dh} : i64, rope = #llama.rope<{args.rope}>}} ")


def repeat(x, place):
    return op("repeat_kv", "{}", [x], [act(G * Dh)], act(H * Dh), place,
              f"{{headDim = {Dh} : i64, times = {H // G} : i64}} ")


table, tableType = weight("embed_tokens", [V, D], "embedding")
x = op("embedding", "%tokens, {}", [table], ["tensor<?xi32>", tableType], act(D), "embed_tokens")
for layer in range(args.layers):
    at = f"layers.{layer}"
    n = norm(x, f"{at}.input_layernorm")
    q = linear(n, D, f"{at}.self_attn.q_proj", H * Dh, args.attention_bias)
    k = linear(n, D, f"{at}.self_attn.k_proj", G * Dh, args.attention_bias)
    v = linear(n, D, f"{at}.self_attn.v_proj", G * Dh, args.attention_bias)
    q = rotary(q, H, T, f"{at}.self_attn.q_rotary")
    if args.repeat_kv == "before-rotary":
        k = rotary(repeat(k, f"{at}.self_attn.k_repeat"), H, "f32", f"{at}.self_attn.k_rotary")
    else:
        k = rotary(k, G, "f32", f"{at}.self_attn.k_rotary")
    if args.repeat_kv == "after-rotary":
        k = repeat(k, f"{at}.self_attn.k_repeat")
    if args.repeat_kv:
        v = repeat(v, f"{at}.self_attn.v_repeat")
    c = value()
    body.append(f'    {c} = llama.kv_layer %cache[{layer}] : {cache} -> {kv} loc("{at}.self_attn.kv_cache")')
    body.append(f"    llama.kv_append {c}, {k}, {v}, %positions, %sequences : {kv}, {act(cached * Dh)}, "
                f'{act(cached * Dh)}, tensor<?xi32>, tensor<?xi32> loc("{at}.self_attn.kv_append")')
    a = op("attention", "{}, {}, %positions, %sequences", [q, c], [act(H * Dh, T), kv, "tensor<?xi32>", "tensor<?xi32>"],
           act(H * Dh, T), f"{at}.self_attn.attention",
           f"{{numHeads = {H} : i64, numKvHeads = {cached} : i64, scale = {Dh ** -0.5!r} : f64}} ")
    o = linear(a, H * Dh, f"{at}.self_attn.o_proj", D, args.attention_bias)
    x = op("add", "{}, {}", [x, o], [act(D), act(D)], act(D), f"{at}.self_attn.residual")
    n = norm(x, f"{at}.post_attention_layernorm")
    operands, types = [n], [act(D, T)]
    for name, shape in (("gate_proj", [F, D]), ("up_proj", [F, D]), ("down_proj", [D, F])):
        w, wt = weight(f"{at}.mlp.{name}", shape, "matrix")
        operands.append(w)
        types.append(wt)
    text = "{}, {}, {}, {}"
    if args.mlp_bias:
        for name, size in (("gate_proj", F), ("up_proj", F), ("down_proj", D)):
            b, bt = weight(f"{at}.mlp.{name}.bias", [size], "bias")
            operands.append(b)
            types.append(bt)
        text += " bias {}, {}, {}"
    m = op("gated_mlp", text, operands, types, act(D), f"{at}.mlp", "{activation = #llama.activation<silu>} ")
    x = op("add", "{}, {}", [x, m], [act(D), act(D)], act(D), f"{at}.mlp.residual")
n, nt = weight("norm", [D], "norm")
h, ht = weight("embed_tokens", [V, D], "embedding") if args.tied else weight("lm_head", [V, D], "matrix")
logits = op("lm_head", "{}, %rows, {}, {}", [x, n, h], [act(D), "tensor<?xi32>", nt, ht], act(V), "lm_head",
            f"{{eps = 1.0e-05 : f64, computeType = {T}}} ")

print("module @model {")
print("\n".join(weights))
print(f"""  func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %rows: tensor<?xi32>, %cache: {cache}) -> {act(V)}
      attributes {{llama.program = #llama.program<forward, rows = 1 to {args.rows}>}} {{""")
print("\n".join(body))
print(f'    return {logits} : {act(V)} loc("lm_head")')
print("  } loc(\"model\")\n}")
