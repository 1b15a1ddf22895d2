#!/usr/bin/env python3
"""Holds generated code against the reference lowering on a GGUF model of random blocks.

    check_block_types.py WORK --types q4_k,q6_k [--tied] [--target cpu:...] [--converted iq4_nl]

WORK is a folder to be made anew. The model's matrices, the embedding and the head among them, take the types in turns;
their bytes are random, with scales that make numbers of a usual size. The logits at every position agree to 1e-4 of the
largest, in one piece and token by token. What the values of a block are, test/runtime/WeightFormatTest.cpp checks.
"""

import json
import random
import struct

from check_golden import hold_chunks
from checks import finish, made_anew, parser_of, quipu, run
from compare_npy import read_npy
from gguf_file import keys_of, write

TOLERANCE = 1e-4
HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, VOCABULARY, LAYERS = 256, 512, 4, 2, 96, 2
# Values and bytes of a block; where its scale is and how numbers are stored there; where the scale of its minima is and
# what part of the other it must be, so that values are about 0 on average; and the root mean square of the values where
# the scale is 1.
BLOCKS = {
    "q8_0": (32, 34, "<e", 0, None, 0, 74),
    "q4_0": (32, 18, "<e", 0, None, 0, 4.6),
    "q4_1": (32, 20, "<e", 0, 2, -7.5, 4.6),
    "q5_0": (32, 22, "<e", 0, None, 0, 9.2),
    "q5_1": (32, 24, "<e", 0, 2, -15.5, 9.2),
    "q2_k": (256, 84, "<e", 80, 82, 1.5, 14),
    "q3_k": (256, 110, "<e", 108, None, 0, 43),
    "q4_k": (256, 144, "<e", 0, 2, 7.5, 270),
    "q5_k": (256, 176, "<e", 0, 2, 15.5, 560),
    "q6_k": (256, 210, "<e", 208, None, 0, 1370),
    "q8_k": (256, 292, "<f", 0, None, 0, 74),
    "iq4_nl": (32, 18, "<e", 0, None, 0, 70),
}


def random_matrix(generator, shape, name):
    size, count, number, place, minimum, part, unit = BLOCKS[name]
    result = bytearray()
    for _ in range(shape[0] * shape[1] // size):
        block = bytearray(generator.randbytes(count))
        scale = generator.uniform(0.5, 2) / (unit * shape[1] ** 0.5)
        struct.pack_into(number, block, place, scale)
        if minimum is not None:
            struct.pack_into(number, block, minimum, part * scale)
        result += block
    return shape, bytes(result), name


def random_norm(generator):
    return [HIDDEN], struct.pack(f"<{HIDDEN}f", *(generator.uniform(0.5, 1.5) for _ in range(HIDDEN))), "f32"


def write_model(path, types, tied):
    generator = random.Random(1)
    head_dim = HIDDEN // HEADS
    shapes = {"token_embd.weight": (VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in {
            "attn_q": (HIDDEN, HIDDEN), "attn_k": (KV_HEADS * head_dim, HIDDEN), "attn_v": (KV_HEADS * head_dim, HIDDEN),
            "attn_output": (HIDDEN, HIDDEN), "ffn_gate": (FEED_FORWARD, HIDDEN), "ffn_up": (FEED_FORWARD, HIDDEN),
            "ffn_down": (HIDDEN, FEED_FORWARD)}.items()}
    if not tied:
        shapes["output.weight"] = VOCABULARY, HIDDEN
    tensors = {name: random_matrix(generator, shape, types[i % len(types)]) for i, (name, shape) in enumerate(shapes.items())}
    norms = ["output_norm"] + [f"blk.{layer}.{norm}" for layer in range(LAYERS) for norm in ("attn_norm", "ffn_norm")]
    tensors |= {f"{norm}.weight": random_norm(generator) for norm in norms}
    write(path, keys_of({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCABULARY, "rope_theta": 1e4,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5}), tensors)


def check_formats(plan, converted):
    """Matrices stay in blocks, but for those of the types that kernels do not decode."""
    for weight in json.loads(quipu("inspect", plan, "--json"))["weights"]:
        stored = {source["dtype"] for source in weight["sources"]}
        expected = {"f32"} if stored & set(converted) else stored
        assert {weight["dtype"]} == expected, weight


def main():
    parser = parser_of(__doc__, "work")
    parser.add_argument("--types", required=True)
    parser.add_argument("--converted", default="")
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args()
    work = made_anew(options.work)
    model, plan = work / "model.gguf", work / "plan"
    write_model(model, options.types.split(","), options.tied)
    generator = random.Random(2)
    tokens = ",".join(str(generator.randrange(VOCABULARY)) for _ in range(24))
    quipu("compile", model, "-o", plan, "--target", options.target, "--dtype", "f32", "--activations", "exact")
    check_formats(plan, options.converted.split(","))
    run("quipu-compile", model, "--stop-after", "import", "--dtype", "f32", "-o", work / "import.mlir")
    run("quipu-eval", work / "import.mlir", "--weights", model, "--tokens", tokens, "-o", work / "expected.npy")
    missed = hold_chunks(plan, tokens, read_npy(work / "expected.npy"), TOLERANCE, work, (None, 1))
    finish(options.types, missed, work)


if __name__ == "__main__":
    main()
