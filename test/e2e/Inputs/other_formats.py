"""Writes a golden in the formats of other programs, with nothing but the standard library. Used by same_logits.py.

    meta      a folder: params.json and consolidated.NN.pth, as torch.save writes it, in one or more shards
    llama2c   a file: versions 0, 1 and 2 of llama2.c's export.py

Both have interleaved rotary pairs, so rows of queries and keys are put in another order.
"""

import array
import collections
import json
import math
import pickle
import struct
import sys
import types
import zipfile

META_NAMES = {"input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
              "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk", "self_attn.v_proj": "attention.wv",
              "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
              "mlp.up_proj": "feed_forward.w3"}
# Where the blocks of a matrix that is in several files lie.
BY_COLUMNS = ("wo", "w2")


class Tensor:
    """Rows of bytes, four for each element."""

    def __init__(self, shape, data):
        self.shape, self.width = shape, 4 * math.prod(shape[1:])
        self.rows = [data[i:i + self.width] for i in range(0, len(data), self.width)]

    def bytes(self):
        return b"".join(self.rows)

    def part(self, by_columns, number, count):
        """Block `number` of `count` as shape and bytes."""
        if by_columns:
            width = self.width // count
            return [self.shape[0], self.shape[1] // count], b"".join(row[number * width:][:width] for row in self.rows)
        rows = self.shape[0] // count
        return [rows, *self.shape[1:]], b"".join(self.rows[number * rows:][:rows])

    def interleaved(self, heads):
        """Pairs (j, j + d/2) of each head become pairs (2j, 2j + 1)."""
        size = self.shape[0] // heads
        order = [head * size + half * size // 2 + j for head in range(heads) for j in range(size // 2) for half in (0, 1)]
        return Tensor(self.shape, b"".join(self.rows[row] for row in order))


def read_golden(folder):
    """The config, and tensors by name without "model." and ".weight"."""
    config = json.loads((folder / "config.json").read_text())
    data = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", name
        begin, end = entry["data_offsets"]
        tensor = Tensor(entry["shape"], data[8 + length + begin:8 + length + end])
        if "q_proj" in name:
            tensor = tensor.interleaved(config["num_attention_heads"])
        if "k_proj" in name:
            tensor = tensor.interleaved(key_value_heads(config))
        tensors[name.removeprefix("model.").removesuffix(".weight")] = tensor
    return config, tensors


def key_value_heads(config):
    return config.get("num_key_value_heads") or config["num_attention_heads"]


# ---------------------------------------------------------------- Meta


class FloatStorage:
    pass


def _rebuild_tensor_v2(*_):
    raise NotImplementedError


def pretend_torch():
    """Gives two names the modules that PyTorch has them in, so that a pickle says so."""
    for module, thing in (("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)):
        thing.__module__ = module
        sys.modules.setdefault(module, types.ModuleType(module))
        setattr(sys.modules[module], thing.__name__, thing)


class Storage:
    def __init__(self, key, count):
        self.key, self.count = key, count


class Stored:
    """A tensor, to be pickled."""

    def __init__(self, storage, shape):
        self.storage, self.shape = storage, tuple(shape)

    def __reduce__(self):
        strides = tuple(math.prod(self.shape[i + 1:]) for i in range(len(self.shape)))
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, strides, False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return ("storage", FloatStorage, thing.key, "cpu", thing.count) if isinstance(thing, Storage) else None


def write_checkpoint(path, tensors):
    """`tensors`: shapes and bytes by name."""
    pretend_torch()
    state, storages = collections.OrderedDict(), []
    for name, (shape, data) in tensors.items():
        state[name] = Stored(Storage(str(len(storages)), len(data) // 4), shape)
        storages.append(data)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("consolidated/data.pkl", "w") as file:
            Pickler(file, protocol=2).dump(state)
        for key, data in enumerate(storages):
            archive.writestr(f"consolidated/data/{key}", data)
        archive.writestr("consolidated/version", "3\n")


def meta_name(name):
    if name.startswith("layers."):
        _, layer, rest = name.split(".", 2)
        return f"layers.{layer}.{META_NAMES[rest]}.weight"
    return {"embed_tokens": "tok_embeddings", "lm_head": "output"}.get(name, name) + ".weight"


def params_of(config):
    dim, width = config["hidden_size"], config["intermediate_size"]
    scaling = config.get("rope_scaling")
    params = {"dim": dim, "n_layers": config["num_hidden_layers"], "n_heads": config["num_attention_heads"],
              # Rounded up to a multiple of the width, which is the width.
              "multiple_of": width, "ffn_dim_multiplier": 0.99 * width / (8 * dim // 3),
              "norm_eps": config["rms_norm_eps"], "rope_theta": config["rope_theta"], "vocab_size": -1,
              "max_seq_len": config["max_position_embeddings"]}
    if key_value_heads(config) != config["num_attention_heads"]:
        params["n_kv_heads"] = key_value_heads(config)
    if scaling:
        assert scaling["original_max_position_embeddings"] == 8192 and scaling["low_freq_factor"] == 1
        params.update(use_scaled_rope=True, rope_scaling_factor=scaling["factor"],
                      rope_high_freq_factor=scaling["high_freq_factor"])
    return params


def write_meta(golden, folder, shards, embedding_by_rows):
    config, tensors = read_golden(golden)
    folder.mkdir()
    (folder / "params.json").write_text(json.dumps(params_of(config)))
    for number in range(shards):
        parts = {}
        for name, tensor in tensors.items():
            name = meta_name(name)
            by_columns = any(f".{end}." in name for end in BY_COLUMNS) or (
                name.startswith("tok_embeddings") and not embedding_by_rows)
            parts[name] = (tensor.shape, tensor.bytes()) if len(tensor.shape) == 1 else tensor.part(by_columns, number,
                                                                                                    shards)
        write_checkpoint(folder / f"consolidated.{number:02}.pth", parts)


# ---------------------------------------------------------------- llama2.c


def quantised(tensor, group):
    """llama2.c's groups: all integers, then the scale of each group."""
    values = array.array("f", tensor.bytes())
    integers, scales = array.array("b"), array.array("f")
    for begin in range(0, len(values), group):
        part = values[begin:begin + group]
        scale = max(map(abs, part)) / 127 or 1.0
        scales.append(scale)
        integers.extend(round(value / scale) for value in part)
    return integers.tobytes() + scales.tobytes()


def write_llama2c(golden, path, version, group=32):
    config, tensors = read_golden(golden)
    assert config["rms_norm_eps"] == 1e-5 and config["rope_theta"] == 10000 and not config.get("rope_scaling")
    tied, heads = config["tie_word_embeddings"], config["num_attention_heads"]
    numbers = [config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"], heads,
               key_value_heads(config), config["vocab_size"], config["max_position_embeddings"]]

    def layers(stem):
        return [tensors[f"layers.{i}.{stem}"] for i in range(config["num_hidden_layers"])]

    attention = sum((layers(f"self_attn.{name}_proj") for name in "qkvo"), [])
    feed_forward = sum((layers(f"mlp.{name}_proj") for name in ("gate", "down", "up")), [])
    norms = [layers("input_layernorm"), layers("post_attention_layernorm")]
    embedding, norm = [tensors["embed_tokens"]], [tensors["norm"]]
    head = [] if tied else [tensors["lm_head"]]
    with open(path, "wb") as file:
        def write(parts, write_one=Tensor.bytes):
            for part in parts:
                file.write(write_one(part))

        if version == 0:
            numbers[5] *= 1 if tied else -1
            file.write(struct.pack("<7i", *numbers))
            write(embedding + norms[0] + attention + norms[1] + feed_forward + norm)
            # Cosines and sines, which nobody may read as weights.
            file.write(b"\x7f" * (4 * numbers[6] * (numbers[0] // heads)))
            write(head)
            return
        header = struct.pack("<Ii7iB", 0x616b3432, version, *numbers, tied)
        file.write((header + (struct.pack("<i", group) if version == 2 else b"")).ljust(256, b"\0"))
        write(norms[0] + norms[1] + norm)
        write(embedding + attention + feed_forward + head,
              Tensor.bytes if version == 1 else lambda tensor: quantised(tensor, group))


def round_golden(folder, group=32):
    """Rounds the matrices of a golden to what its groups stand for."""
    data = bytearray((folder / "model.safetensors").read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__" or len(entry["shape"]) != 2:
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        stored = quantised(Tensor(entry["shape"], bytes(data[begin:end])), group)
        count = (end - begin) // 4
        integers, scales = array.array("b", stored[:count]), array.array("f", stored[count:])
        values = array.array("f", (integer * scales[i // group] for i, integer in enumerate(integers)))
        data[begin:end] = values.tobytes()
    (folder / "model.safetensors").write_bytes(data)
