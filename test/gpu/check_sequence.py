#!/usr/bin/env python3
"""check_sequence.py FOLDER: runs kernels that hold the bodies of several kernels (test/codegen/BodySequenceTest.cpp, which
wrote FOLDER) and compares what comes out with PyTorch in float64. Launches follow each other without a pause, so that a
launch may begin before the one in front has finished, and each finds the count of blocks as that one left it."""

import json
import os
import sys

import torch

HEADS, KV_HEADS, HEAD, PAGE, SCALE = 8, 2, 8, 16, 0.5
LAUNCHES = 20


def random_tensor(*shape, dtype, device):
    return torch.randn(*shape, device=device).div(shape[-1] ** 0.5).mul(2).to(dtype)


def attend(q, keys, values, table, positions, sequences):
    """Each row of q over the keys up to its position in its sequence."""
    rows = []
    for row, (position, sequence) in enumerate(zip(positions.tolist(), sequences.tolist())):
        places = torch.arange(position + 1, device=q.device)
        block, in_page = table[sequence, places // PAGE].long(), places % PAGE
        k, v = (pool[block, :, in_page].double().repeat_interleave(HEADS // KV_HEADS, 1) for pool in (keys, values))
        scores = torch.einsum("hd,khd->hk", q[row].view(HEADS, HEAD).double(), k) * SCALE
        rows.append(torch.einsum("hk,khd->hd", scores.softmax(1), v).flatten())
    return torch.stack(rows)


def few_rows(rows, device):
    """Arguments, results beside what they should be, and the numbers of a launch of `rows` rows."""
    sequences_count, pages = 3, 80
    blocks = sequences_count * pages
    x, v = (random_tensor(n, 64, dtype=torch.bfloat16, device=device) for n in (rows, 64))
    w = random_tensor(96, 64, dtype=torch.bfloat16, device=device)
    keys, values = (torch.randn(blocks, KV_HEADS, PAGE, HEAD, device=device) for _ in range(2))
    table = torch.randperm(blocks, device=device).int().view(sequences_count, pages)
    positions = torch.randint(0, pages * PAGE, (rows,), device=device, dtype=torch.int32)
    sequences = torch.randint(0, sequences_count, (rows,), device=device, dtype=torch.int32)
    f32 = {"dtype": torch.float32, "device": device}
    q, o, total = (torch.full((rows, n), torch.nan, **f32) for n in (64, 96, 96))
    attended = torch.full((rows, 64), torch.nan, dtype=torch.bfloat16, device=device)
    workspace = torch.full((rows, 2560), torch.nan, **f32)
    expected = attend(x.double() @ v.double().T, keys, values, table, positions, sequences) @ w.double().T * 2
    # The order of the kernels' pointers: arguments, results, workspaces.
    pointers = [x, v, q, q, keys, values, table, positions, sequences, attended, workspace, attended, w, o, o, total]
    return pointers, total, expected, (rows, rows, pages, 0)


def rings(rows, device):
    x, v = (random_tensor(n, 64, dtype=torch.bfloat16, device=device) for n in (rows, 64))
    w = random_tensor(128, 64, dtype=torch.bfloat16, device=device)
    first, second = (torch.full((rows, n), torch.nan, device=device) for n in (64, 128))
    doubled = torch.full((rows, 64), torch.nan, dtype=torch.bfloat16, device=device)
    expected = x.double() @ v.double().T * 2 @ w.double().T
    return [x, v, first, first, doubled, doubled, w, second], second, expected, (rows, rows, 1, 0)


# What makes the arguments, numbers of rows, and the number of pointers.
CASES = {"few-rows": (few_rows, (1, 3, 8)), "rings": (rings, (1,))}


def check(driver, folder, file):
    name, arch = file.removesuffix(".json").split(".")
    with open(os.path.join(folder, file)) as text:
        entry = json.load(text)
    with open(os.path.join(folder, f"{name}.{arch}.ptx"), "rb") as text:
        code = driver.Code([text.read()])
    entry |= {"persistent": False, "rows": "one", "rows_per_block": 1, "cluster": 1, "tensor_maps": []}
    # All blocks must run at the same time, and any number of them will do.
    entry["fixed"] = min(entry["fixed"], torch.cuda.get_device_properties(0).multi_processor_count)
    kernel = driver.Entry(code, entry)
    stream = torch.cuda.Stream()
    make, counts = CASES[name]
    failures = 0
    for rows in counts:
        cases = [make(rows, "cuda") for _ in range(LAUNCHES)]
        launches = [kernel.prepare([tensor.data_ptr() for tensor in pointers], dims) for pointers, _, _, dims in cases]
        torch.cuda.synchronize()
        for launch in launches:
            kernel.launch(launch, stream.cuda_stream, dependent=arch != "sm_80")
        torch.cuda.synchronize()
        # One result in between is rounded to bf16.
        error = max(float((got.double() - expected).abs().nan_to_num(torch.inf).max() / expected.abs().max())
                    for _, got, expected, _ in cases)
        failed = error > 2**-7
        failures += failed
        print(f"{name} {arch} {rows} rows, {LAUNCHES} launches: error {error:.1e}{' FAILED' if failed else ''}")
    return failures


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_sequence.py FOLDER")
    import cuda_driver
    files = sorted(file for file in os.listdir(sys.argv[1]) if file.endswith(".json"))
    failures = sum(check(cuda_driver, sys.argv[1], file) for file in files)
    print(f"{len(files)} sequences of bodies, {failures} failures")
    sys.exit(1 if failures or not files else 0)


if __name__ == "__main__":
    main()
