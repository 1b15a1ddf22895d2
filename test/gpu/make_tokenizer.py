"""make_tokenizer.py FILE SIZE: a tokenizer.bin of llama2.c with SIZE pieces that all are text, for models with random weights.

A server sends a token when it is text. So each token of a load test must have some.
"""

import struct
import sys

path, size = sys.argv[1], int(sys.argv[2])
pieces = ["<unk>", "\n<s>\n", "\n</s>\n"] + [f"<0x{byte:02X}>" for byte in range(256)]
pieces += [f" t{number}" for number in range(size - len(pieces))]
with open(path, "wb") as file:
    file.write(struct.pack("<i", max(len(piece) for piece in pieces)))
    for number, piece in enumerate(pieces):
        text = piece.encode()
        file.write(struct.pack("<fi", -float(number), len(text)) + text)
