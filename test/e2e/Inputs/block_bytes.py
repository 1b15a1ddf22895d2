"""Blocks of weights as bytes, in nothing but the standard library: what files hold of values that block_formats.py rounds."""

import math
import struct

from block_formats import FORMATS, away_from_zero, f32


def q8_0(block):
    scale = f32(max(map(abs, block)) / 127)
    inverse = f32(1 / scale) if scale else 0.0
    return struct.pack("<e32b", scale, *(int(away_from_zero(f32(x * inverse))) for x in block))


def q4_0(block):
    scale = f32(max(block, key=abs) / -8)
    inverse = f32(1 / scale) if scale else 0.0
    integers = [min(15, math.floor(f32(f32(x * inverse) + 8.5))) for x in block]
    return struct.pack("<e16B", scale, *(low | high << 4 for low, high in zip(integers[:16], integers[16:])))


ENCODERS = {"q8_0": q8_0, "q4_0": q4_0}


def encoded(values, name):
    """All values, which are whole blocks, in the format."""
    size, _ = FORMATS[name]
    return b"".join(ENCODERS[name](values[first:first + size]) for first in range(0, len(values), size))
