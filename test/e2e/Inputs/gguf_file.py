"""Writes GGUF files in nothing but the standard library: models of Hugging Face as llama.cpp's converter would.

Queries and keys of LLaMA models are put into the order of the paper (pairs 2j, 2j + 1), llama3 scaling becomes a tensor.
"""

import array
import math
import struct

from block_bytes import encoded

ALIGNMENT = 32
# Numbers of element types.
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "q2_k": 10, "q3_k": 11, "q4_k": 12,
         "q5_k": 13, "q6_k": 14, "q8_k": 15, "iq4_nl": 20, "bf16": 30}
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "phi3": "phi3"}
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def key_value(key, value):
    """A key with its value: a bool, an int (u32), a float (f32), a string, or a list of one of these."""
    def typed(item):
        if isinstance(item, bool):
            return 7, struct.pack("<B", item)
        if isinstance(item, int):
            return 4, struct.pack("<I", item)
        if isinstance(item, float):
            return 6, struct.pack("<f", item)
        return 8, string(item)
    if isinstance(value, list):
        items = [typed(item) for item in value]
        return string(key) + struct.pack("<IIQ", 9, items[0][0], len(items)) + b"".join(data for _, data in items)
    number, data = typed(value)
    return string(key) + struct.pack("<I", number) + data


def payload(values, name):
    """The bytes of f32 values in an element type."""
    if name == "f32":
        return values.tobytes()
    if name == "f16":
        return struct.pack(f"<{len(values)}e", *values)
    if name == "bf16":
        # To the nearest, of two the even one.
        bits = array.array("I", values.tobytes())
        return array.array("H", ((b + 0x7fff + (b >> 16 & 1)) >> 16 for b in bits)).tobytes()
    return encoded(values, name)


def write(path, keys, tensors):
    """`keys`: name to value; `tensors`: name to (shape, outermost first; bytes; name of the element type)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(key_value(key, value) for key, value in keys.items())
    offset = 0
    data = b""
    for name, (shape, content, element) in tensors.items():
        head += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), TYPES[element], offset)
        data += content + bytes(-len(content) % ALIGNMENT)
        offset = len(data)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)


def interleave(shape, values, heads):
    """Rows of each head from pairs (j, j + half) to pairs (2j, 2j + 1)."""
    rows = shape[0]
    width = len(values) // rows
    size = rows // heads
    result = array.array("f")
    for head in range(0, rows, size):
        for j in range(size // 2):
            for row in (head + j, head + j + size // 2):
                result.extend(values[row * width:(row + 1) * width])
    return result


def rope_divisors(config, head_dim):
    """llama3 scaling, as a divisor for each frequency."""
    scaling = config["rope_scaling"]
    context, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    divisors = array.array("f")
    for j in range(head_dim // 2):
        length = 2 * math.pi * config["rope_theta"] ** (2 * j / head_dim)
        smooth = (context / length - low) / (high - low)
        if length < context / high:
            divisors.append(1)
        elif length > context / low:
            divisors.append(factor)
        else:
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return divisors


def name_in_gguf(name):
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight"}
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    stem, ending = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[stem]}.{ending}"


def keys_of(config):
    """The keys of the model that a config.json describes."""
    name = ARCHITECTURES[config["model_type"]]
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    keys = {
        "general.architecture": name,
        "general.type": "model",
        f"{name}.block_count": config["num_hidden_layers"],
        f"{name}.context_length": config["max_position_embeddings"],
        f"{name}.embedding_length": config["hidden_size"],
        f"{name}.feed_forward_length": config["intermediate_size"],
        f"{name}.attention.head_count": heads,
        f"{name}.attention.head_count_kv": config.get("num_key_value_heads", heads),
        f"{name}.attention.key_length": head_dim,
        f"{name}.attention.value_length": head_dim,
        f"{name}.attention.layer_norm_rms_epsilon": config.get("rms_norm_eps", 1e-5 if name == "phi3" else 1e-6),
        f"{name}.rope.dimension_count": head_dim,
        f"{name}.rope.freq_base": float(config["rope_theta"]),
        f"{name}.vocab_size": config["vocab_size"],
        "tokenizer.ggml.model": "none",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    scaling = config.get("rope_scaling") or {}
    if scaling.get("type") == "linear":
        keys |= {f"{name}.rope.scaling.type": "linear", f"{name}.rope.scaling.factor": float(scaling["factor"])}
    kind = scaling.get("rope_type", scaling.get("type"))
    context = scaling.get("original_max_position_embeddings", config.get("original_max_position_embeddings"))
    if kind in ("yarn", "longrope"):
        keys[f"{name}.rope.scaling.original_context_length"] = context
    if kind == "yarn":
        keys |= {f"{name}.rope.scaling.type": "yarn", f"{name}.rope.scaling.factor": float(scaling["factor"])}
    if kind == "longrope":
        longer = math.log(config["max_position_embeddings"] / context) / math.log(context)
        keys[f"{name}.rope.scaling.attn_factor"] = math.sqrt(1 + longer)
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        keys[f"{name}.attention.sliding_window"] = config["sliding_window"]
    return keys


def tensors_of(config, tensors, element):
    """The tensors of a model, by their names in Hugging Face's files, as GGUF has them: matrices in the type `element`
    where their rows are whole blocks of it."""
    keys = keys_of(config)
    name = keys["general.architecture"]
    result = {}
    for tensor, (shape, values) in tensors.items():
        if name == "llama" and not config.get("rope_interleaved"):
            if ".q_proj." in tensor:
                values = interleave(shape, values, keys["llama.attention.head_count"])
            if ".k_proj." in tensor:
                values = interleave(shape, values, keys["llama.attention.head_count_kv"])
        used = element if len(shape) == 2 and shape[1] % (1 if element in ("f32", "f16", "bf16") else 32) == 0 else "f32"
        result[name_in_gguf(tensor)] = shape, payload(values, used), used
    if (config.get("rope_scaling") or {}).get("rope_type") == "llama3":
        divisors = rope_divisors(config, keys["llama.rope.dimension_count"])
        result["rope_freqs.weight"] = [len(divisors)], divisors.tobytes(), "f32"
    for length in ("short", "long"):
        if factors := (config.get("rope_scaling") or {}).get(f"{length}_factor"):
            result[f"rope_factors_{length}.weight"] = [len(factors)], array.array("f", factors).tobytes(), "f32"
    return result


def write_model(path, config, tensors, element="f32", files=1):
    """Writes a model; in several files, those that belong together differ in their names' numbers."""
    keys, tensors = keys_of(config), tensors_of(config, tensors, element)
    if files == 1:
        write(path, keys, tensors)
        return path
    names = list(tensors)
    step = -(-len(names) // files)
    for number in range(files):
        part = {name: tensors[name] for name in names[number * step:(number + 1) * step]}
        split = {"split.no": number, "split.count": files, "split.tensors.count": len(names)}
        write(path.with_name(f"{path.stem}-{number + 1:05}-of-{files:05}.gguf"),
              split if number else keys | split, part)
    return path.with_name(f"{path.stem}-00001-of-{files:05}.gguf")
