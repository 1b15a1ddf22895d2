"""The service kernels of runtime/core/CudaAbi.h on random arguments."""

import ctypes as c

import torch

from kernel_cases import DTYPES, target_rows
from random_weights import values as random_values

ORDERS = {"plain": 0, "halves": 1, "alternating": 2, "first": 3, "second": 4}
THREADS = 256


def check_fill(driver, code, stream, dtype, random):
    """Fills sources of every order into the rows of one weight and compares all of it."""
    columns, device = random.choice([64, 100, 4096]), "cuda"
    for order, group in (("plain", 0), ("halves", 32), ("alternating", 64), ("first", 0), ("second", 0)):
        source = {"order": order, "group_rows": group, "first_row": 16 * random.randrange(3)}
        # The number of elements is no multiple of anything; those behind stay as they are.
        rows, short = 192, random.randrange(1, 60)
        keys = [random.randrange(1 << 32) for _ in range(3)]
        scale = random.uniform(1e-7, 1e-5)
        if order == "plain":
            keys, scale = [0, 0, 0], 0.0
        first = random.choice([0, (1 << 32) - rows * columns])
        count = rows * columns - short
        weight = torch.full((2 * rows + 64, columns), -7.0, dtype=DTYPES[dtype], device=device)
        reference = weight.clone()
        values = random_values(first, count, keys, scale, device) if scale else torch.ones(count, device=device)
        target = target_rows(source, rows).to(device)
        place = target[:, None] * columns + torch.arange(columns, device=device)
        reference.view(-1)[place.view(-1)[:count]] = values.to(weight.dtype)
        torch.cuda.synchronize()
        driver.launch_raw(code.function(f"quipu_fill_random_{dtype}"), (random.randrange(1, 300), 1), THREADS, stream, [
            c.c_uint64(weight.data_ptr()), c.c_uint64(count), c.c_uint64(columns), *map(c.c_uint32, keys),
            c.c_float(scale), c.c_uint32(first), c.c_uint64(source["first_row"]), c.c_uint32(ORDERS[order]),
            c.c_uint64(group)])
        torch.cuda.synchronize()
        if not torch.equal(weight, reference):
            wrong = int((weight != reference).sum())
            raise AssertionError(f"{order}: {wrong} of {count} elements differ")


def check_greedy(driver, code, stream, random):
    """Arg-max and the step to the next token, twice, with ties and NaN."""
    device = "cuda"
    for rows, vocab in ((1, 32003), (7, 128256), (64, 300)):
        capacity = 3
        logits = torch.randn(rows, vocab, device=device)
        logits[0] -= 100  # a row of negative numbers
        if rows > 1:
            logits[1].clamp_(max=1.5)  # many equal largest ones: the first wins
            logits[2, ::5] = float("nan")
        best = logits.nan_to_num(nan=-float("inf")).argmax(-1)
        for row in range(rows):
            clean = logits[row].nan_to_num(nan=-float("inf"))
            best[row] = (clean == clean.max()).nonzero()[0, 0]
        extra = random.sample(range(rows + 3), rows)
        output_rows = torch.tensor(extra, dtype=torch.int32, device=device)
        tokens = torch.full((rows + 3,), -5, dtype=torch.int32, device=device)
        positions = torch.arange(rows + 3, dtype=torch.int32, device=device)
        history = torch.full((capacity * rows,), -5, dtype=torch.int32, device=device)
        keys = torch.zeros(rows, dtype=torch.int64, device=device)
        step = torch.full((1,), 2, dtype=torch.int32, device=device)
        torch.cuda.synchronize()
        for _ in range(2):
            driver.launch_raw(code.function("quipu_argmax"), (random.randrange(1, 40), rows), THREADS, stream, [
                c.c_uint64(logits.data_ptr()), c.c_int32(rows), c.c_int32(vocab), c.c_uint64(keys.data_ptr())])
            driver.launch_raw(code.function("quipu_advance"), (1, 1), THREADS, stream, [
                *[c.c_uint64(tensor.data_ptr()) for tensor in (keys, output_rows)], c.c_int32(rows),
                *[c.c_uint64(tensor.data_ptr()) for tensor in (tokens, positions, history, step)],
                c.c_int32(capacity)])
        torch.cuda.synchronize()
        where = output_rows.long()
        expected = torch.arange(rows + 3, device=device)
        expected[where] += 2
        if not torch.equal(tokens[where].long(), best):
            raise AssertionError(f"arg-max of {rows} x {vocab}: {tokens[where].tolist()[:8]}, not {best.tolist()[:8]}")
        if not torch.equal(positions.long(), expected) or int((tokens != -5).sum()) != rows:
            raise AssertionError("advance moved other rows")
        rounds = history.view(capacity, rows).long()
        if not (torch.equal(rounds[2], best) and torch.equal(rounds[0], best) and bool((rounds[1] == -5).all())):
            raise AssertionError("advance keeps another history")
        if int(step) != 4 or bool(keys.any()):
            raise AssertionError("advance leaves its counters wrong")


def cases(driver, code, stream, random):
    """(name, function) of every check."""
    for dtype in DTYPES:
        yield f"fill_{dtype}", lambda dtype=dtype: check_fill(driver, code, stream, dtype, random)
    yield "greedy", lambda: check_greedy(driver, code, stream, random)
