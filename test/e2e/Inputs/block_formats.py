"""Formats of weights in blocks, in nothing but the standard library: rounds values as `--quantize` must, number by number.

Beside the table of the runtime, from which code is made, this is written out for each format, so that it can be held
against the code. Numbers are f32 in every step: `f32` rounds, and what is computed in between is exact or rounded
correctly, since Python's numbers have more than twice as many digits.
"""

import math
import struct


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def f16(value):
    return struct.unpack("<e", struct.pack("<e", value))[0]


def away_from_zero(value):
    """The nearest integer; of two the one with the larger magnitude."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


def q8_0(block):
    scale = f32(max(map(abs, block)) / 127)
    inverse = f32(1 / scale) if scale else 0.0
    return [away_from_zero(f32(x * inverse)) * f16(scale) for x in block]


def q4_0(block):
    largest = max(block, key=abs)
    scale = f32(largest / -8)
    inverse = f32(1 / scale) if scale else 0.0
    return [(min(15, math.floor(f32(f32(x * inverse) + 8.5))) - 8) * f16(scale) for x in block]


# Values of a block, and what a block of them becomes when it is rounded and decoded.
FORMATS = {"q8_0": (32, q8_0), "q4_0": (32, q4_0)}


def rounded(values, name):
    """All values, which are whole blocks, rounded to the format and decoded."""
    size, round_block = FORMATS[name]
    result = []
    for first in range(0, len(values), size):
        result += round_block(values[first:first + size])
    return result
