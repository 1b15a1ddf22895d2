"""The weights of `--weights random:SEED` (runtime/abi/RandomWeights.cpp), for references in PyTorch."""

import math

import torch

BLOCK = 1 << 24


def mix(x):
    """32 bits, kept in int64."""
    x = x ^ (x >> 16)
    x = x * 0x7feb352d & 0xffffffff
    x = x ^ (x >> 15)
    x = x * 0x846ca68b & 0xffffffff
    return x ^ (x >> 16)


def values(first, count, keys, scale, device):
    number = (torch.arange(count, device=device) + first) & 0xffffffff
    low = mix(mix(number ^ keys[0]) ^ keys[1])
    high = mix(low ^ keys[2])
    total = (low & 0xffff) + (low >> 16) + (high & 0xffff) + (high >> 16) - 2 * 0xffff
    return total.float() * torch.tensor(scale, dtype=torch.float32, device=device)


def tensor(name, seed, shape, device):
    """A tensor by its canonical name ("layers.0.self_attn.q_proj"), as float32."""
    from xxhash import xxh3_64_intdigest

    def digest(data, seed):
        return xxh3_64_intdigest(data, seed=seed)

    if "norm" in name:
        return torch.ones(shape, device=device)
    deviation = 0.02 if name.endswith("bias") else 1 / math.sqrt(shape[-1])
    scale = deviation / math.sqrt(4 * (65536.0 ** 2 - 1) / 12)
    count = math.prod(shape)
    if count >= 1 << 32:
        raise ValueError(f"{name}: more elements than one key is for")
    key = digest(digest(name.encode(), seed).to_bytes(8, "little"), 0)
    last = digest(key.to_bytes(8, "little"), seed)
    keys = (key & 0xffffffff, key >> 32, last & 0xffffffff)
    parts = [values(first, min(BLOCK, count - first), keys, scale, device) for first in range(0, count, BLOCK)]
    return torch.cat(parts).view(shape)
