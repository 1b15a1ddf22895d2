"""The service kernels of runtime/abi/CudaAbi.h on random arguments."""

import ctypes as c
import math
import struct

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
    """Arg-max and the step to the next token, twice, with ties, NaN and infinities."""
    device = "cuda"
    for rows, vocab in ((1, 32003), (7, 128256), (64, 300)):
        capacity = 3
        logits = torch.randn(rows, vocab, device=device)
        logits[0] -= 100  # a row of negative numbers
        if rows > 1:
            logits[1].clamp_(max=1.5)  # many equal largest ones: the first wins
            # No numbers, one of them or all: the first of these, and -1 for the host.
            logits[2, random.randrange(vocab)] = float("nan")
            logits[3] = float("nan")
            logits[4, random.randrange(vocab)] = -float("inf")
            logits[5, random.randrange(vocab)] = float("inf")
        best = torch.empty(rows, dtype=torch.int64, device=device)
        for row in range(rows):
            wrong = ~logits[row].isfinite()
            best[row] = (wrong if bool(wrong.any()) else logits[row] == logits[row].max()).nonzero()[0, 0]
        extra = random.sample(range(rows + 3), rows)
        output_rows = torch.tensor(extra, dtype=torch.int32, device=device)
        tokens = torch.full((rows + 3,), -5, dtype=torch.int32, device=device)
        positions = torch.arange(rows + 3, dtype=torch.int32, device=device)
        history = torch.full((capacity * rows,), -5, dtype=torch.int32, device=device)
        keys = torch.zeros(rows, dtype=torch.int64, device=device)
        step = torch.full((1,), 2, dtype=torch.int32, device=device)
        sequences = torch.tensor(random.sample(range(rows + 9), rows + 3), dtype=torch.int32, device=device)
        last_tokens = torch.full((rows + 9,), -5, dtype=torch.int32, device=device)
        torch.cuda.synchronize()
        for _ in range(2):
            driver.launch_raw(code.function("quipu_argmax"), (random.randrange(1, 40), rows), THREADS, stream, [
                c.c_uint64(logits.data_ptr()), c.c_int32(rows), c.c_int32(vocab), c.c_uint64(keys.data_ptr())])
            driver.launch_raw(code.function("quipu_advance"), (1, 1), THREADS, stream, [
                *[c.c_uint64(tensor.data_ptr()) for tensor in (keys, output_rows)], c.c_int32(rows),
                *[c.c_uint64(tensor.data_ptr()) for tensor in (tokens, positions, history, step)],
                c.c_int32(capacity), c.c_int32(rows),
                *[c.c_uint64(tensor.data_ptr()) for tensor in (sequences, last_tokens)]])
        torch.cuda.synchronize()
        where = output_rows.long()
        expected = torch.arange(rows + 3, device=device)
        expected[where] += 2
        if not torch.equal(tokens[where].long(), best):
            raise AssertionError(f"arg-max of {rows} x {vocab}: {tokens[where].tolist()[:8]}, not {best.tolist()[:8]}")
        if not torch.equal(positions.long(), expected) or int((tokens != -5).sum()) != rows:
            raise AssertionError("advance moved other rows")
        rounds = history.view(capacity, rows).long()
        told = best.clone()
        told[2:6] = -1
        if not (torch.equal(rounds[2], told) and torch.equal(rounds[0], told) and bool((rounds[1] == -5).all())):
            raise AssertionError("advance keeps another history")
        if int(step) != 4 or bool(keys.any()):
            raise AssertionError("advance leaves its counters wrong")
        if not torch.equal(last_tokens[sequences.long()[where]].long(), best) or int((last_tokens != -5).sum()) != rows:
            raise AssertionError("advance notes other tokens")
        # Every second row that counts has no token yet.
        fed = tokens.clone()
        fed[where[::2]] = -1
        driver.launch_raw(code.function("quipu_feed"), (1, 1), THREADS, stream, [
            *[c.c_uint64(tensor.data_ptr()) for tensor in (fed, sequences, last_tokens)], c.c_int32(rows + 3)])
        torch.cuda.synchronize()
        if not torch.equal(fed[where].long(), best):
            raise AssertionError("feed gives other tokens")


def sample_rule(options, accepted):
    """The bytes of a SampleRule (runtime/abi/SampleRule.h)."""
    scale = 1 / options["temperature"] if options["temperature"] else 0.0
    return struct.pack("<dddffIIII", scale, options["top_p"], options["min_p"], min(scale / math.log(2), 3e38),
                       options["penalty"], options["top_k"], options["window"], accepted, 0)


