"""The service kernels of runtime/abi/CudaAbi.h on random arguments."""

import ctypes as c
import math
import struct

import torch

from kernel_cases import DTYPES, target_rows
from random_weights import values as random_values

ORDERS = {"plain": 0, "halves": 1, "alternating": 2, "first": 3, "second": 4}
THREADS, SAMPLE_THREADS = 256, 1024
FEED_INPUTS = 2 * 1024 + 16
SEEN = 1 << 31
LARGEST = torch.finfo(torch.float32).max


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


def check_feed(driver, code, stream, random):
    """Inputs of steps in turn, with tokens that were chosen before, and changes of the block table."""
    device, capacity, table_size = "cuda", 3, 5000
    last_tokens = torch.randint(0, 1000, (700,), dtype=torch.int32)
    table = torch.full((table_size,), -5, dtype=torch.int32)
    fed = torch.full((1,), 7, dtype=torch.int32, device=device)
    on_device = [tensor.to(device) for tensor in (last_tokens, table)]
    for round, (rows, outputs, changes) in enumerate(((1, 1, 0), (64, 64, 3), (300, 9, 1024), (2048, 257, 40))):
        stride = rows + random.randrange(9)
        place_size = FEED_INPUTS + 5 * stride + 1 + random.randrange(20)
        staged = torch.full((capacity, place_size), -77, dtype=torch.int32).pin_memory()
        place = (7 + round) % capacity
        parts = [torch.randint(0, 700, (stride,), dtype=torch.int32) for _ in range(5)]
        parts[0][torch.rand(stride) < 0.5] = -1
        entries = torch.tensor(random.sample(range(table_size), changes), dtype=torch.int32)
        values = torch.randint(0, 1 << 30, (changes,), dtype=torch.int32)
        staged[place, 0] = changes
        staged[place, 1:1 + 2 * changes] = torch.stack([entries, values], 1).view(-1)
        staged[place, FEED_INPUTS:FEED_INPUTS + 5 * stride] = torch.cat(parts)
        table[entries.long()] = values
        inputs = torch.full((5 * stride + 1,), -5, dtype=torch.int32, device=device)
        torch.cuda.synchronize()
        driver.launch_raw(code.function("quipu_feed"), (1, 1), SAMPLE_THREADS, stream, [
            c.c_uint64(staged.data_ptr()), c.c_int32(place_size), c.c_uint64(fed.data_ptr()), c.c_int32(capacity),
            c.c_uint64(inputs.data_ptr()), c.c_int32(stride), c.c_int32(rows), c.c_int32(outputs),
            *[c.c_uint64(tensor.data_ptr()) for tensor in on_device]])
        torch.cuda.synchronize()
        parts[0] = torch.where(parts[0] < 0, last_tokens[parts[2].long()], parts[0])
        expected = torch.cat([torch.cat([part[:count], torch.full((stride - count,), -5, dtype=torch.int32)])
                              for part, count in zip(parts, (rows, rows, rows, outputs, outputs))]
                             + [torch.tensor([place], dtype=torch.int32)])
        if not torch.equal(inputs.cpu(), expected):
            raise AssertionError(f"feed of {rows} rows: {int((inputs.cpu() != expected).sum())} inputs differ")
        if not torch.equal(on_device[1].cpu(), table):
            raise AssertionError(f"feed changes other entries of the table ({changes} of them)")
        if int(fed) != 8 + round:
            raise AssertionError("feed counts steps wrong")


def sample_rule(options, accepted, edits, scored=0):
    """The bytes of a SampleRule (runtime/abi/SampleRule.h)."""
    scale = 1 / options["temperature"] if options["temperature"] else 0.0
    return struct.pack("<dddffIIIffIII", scale, options["top_p"], options["min_p"], min(scale / math.log(2), 3e38),
                       options["penalty"], options["top_k"], options["window"], accepted, options["presence"],
                       options["frequency"], edits, scored, options["sees_all"])


