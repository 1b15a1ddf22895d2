#!/usr/bin/env python3
"""Compares two float32 NumPy files with nothing but the standard library.

    compare_npy.py A.npy B.npy --tolerance 2e-4

The error at a row (a position) is the largest |a - b| in it, as a part of the largest |b| of the whole of B. Exit status
1, and the worst row, when a row's error is above the tolerance; shapes must be equal and every number finite.
"""

import argparse
import array
import ast
import math
import struct
import sys


def read_npy(path):
    """Shape and values of a C-ordered little-endian float32 array (NumPy's format, versions 1 to 3)."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x93NUMPY":
        sys.exit(f"{path}: not a .npy file")
    start = 10 if data[6] == 1 else 12
    length = struct.unpack("<H" if data[6] == 1 else "<I", data[8:start])[0]
    header = ast.literal_eval(data[start:start + length].decode("latin-1"))
    if header["descr"] != "<f4" or header["fortran_order"]:
        sys.exit(f"{path}: expected little-endian float32 in C order, found {header}")
    values = array.array("f")
    values.frombytes(data[start + length:])
    if sys.byteorder != "little":
        values.byteswap()
    if len(values) != math.prod(header["shape"]):
        sys.exit(f"{path}: shape {header['shape']} but {len(values)} numbers")
    return header["shape"], values


def worst_row(found, expected):
    """(error, row, rms): where `found` differs most from `expected` (both as read_npy gives them) and how much, and the
    root mean square of all differences, as parts of the largest |expected|."""
    (found_shape, found_values), (expected_shape, expected_values) = found, expected
    if found_shape != expected_shape:
        sys.exit(f"shapes differ: found {found_shape}, expected {expected_shape}")
    if not all(map(math.isfinite, found_values)):
        sys.exit("found a number that is not finite")
    largest = max(map(abs, expected_values))
    width = expected_shape[-1]
    errors = [max(abs(a - b) for a, b in zip(found_values[i:i + width], expected_values[i:i + width])) / largest
              for i in range(0, len(expected_values), width)]
    error, row = max((error, row) for row, error in enumerate(errors))
    mean_square = sum((a - b) ** 2 for a, b in zip(found_values, expected_values)) / len(expected_values)
    return error, row, math.sqrt(mean_square) / largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("found")
    parser.add_argument("expected")
    parser.add_argument("--tolerance", type=float, required=True)
    options = parser.parse_args()
    error, row, _ = worst_row(read_npy(options.found), read_npy(options.expected))
    print(f"largest error {error:.3g} of the largest value, at row {row}; tolerance {options.tolerance:.3g}")
    return error > options.tolerance


if __name__ == "__main__":
    sys.exit(main())