def sample_on_host(logits, options, seen, uniform):
    """The token, and how near the draw came to another one, as a share of the probability."""
    for token in set(seen):
        value = logits[token]
        logits[token] = value / options["penalty"] if value > 0 else value * options["penalty"]
    if not bool(logits.isfinite().all()):
        return int((~logits.isfinite()).nonzero()[0, 0]), 1.0
    if options["temperature"] == 0:
        return int(logits.argmax()), 1.0
    values = logits.double()
    order = torch.argsort(values, descending=True, stable=True)
    if options["top_k"]:
        order = order[:options["top_k"]]
    mass = ((values[order] - values[order[0]]) / options["temperature"]).exp()
    margin = 1.0
    if options["top_p"] < 1:
        share = mass.cumsum(0) / mass.sum()
        count = int((share < options["top_p"]).sum()) + 1
        margin = float((share - options["top_p"]).abs().min())
        order, mass = order[:count], mass[:count]
    order = order[mass >= options["min_p"]]
    order = order.sort().values
    mass = ((values[order] - values[order].max()) / options["temperature"]).exp()
    share = mass.cumsum(0) / mass.sum()
    place = min(int((share <= uniform).sum()), len(order) - 1)
    return int(order[place]), min(margin, float((share - uniform).abs().min()))


def check_sample(driver, code, stream, random):
    """Draws of two rows at once with many options, against a sort in double precision."""
    device, window_bound, capacity, rows, step = "cuda", 1024, 4, 2, 6
    torch.manual_seed(random.randrange(1 << 30))
    for round in range(60):
        vocab = random.choice([1, 33, 1000, 32003, 128256])
        logits = torch.randn(rows, vocab) * random.choice([0.01, 1, 5])
        if round % 4 == 3:
            logits = (logits * 2).round()  # many equal ones
        if round % 5 == 4:
            logits[1, random.randrange(vocab)] = random.choice([math.nan, math.inf, -math.inf])
        rules, ring, expected = b"", torch.full((rows, window_bound), -1, dtype=torch.int32), []
        uniforms = torch.rand(capacity, rows, dtype=torch.float64)
        for row in range(rows):
            options = {
                "temperature": random.choice([0, 0.1, 0.7, 1.0, 2.0]), "top_k": random.choice([0, 0, 1, 40, 900]),
                "top_p": random.choice([1.0, 0.0, 0.5, 0.95]), "min_p": random.choice([0.0, 0.0625, 0.5]),
                "penalty": random.choice([1.0, 1.25]), "window": random.choice([0, 5, 64, 1024])}
            seen = [random.randrange(vocab) for _ in range(options["window"] // 2)]
            ring[row, :len(seen)] = torch.tensor(seen, dtype=torch.int32)
            rules += sample_rule(options, len(seen))
            token, margin = sample_on_host(logits[row].clone(), options, seen, float(uniforms[step % capacity, row]))
            place = (len(seen) + step) % options["window"] if options["window"] else None
            expected.append((token, margin, place, options))
        tensors = [torch.frombuffer(bytearray(rules), dtype=torch.uint8), ring, uniforms,
                   torch.tensor([step], dtype=torch.int32)]
        on_device = [tensor.to(device) for tensor in tensors]
        values, keys = logits.to(device), torch.zeros(rows, dtype=torch.int64, device=device)
        torch.cuda.synchronize()
        driver.launch_raw(code.function("quipu_sample"), (1, rows), 1024, stream, [
            c.c_uint64(values.data_ptr()), c.c_int32(rows), c.c_int32(vocab),
            *[c.c_uint64(tensor.data_ptr()) for tensor in on_device], c.c_int32(capacity),
            c.c_uint64(keys.data_ptr()), c.c_int32(rows)])
        torch.cuda.synchronize()
        for row, (token, margin, place, options) in enumerate(expected):
            got = ~int(keys[row]) & 0xFFFFFFFF
            if (int(keys[row]) >> 32 & 0xFFFFFFFF == 0xFFFFFFFF) == bool(logits[row].isfinite().all()):
                raise AssertionError("the key does not tell whether all logits are finite")
            # On the border between two tokens rounding decides.
            if got != token and margin > 1e-6:
                raise AssertionError(f"{vocab} logits, {options}: token {got}, not {token}")
            if place is not None and int(on_device[1][row, place]) != got:
                raise AssertionError("the token is not among those seen last")


def cases(driver, code, stream, random):
    """(name, function) of every check."""
    for dtype in DTYPES:
        yield f"fill_{dtype}", lambda dtype=dtype: check_fill(driver, code, stream, dtype, random)
    yield "sample", lambda: check_sample(driver, code, stream, random)
    yield "greedy", lambda: check_greedy(driver, code, stream, random)