def sample_on_host(logits, options, seen, edits, uniform):
    """The token, and how near the draw came to another one, as a share of the probability."""
    # As torch computes in f32: a product, a sum and a difference, each rounded.
    was_finite = logits.isfinite()
    presence, frequency = torch.tensor(options["presence"]), torch.tensor(options["frequency"])
    for token, bias, count in edits:
        if was_finite[token]:
            logits[token] += bias
            if count & ~SEEN:
                logits[token] -= presence + frequency * (count & ~SEEN)
            logits[token] = logits[token].clamp(-LARGEST, LARGEST)
    for token in set(seen) | {edit[0] for edit in edits if edit[2] & SEEN}:
        value = logits[token]
        if value > -LARGEST:
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
    """Draws of two rows at once with many options, against a sort in double precision; what their slots have then."""
    device, window_bound, capacity, rows, slots, step, edit_stride = "cuda", 1024, 4, 2, 5, 6, 3000
    torch.manual_seed(random.randrange(1 << 30))
    for round in range(90):
        vocab = random.choice([1, 33, 1000, 32003, 128256])
        logits = torch.randn(rows, vocab) * random.choice([0.01, 1, 5])
        if round % 4 == 3:
            logits = (logits * 2).round()  # many equal ones
        if round % 5 == 4:
            logits[1, random.randrange(vocab)] = random.choice([math.nan, math.inf, -math.inf])
        rules, ring, expected = bytearray(64 * slots), torch.full((slots, window_bound), -1, dtype=torch.int32), []
        all_edits = bytearray(16 * slots * edit_stride)
        uniforms = torch.rand(capacity, rows, dtype=torch.float64)
        row_slots = random.sample(range(slots), rows)
        for row, slot in enumerate(row_slots):
            options = {
                "temperature": random.choice([0, 0.1, 0.7, 1.0, 2.0]), "top_k": random.choice([0, 0, 1, 40, 900]),
                "top_p": random.choice([1.0, 0.0, 0.5, 0.95]), "min_p": random.choice([0.0, 0.0625, 0.5]),
                "penalty": random.choice([1.0, 1.25]), "window": random.choice([0, 5, 64, 1024]),
                "presence": random.choice([0.0, 0.0, 0.7]), "frequency": random.choice([0.0, 0.0, 0.3, -0.2]),
                "sees_all": 0}
            if options["window"] == 0 and options["penalty"] != 1:
                options["sees_all"] = 1
            seen = [random.randrange(vocab) for _ in range(options["window"] // 2)]
            ring[slot, :len(seen)] = torch.tensor(seen, dtype=torch.int32)
            keeps = options["presence"] or options["frequency"] or options["sees_all"]
            flag = SEEN if options["sees_all"] else 0
            edits = [(token, random.choice([0.0, 0.0, 1.5, -2.25, -math.inf]), random.randrange(40) | flag if keeps else 0)
                     for token in random.sample(range(vocab), min(vocab, random.choice([0, 1, 20, 2500])))]
            if round % 15 == 7 and vocab <= 1000:
                edits = [(token, -math.inf, 0) for token in range(vocab)]  # nothing is left
            for i, edit in enumerate(edits):
                struct.pack_into("<ifIf", all_edits, 16 * (slot * edit_stride + i), *edit, 0.0)
            struct.pack_into("64s", rules, 64 * slot, sample_rule(options, len(seen), len(edits)))
            edited = logits[row].clone()
            token, margin = sample_on_host(edited, options, seen, edits, float(uniforms[step % capacity, row]))
            expected.append((token, margin, seen, edits, bool((edited == -LARGEST).all()), options))
        tensors = [torch.tensor(row_slots, dtype=torch.int32), torch.frombuffer(rules, dtype=torch.uint8), ring,
                   torch.frombuffer(all_edits, dtype=torch.uint8)]
        behind = [uniforms, torch.tensor([step], dtype=torch.int32)]
        on_device, behind = ([tensor.to(device) for tensor in some] for some in (tensors, behind))
        values, keys = logits.to(device), torch.zeros(rows, dtype=torch.int64, device=device)
        torch.cuda.synchronize()
        driver.launch_raw(code.function("quipu_sample"), (1, rows), SAMPLE_THREADS, stream, [
            c.c_uint64(values.data_ptr()), c.c_int32(rows), c.c_int32(vocab),
            *[c.c_uint64(tensor.data_ptr()) for tensor in on_device], c.c_int32(edit_stride),
            *[c.c_uint64(tensor.data_ptr()) for tensor in behind], c.c_int32(capacity),
            c.c_uint64(keys.data_ptr()), c.c_int32(rows)])
        torch.cuda.synchronize()
        if not torch.equal(values.cpu().view(torch.int32), logits.view(torch.int32)):
            raise AssertionError("the logits are not as they were")
        rules_then, edits_then = bytes(on_device[1].cpu().numpy()), bytes(on_device[3].cpu().numpy())
        for row, (token, margin, seen, edits, is_empty, options) in enumerate(expected):
            slot, got, order = row_slots[row], ~int(keys[row]) & 0xFFFFFFFF, int(keys[row]) >> 32 & 0xFFFFFFFF
            if (order == 0xFFFFFFFF) == bool(logits[row].isfinite().all()):
                raise AssertionError("the key does not tell whether all logits are finite")
            if (order == 0x00800000) != is_empty:
                raise AssertionError("the key does not tell whether a token is left")
            # On the border between two tokens rounding decides.
            if got != token and margin > 1e-6 and not is_empty:
                raise AssertionError(f"{vocab} logits, {options}, {len(edits)} edits: token {got}, not {token}")
            if options["window"]:
                seen = (seen + [-1] * window_bound)[:window_bound]
                seen[options["window"] // 2] = got
                if on_device[2][slot].tolist() != seen:
                    raise AssertionError("the token is not among those seen last")
            edits = {edit[0]: edit[1:] for edit in edits}
            if options["presence"] or options["frequency"] or options["sees_all"]:
                bias, count = edits.get(got, (0.0, 0))
                edits[got] = (bias, count + 1 | (SEEN if options["sees_all"] else 0))
            accepted = (options["window"] // 2 + 1) % options["window"] if options["window"] else 0
            if rules_then[64 * slot:64 * slot + 64] != sample_rule(options, accepted, len(edits)):
                raise AssertionError("the rule says another number of tokens or edits")
            found = [struct.unpack_from("<ifIf", edits_then, 16 * (slot * edit_stride + i)) for i in range(len(edits))]
            if {edit[0]: edit[1:3] for edit in found} != edits:
                raise AssertionError("the token does not count among the edits")


def check_score(driver, code, stream, random):
    """Sums of exponentials and the most likely tokens beside a choice, against double precision."""
    device, capacity, slots, step, top_bound = "cuda", 3, 9, 7, 20
    torch.manual_seed(random.randrange(1 << 30))
    for rows, vocab in ((1, 33), (5, 1000), (3, 32003), (8, 128256)):
        logits = torch.randn(rows, vocab) * random.choice([0.01, 1, 5])
        if rows > 1:
            logits[0] = (logits[0] * 2).round()  # many equal ones
        if rows > 3:
            logits[1, random.randrange(vocab)] = math.nan
        tops = [random.choice([None, 0, 1, 5, top_bound]) for _ in range(rows)]
        tops[0] = top_bound
        options = {"temperature": 0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "penalty": 1.0, "window": 0,
                   "presence": 0.0, "frequency": 0.0, "sees_all": 0}
        rules, row_slots = bytearray(64 * slots), random.sample(range(slots), rows)
        for slot, top in zip(row_slots, tops):
            struct.pack_into("64s", rules, 64 * slot, sample_rule(options, 0, 0, 0 if top is None else top + 1))
        chosen = [random.randrange(vocab) for _ in range(rows)]
        keys = torch.tensor([1 << 32 | ~token & 0xFFFFFFFF for token in chosen], device=device)
        scores = torch.zeros(capacity * rows, 176, dtype=torch.uint8).pin_memory()
        values = logits.to(device)
        tensors = [torch.tensor(row_slots, dtype=torch.int32), torch.frombuffer(rules, dtype=torch.uint8)]
        tensors = [tensor.to(device) for tensor in tensors]
        number = torch.tensor([step], dtype=torch.int32, device=device)
        torch.cuda.synchronize()
        driver.launch_raw(code.function("quipu_score"), (1, rows), SAMPLE_THREADS, stream, [
            c.c_uint64(values.data_ptr()), c.c_int32(rows), c.c_int32(vocab),
            *[c.c_uint64(tensor.data_ptr()) for tensor in tensors], c.c_uint64(0), c.c_uint64(0), c.c_int32(0),
            c.c_uint64(0), c.c_uint64(number.data_ptr()), c.c_int32(capacity), c.c_uint64(keys.data_ptr()),
            c.c_int32(rows), c.c_uint64(scores.data_ptr())])
        torch.cuda.synchronize()
        for place in range(capacity * rows):
            row = place - step % capacity * rows
            data = bytes(scores[place].numpy())
            if not 0 <= row < rows or tops[row] is None or not bool(logits[row].isfinite().all()):
                if any(data):
                    raise AssertionError("scores where none are wanted")
                continue
            total, largest, own = struct.unpack_from("<qff", data)
            wide = logits[row].double()
            expected = float((wide - wide.max()).exp().sum().log())
            if abs(math.log(total / 2**43) - expected) > 1e-6:
                raise AssertionError(f"{vocab} logits: log of the sum {math.log(total / 2**43)}, not {expected}")
            if largest != float(logits[row].max()) or own != float(logits[row, chosen[row]]):
                raise AssertionError("the score has other logits")
            found = [struct.unpack_from("<if", data, 16 + 8 * i) for i in range(tops[row])]
            order = torch.argsort(logits[row], descending=True, stable=True)[:tops[row]].tolist()
            if sorted(found) != sorted((token, float(logits[row, token])) for token in order):
                raise AssertionError(f"{vocab} logits: not the {tops[row]} most likely tokens")


def cases(driver, code, stream, random):
    """(name, function) of every check."""
    for dtype in DTYPES:
        yield f"fill_{dtype}", lambda dtype=dtype: check_fill(driver, code, stream, dtype, random)
    yield "sample", lambda: check_sample(driver, code, stream, random)
    yield "score", lambda: check_score(driver, code, stream, random)
    yield "greedy", lambda: check_greedy(driver, code, stream, random)
    yield "feed", lambda: check_feed(driver, code, stream, random)
