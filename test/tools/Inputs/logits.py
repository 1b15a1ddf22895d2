"""logits.py GOLDEN SCRATCH CMD...: checks the files that CMD writes against each other and the golden's logits."""

import array
import ast
import pathlib
import subprocess
import sys


def read(path):
    """Shape and values of a little-endian f32 .npy file of format 1.0."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length = int.from_bytes(data[8:10], "little")
    assert (10 + length) % 64 == 0, length
    header = ast.literal_eval(data[10:10 + length].decode())
    assert header["descr"] == "<f4" and header["fortran_order"] is False, header
    values = array.array("f")
    values.frombytes(data[10 + length:])
    return header["shape"], values


def difference(a, b):
    assert len(a) == len(b), (len(a), len(b))
    return max(abs(x - y) for x, y in zip(a, b))


golden, scratch, command = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
prompt = (golden / "prompt.txt").read_text().strip()
shape, expected = read(golden / "logits.npy")
largest = max(abs(value) for value in expected)
whole = None
for extra in ([], ["--chunk", "16"], ["--chunk", "7"], ["--chunk", "1"], ["--threads", "1"]):
    path = scratch / "all.npy"
    subprocess.run(command + ["--prompt-tokens", prompt, "--all", "-o", str(path)] + extra, check=True)
    found_shape, found = read(path)
    assert found_shape == shape, (found_shape, shape)
    error = difference(found, expected) / largest
    assert error < 2e-4, (extra, error)
    if whole is None:
        whole = found
    assert difference(found, whole) / largest < 2e-4, extra
last = scratch / "last.npy"
subprocess.run(command + ["--prompt-tokens", prompt, "-o", str(last)], check=True)
last_shape, values = read(last)
assert last_shape == (shape[1],), last_shape
assert difference(values, whole[-shape[1]:]) / largest < 2e-4

# A batch of prompts of different lengths is one sequence after the other.
ids = prompt.split(",")
batch, width = [ids, ids[:1], ids[3:20], ids[5:45]], shape[1]
prompts = [word for part in batch for word in ("--prompt-tokens", ",".join(part))]
together = scratch / "batch.npy"
subprocess.run(command + prompts + ["--all", "-o", str(together)], check=True)
batch_shape, rows = read(together)
assert batch_shape == (sum(map(len, batch)), width), batch_shape
subprocess.run(command + prompts + ["--all", "--lockstep", "-o", str(together)], check=True)
assert difference(read(together)[1], rows) / largest < 2e-4
first = 0
for part in batch:
    alone = scratch / "alone.npy"
    subprocess.run(command + ["--prompt-tokens", ",".join(part), "--all", "-o", str(alone)], check=True)
    _, values = read(alone)
    assert difference(rows[first:first + len(values)], values) / largest < 2e-4, part
    first += len(values)
subprocess.run(command + prompts + ["-o", str(together)], check=True)
last_shape, values = read(together)
subprocess.run(command + prompts + ["--lockstep", "-o", str(together)], check=True)
assert difference(read(together)[1], values) / largest < 2e-4
assert last_shape == (len(batch), width), last_shape
assert difference(values[:width], whole[-width:]) / largest < 2e-4
