"""Random arguments for one kernel of a plan, and what it must answer.

The order of a step's arguments is that of their first use in the kernel (llama-form-kernels): input, norm, weight, bias,
rotary table, cache layer, positions, sequences, residual; then the result, then workspaces. References are computed in
float64 from the same rounded inputs, but nothing in between is rounded.

Where the types of a model's projections differ, each is a kernel (q_proj, gate_proj, ...), and so are `rotate`, `gate` and
`kv_append`.
"""

import math

import torch

from plan_reader import DENSE_FORMATS

DTYPES = dict(zip(DENSE_FORMATS, (torch.float32, torch.float16, torch.bfloat16), strict=True))
PAIR_RUN = 8  # runtime/abi/RowOrder.h
GUARD_BYTES = 4096
POISON = 0xFF  # NaN in every format
LARGE = 3e4  # in cache slots that no row may see

# What a kernel may be off: root mean square of a row's errors over that of the row, and the largest error of an
# element over (root mean square of its row + its size).
ROUNDED = {"f32": (1e-5, 2e-4), "f16": (1.3e-3, 8e-3), "bf16": (1e-2, 5e-2)}
EXACT_INPUTS = (2e-4, 2e-3)  # f32 results of products whose operands are not rounded on the way
EXACT_INPUTS_F32 = ROUNDED["f32"]
# What a log_prob may be off. A part of a row that does not count, of 2,000, is found.
LOG_PROB = 3e-4
# What the norm in a kernel may be off, as a share: sums of some thousand squares in f32, and an inverse root.
NORM_ERROR = 2e-6


def target_rows(source, rows):
    """quipu::targetRow + first_row for all rows of a source."""
    row = torch.arange(rows)
    order, group = source.get("order", "plain"), source.get("group_rows", 0)

    def place(pair, partner):
        return pair // PAIR_RUN * 2 * PAIR_RUN + partner * PAIR_RUN + pair % PAIR_RUN

    if order == "halves":
        inside, half = row % group, group // 2
        target = row // group * group + place(inside % half, inside // half)
    elif order == "alternating":
        inside = row % group
        target = row // group * group + place(inside // 2, inside % 2)
    elif order in ("first", "second"):
        target = place(row, 1 if order == "second" else 0)
    else:
        target = row
    return target + source.get("first_row", 0)


class Weight:
    """A weight as files hold it (`plain`) and as the kernel reads it (`stored`)."""

    def __init__(self, info, device, generator):
        shape, dtype, role = info["shape"], DTYPES[info["dtype"]], info["role"]
        self.info = info
        self.plain = torch.empty(shape, dtype=dtype, device=device)
        if role == "norm":
            self.plain.uniform_(0.5, 1.5, generator=generator)
        else:
            deviation = {"matrix": shape[-1] ** -0.5, "embedding": 1.0, "bias": 0.5}[role]
            self.plain.normal_(0.0, deviation, generator=generator)
        sources = info["sources"]
        self.stored = self.plain
        if any("order" in source for source in sources):
            self.stored = torch.empty_like(self.plain)
            first, done = 0, torch.zeros(shape[0], dtype=torch.bool)
            for source in sources:
                rows = source["slice"]["rows"] if "slice" in source else source["shape"][0]
                target = target_rows(source, rows)
                done[target] = True
                self.stored[target.to(device)] = self.plain[first:first + rows]
                first += rows
            if not done.all() or first != shape[0]:
                raise RuntimeError(f"{info['name']}: its sources do not fill its rows")


class Buffer:
    """Memory of `rows` rows, with guards in front of it and behind it that nothing may write."""

    def __init__(self, rows, columns, dtype, device):
        self.shape, self.dtype = (rows, columns), dtype
        self.bytes = rows * columns * dtype.itemsize
        self.storage = torch.full((GUARD_BYTES + self.bytes + GUARD_BYTES,), 0xA5, dtype=torch.uint8, device=device)
        self.values = self.storage[GUARD_BYTES:GUARD_BYTES + self.bytes]

    @property
    def pointer(self):
        return self.values.data_ptr()

    @property
    def tensor(self):
        return self.values.view(self.dtype).view(self.shape)

    def poison(self):
        self.values[:] = POISON

    def is_guarded(self):
        guards = self.storage[:GUARD_BYTES], self.storage[GUARD_BYTES + self.bytes:]
        return all(bool((guard == 0xA5).all()) for guard in guards)


class Places:
    """Positions and sequences of T rows, and a cache with scattered pages that has room for them."""

    def __init__(self, mode, tokens, kv, device, generator, random, padding):
        limit = kv["max_seq"]
        if mode == "each":  # every row a sequence of its own, of any length
            lengths = [(1, random.randrange(0, limit)) for _ in range(tokens)]
            lengths[0] = (1, limit - 1)
        elif mode.startswith("at"):  # every row the newest of a sequence of this length
            lengths = [(1, int(mode[2:]) - 1)] * tokens
        elif mode == "start":  # one sequence from its beginning
            lengths = [(tokens, 0)]
        elif mode == "later":  # one sequence that holds something already
            lengths = [(tokens, random.randrange(0, max(1, limit - tokens + 1)))]
        else:  # several sequences with some rows each, in mode "lone" behind sequences with one row each
            lone = tokens // 2 + 1 if mode == "lone" else 0
            lengths, left = [(1, random.randrange(0, limit)) for _ in range(lone)], tokens - lone
            while left:
                rows = min(left, random.choice([1, 2, 3, 17, 40, 129]), limit)
                lengths.append((rows, random.randrange(0, limit - rows + 1)))
                left -= rows
        page = kv["page"]
        self.mode, self.page = mode, page
        self.lone = next((i for i, (rows, _) in enumerate(lengths) if rows > 1), len(lengths))
        counts = [-(-(start + rows) // page) for rows, start in lengths]
        self.stride = max(counts) + random.randrange(4)
        self.blocks = sum(counts) + 3
        order = torch.randperm(self.blocks, generator=random_torch(random)).tolist()
        # Sequences take rows of the block table in any order; the other entries lead to a block that holds poison.
        table_rows = random.sample(range(len(lengths) + 2), len(lengths))
        table = torch.full((len(lengths) + 2, self.stride), order.pop(), dtype=torch.int32)
        for row, count in zip(table_rows, counts):
            table[row, :count] = torch.tensor([order.pop() for _ in range(count)])
        positions, sequences = [], []
        for row, (rows, start) in zip(table_rows, lengths):
            positions += range(start, start + rows)
            sequences += [row] * rows
        if padding and tokens > 2:
            at = random.randrange(1, tokens)
            positions[at], sequences[at] = -1, 0
        self.positions = torch.tensor(positions, dtype=torch.int32, device=device)
        self.sequences = torch.tensor(sequences, dtype=torch.int32, device=device)
        self.table = table.to(device)
        self.valid = self.positions >= 0

    def seen(self, window):
        """Positions that the rows see, in all."""
        counts = self.positions[self.valid].double() + 1
        return float(counts.clamp(max=window or math.inf).sum())

    def slots(self, positions, sequence):
        """(block, offset) of positions of one sequence."""
        blocks = self.table[sequence, (positions // self.page).long()].long()
        return blocks, (positions % self.page).long()


def random_torch(random):
    generator = torch.Generator()
    generator.manual_seed(random.randrange(1 << 62))
    return generator


def normalised(x, gain, eps):
    x = x.double()
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * gain.double()


def activated(config, gate):
    if config["activation"] == "gelu_tanh":
        return torch.nn.functional.gelu(gate, approximate="tanh")
    return {"silu": torch.nn.functional.silu, "relu": torch.nn.functional.relu}[config["activation"]](gate)


def rotate(x, table, head_dim, layout):
    """`x`: [T, heads * head_dim]; `table`: cosines, then sines of the head_dim / 2 pairs."""
    half = head_dim // 2
    x = x.unflatten(-1, (-1, head_dim))
    cos, sin = table[:, None, :half].double(), table[:, None, half:].double()
    if layout == "half":
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).flatten(1)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(1)


def inverse_frequencies(config):
    """As transformers computes them, in float32."""
    exponent = torch.arange(0, config["head_dim"], 2, dtype=torch.float32) / config["head_dim"]
    frequency = 1.0 / config["rope_theta"] ** exponent
    if config["rope_scaling"] == "linear":
        return frequency / config["rope_factor"]
    if config["rope_scaling"] == "llama3":
        low, high = config["rope_low_freq_factor"], config["rope_high_freq_factor"]
        wavelength = 2 * math.pi / frequency
        original, factor = config["rope_original_context"], config["rope_factor"]
        smooth = (original / wavelength - low) / (high - low)
        blended = (1 - smooth) * frequency / factor + smooth * frequency
        scaled = torch.where(wavelength > original / low, frequency / factor, frequency)
        between = (wavelength <= original / low) & (wavelength >= original / high)
        return torch.where(between, blended, scaled)
    return frequency


class Case:
    """One kernel at one number of rows: buffers, the pointers of its entries, and the comparison afterwards."""

    def __init__(self, launch, weights, tokens, outputs, mode, device, random, padding):
        self.launch, self.plan, self.device = launch, launch.plan, device
        self.config, self.kv = self.plan.config, self.plan.kv
        self.compute = DTYPES[self.config["compute_dtype"]]
        self.tokens, self.outputs, self.mode = tokens, outputs, mode
        self.random = random
        self.generator = torch.Generator(device=device)
        self.generator.manual_seed(random.randrange(1 << 62))
        self.weights = weights
        self.places = Places(mode, tokens, self.kv, device, self.generator, random, padding)
        self.cache = None
        self.activations, self.workspaces, self.pointers, self.keep = [], [], [], []
        self.weight_slots = []
        # What was in the result's place, where the plan lays the result over an argument.
        self.overwritten = None
        hidden, kind = self.config["hidden_size"], launch.kind
        heads = self.config["num_heads"] * self.config["head_dim"]
        inner = self.config["intermediate_size"]
        f32 = torch.float32
        keys = self.config["num_kv_heads"] * self.config["head_dim"]
        stored = DTYPES[self.kv["dtype"]]
        # Of a rotation alone: columns and type of the result.
        turned = (keys, stored) if launch.place.startswith("k_") else (heads, self.compute)
        alone = {name: ([(hidden, f32)], (width, f32))
                 for name, width in (("q_proj", heads), ("k_proj", keys), ("v_proj", keys), ("gate_proj", inner),
                                     ("up_proj", inner))}
        # Columns and types of the activations among the arguments in order, and of the result.
        inputs, result = {
            **alone,
            "rotate": ([(turned[0], f32), (self.config["head_dim"], f32)], turned),
            "kv_append": ([(keys, stored), (keys, f32)], (0, f32)),
            "gate": ([(inner, f32), (inner, f32)], (inner, self.compute)),
            "embed_tokens": ([], (hidden, f32)),
            "rotary_table": ([], (self.config["head_dim"], f32)),
            "qkv": ([(hidden, f32), (self.config["head_dim"], f32)], (heads, self.compute)),
            "attention": ([(heads, self.compute)], (heads, self.compute)),
            "o_proj": ([(heads, self.compute), (hidden, f32)], (hidden, f32)),
            "gate_up": ([(hidden, f32)], (inner, self.compute)),
            "down_proj": ([(inner, self.compute), (hidden, f32)], (hidden, f32)),
            "lm_head": ([(hidden, f32)], (self.config["vocab_size"], f32)),
            "log_prob": ([(hidden, f32)], (1, f32)),
        }[kind]
        self._build(inputs, result)

    def dims(self):
        return self.tokens, self.outputs, self.places.stride, self.places.lone

    def _build(self, inputs, result):
        inputs = list(inputs)
        rows = self.launch.max_rows
        self.result = Buffer(rows, *result, self.device)
        placed, places = False, {}
        for arg in self.launch.args:
            if arg["kind"] == "weight":
                self.weight_slots.append((len(self.pointers), arg["value"]))
                self.pointers.append(self.weights[arg["value"]].stored.data_ptr())
            elif arg["kind"] == "kv_layer":
                self._build_cache()
                self.pointers += [self.cache[0].pointer, self.cache[1].pointer, self.places.table.data_ptr()]
            elif arg["kind"] == "input":
                tensor = {"tokens": self._tokens, "positions": lambda: self.places.positions,
                          "sequences": lambda: self.places.sequences,
                          "output_rows": self._output_rows, "targets": self._targets}[arg["text"]]()
                self.keep.append(tensor)
                self.pointers.append(tensor.data_ptr())
            elif arg["kind"] == "arena" and inputs:
                buffer = self._activation(rows, *inputs.pop(0))
                self.pointers.append(buffer.pointer)
                places[arg["value"]] = buffer
            elif not placed:
                placed = True
                if arg["kind"] == "arena" and arg["value"] in places:
                    self.result = places[arg["value"]]
                    self.overwritten = self.result.tensor.clone()
                self.pointers.append(self.result.pointer)
            else:
                # Never larger than what is left of the arena behind its place.
                buffer = Buffer(1, self.launch.arena_bytes - arg["value"], torch.uint8, self.device)
                self.workspaces.append(buffer)
                self.pointers.append(buffer.pointer)

    def _tokens(self):
        vocab = self.config["vocab_size"]
        self.ids = torch.randint(0, vocab, (self.tokens,), generator=self.generator, device=self.device,
                                 dtype=torch.int32)
        self.ids[0] = vocab - 1
        return self.ids

    def _output_rows(self):
        # In order without repeats, as sessions ask for them.
        rows = sorted(self.random.sample(range(self.tokens), self.outputs))
        self.output_rows = torch.tensor(rows, dtype=torch.int32, device=self.device)
        return self.output_rows

    def _targets(self):
        """Tokens, the last and the first among them, and a row without."""
        vocab = self.config["vocab_size"]
        self.targets = torch.randint(0, vocab, (self.outputs,), generator=self.generator, device=self.device,
                                     dtype=torch.int32)
        for row, target in enumerate((vocab - 1, 0, -1)[:self.outputs]):
            self.targets[row] = target
        return self.targets

    def _activation(self, rows, columns, dtype):
        buffer = Buffer(rows, columns, dtype, self.device)
        buffer.poison()  # rows beyond T hold anything
        values = torch.empty(self.tokens, columns, dtype=torch.float32, device=self.device)
        if self.launch.kind in ("qkv", "rotate") and self.activations:  # the rotary table
            angles = values.uniform_(0, 2 * math.pi, generator=self.generator)[:, :columns // 2]
            values = torch.cat((angles.cos(), angles.sin()), -1)
        else:
            values.normal_(generator=self.generator)
            # Rows of different size: scores from flat to peaked, norms that matter.
            scale = torch.empty(self.tokens, 1, device=self.device).uniform_(-1, 1, generator=self.generator)
            values *= 3 ** scale
        buffer.tensor[:self.tokens] = values.to(dtype)
        self.activations.append(buffer)
        return buffer

    def _build_cache(self):
        dtype = DTYPES[self.kv["dtype"]]
        shape = (self.places.blocks * self.kv["kv_heads"] * self.places.page, self.kv["head_dim"])
        self.cache = [Buffer(*shape, dtype, self.device) for _ in range(2)]
        for pool in self.cache:
            pool.tensor.fill_(LARGE)
        if self.launch.kind != "attention":
            return
        # Real keys and values wherever a row may look; what the newest position of a sequence hides stays poison.
        last = {}
        for position, sequence in zip(self.places.positions.tolist(), self.places.sequences.tolist()):
            last[sequence] = max(last.get(sequence, -1), position)
        for sequence, position in last.items():
            if position < 0:
                continue
            blocks, offsets = self.places.slots(torch.arange(position + 1, device=self.device), sequence)
            for pool in self.pools():
                values = torch.empty(position + 1, self.kv["kv_heads"], self.kv["head_dim"], device=self.device)
                pool[blocks, :, offsets] = values.normal_(generator=self.generator).to(pool.dtype)

    def pools(self):
        """Views [blocks][kv heads][page][head]."""
        return [pool.tensor.view(-1, self.kv["kv_heads"], self.places.page, self.kv["head_dim"])
                for pool in self.cache]

    def poison(self):
        """Before a run: results and workspaces hold anything, or what the kernel reads there first."""
        for buffer in (self.result, *self.workspaces):
            buffer.poison()
        if self.overwritten is not None:
            self.result.tensor.copy_(self.overwritten)
        if self.cache and self.launch.kind != "attention":
            for pool in self.cache:
                pool.tensor.fill_(LARGE)

    def answers(self):
        """What the kernel has written, for a bitwise comparison of two runs."""
        rows = self.outputs if self.launch.kind in ("lm_head", "log_prob") else self.tokens
        parts = [self.result.tensor[:rows]]
        if self.launch.kind in ("qkv", "kv_append"):
            parts += [pool.tensor for pool in self.cache]
        return [part.clone() for part in parts]

    def is_guarded(self):
        buffers = [self.result, *self.workspaces, *self.activations, *(self.cache or [])]
        return all(buffer.is_guarded() for buffer in buffers)

    # Comparison.

    def errors(self):
        """(root mean square, largest, message) over what the tolerance allows: at most 1 passes."""
        return getattr(self, "_check_" + self.launch.kind)()

    def _inputs(self, index=0):
        return self.activations[index].tensor[:self.tokens]

    def _result(self):
        return self.result.tensor[:self.tokens]

    def _weights(self, role):
        return [self.weights[number].plain for _, number in self.weight_slots
                if self.weights[number].info["role"] == role]

    def _product(self, x):
        """x times the weights (joined where a plan has them in parts), plus the bias."""
        product = x.double() @ torch.cat(self._weights("matrix") or self._weights("embedding")).double().T
        bias = self._weights("bias")
        return product + torch.cat(bias).double() if bias else product

    def _rounded(self):
        return ROUNDED[self.config["compute_dtype"]]

    def _compare(self, result, reference, tolerance):
        result, reference = result.double(), reference.double()
        if result.numel() == 0:
            return 0.0, 0.0
        difference = (result - reference).abs()
        size = reference.square().mean(-1, keepdim=True).sqrt()
        floor = 1e-30 + 1e-3 * reference.square().mean().sqrt()
        rms = (difference.square().mean(-1, keepdim=True).sqrt() / (size + floor)).max().item() / tolerance[0]
        largest = (difference / (size + reference.abs() + floor)).max().item() / tolerance[1]
        return (math.inf if math.isnan(rms) else rms), (math.inf if math.isnan(largest) else largest)

    def _check_embed_tokens(self):
        table = (self._weights("embedding") or self._weights("matrix"))[0]
        reference = table[self.ids.long()].double() * self.config["embedding_scale"]
        return self._compare(self._result(), reference, (1e-7, 1e-7))

    def _check_rotary_table(self):
        valid = self.places.valid
        frequency = inverse_frequencies(self.config).to(self.device)
        angle = (self.places.positions[valid, None].float() * frequency).double()
        reference = torch.cat((angle.cos(), angle.sin()), -1)
        # A last bit of the frequency moves the angle by as much as the angle is large.
        allowed = 1e-6 + 2.5e-7 * torch.cat((angle, angle), -1)
        error = ((self._result()[valid].double() - reference).abs() / allowed).max().item()
        error = math.inf if math.isnan(error) else error
        return error, error

    def _check_qkv(self):
        x = normalised(self._inputs(), self._weights("norm")[0], self.config["rms_norm_eps"])
        head = self.config["head_dim"]
        queries, keys = self.config["num_heads"] * head, self.config["num_kv_heads"] * head
        q, k, v = self._product(x).split([queries, keys, keys], -1)
        table, layout = self._inputs(1), self.config["rotary_layout"]
        q, k = rotate(q, table, head, layout), rotate(k, table, head, layout)
        tolerance = max(self._rounded(), ROUNDED[self.kv["dtype"]])
        valid = self.places.valid
        worst = self._compare(self._result()[valid], q[valid], tolerance)
        return tuple(map(max, worst, self._appended(k, v, tolerance)))

    def _appended(self, k, v, tolerance):
        """Errors of what the kernel has written into the cache."""
        valid, worst = self.places.valid, (0.0, 0.0)
        blocks, offsets = self._slots_of_rows()
        for pool, reference in zip(self.pools(), (k, v)):
            pool = pool.clone()
            written = pool[blocks, :, offsets].flatten(1)
            errors = self._compare(written, reference[valid], tolerance)
            worst = tuple(map(max, worst, errors))
            pool[blocks, :, offsets] = LARGE
            if not (pool == torch.tensor(LARGE).to(pool.dtype).to(pool.device)).all():
                raise AssertionError("wrote cache slots that are no row's")
        return worst

    def _check_kv_append(self):
        # Values are rounded once, or not at all.
        return self._appended(self._inputs(), self._inputs(1), ROUNDED[self.kv["dtype"]])

    def _check_rotate(self):
        reference = rotate(self._inputs(), self._inputs(1), self.config["head_dim"], self.config["rotary_layout"])
        tolerance = next(ROUNDED[name] for name, dtype in DTYPES.items() if dtype == self.result.dtype)
        return self._compare(self._result(), reference, tolerance)

    def _check_gate(self):
        reference = activated(self.config, self._inputs().double()) * self._inputs(1).double()
        return self._compare(self._result(), reference, self._rounded())

    def _check_projection(self):
        x = normalised(self._inputs(), self._weights("norm")[0], self.config["rms_norm_eps"])
        return self._compare(self._result(), self._product(x), self._rounded())

    _check_q_proj = _check_k_proj = _check_v_proj = _check_gate_proj = _check_up_proj = _check_projection

    def _slots_of_rows(self):
        valid = self.places.valid
        positions, sequences = self.places.positions[valid].long(), self.places.sequences[valid].long()
        return self.places.table[sequences, positions // self.places.page].long(), positions % self.places.page

    def _check_attention(self):
        heads, kv_heads, head = self.config["num_heads"], self.config["num_kv_heads"], self.config["head_dim"]
        window = self.launch.kernel["window"]
        tolerance = max(self._rounded(), ROUNDED[self.kv["dtype"]])
        places, worst = self.places, (0.0, 0.0)
        query, result = self._inputs().double(), self._result()
        sequences = places.sequences[places.valid].unique().tolist()
        for sequence in sequences:
            rows = (places.valid & (places.sequences == sequence)).nonzero()[:, 0]
            end = int(places.positions[rows].max()) + 1
            key_positions = torch.arange(end, device=self.device)
            blocks, offsets = places.slots(key_positions, sequence)
            k, v = (pool[blocks, :, offsets].double() for pool in self.pools())  # [S, Hkv, Dh]
            for part in rows.split(max(1, (1 << 26) // (end * heads))):
                q = query[part].view(len(part), kv_heads, heads // kv_heads, head)
                scores = torch.einsum("tgqd,sgd->tgqs", q, k) / math.sqrt(head)
                hidden = key_positions[None, :] > places.positions[part, None]
                if window:
                    hidden |= key_positions[None, :] <= places.positions[part, None] - window
                scores.masked_fill_(hidden[:, None, None, :], -math.inf)
                reference = torch.einsum("tgqs,sgd->tgqd", scores.softmax(-1), v)
                mine = result[part].view_as(reference)
                worst = tuple(map(max, worst, self._compare(mine, reference, tolerance)))
        return worst

    def _residual_product(self):
        residual = self._inputs(1) if self.overwritten is None else self.overwritten[:self.tokens]
        reference = self._product(self._inputs()) + residual.double()
        exact = EXACT_INPUTS_F32 if self.config["compute_dtype"] == "f32" else EXACT_INPUTS
        return self._compare(self._result(), reference, exact)

    _check_o_proj = _check_down_proj = _residual_product

    def _check_gate_up(self):
        x = normalised(self._inputs(), self._weights("norm")[0], self.config["rms_norm_eps"])
        gate, up = self._product(x).chunk(2, -1)
        return self._compare(self._result(), activated(self.config, gate) * up, self._rounded())

    def _check_lm_head(self):
        x = self._inputs()[self.output_rows.long()]
        x = normalised(x, self._weights("norm")[0], self.config["rms_norm_eps"])
        return self._compare(self.result.tensor[:self.outputs], self._product(x), self._rounded())

    def _check_log_prob(self):
        x = self._inputs()[self.output_rows.long()]
        # The kernel rounds the normalised input. What is left are errors of sums in f32, and what those of the norm do to
        # an input that lies between two numbers: it may be rounded to the other one.
        exact = normalised(x, self._weights("norm")[0], self.config["rms_norm_eps"])
        x = exact.to(self.compute)
        matrix = torch.cat(self._weights("matrix") or self._weights("embedding"))
        either = ((exact * (1 + NORM_ERROR)).to(self.compute).double() -
                  (exact * (1 - NORM_ERROR)).to(self.compute).double()).abs()
        # A logit moves by the step of an input times its weight, and the logarithm of the sum by no more than the most
        # that any logit moves.
        allowed = LOG_PROB + 2 * (either @ matrix.abs().amax(0).double())
        targets = self.targets.long()
        reference = torch.empty(self.outputs, dtype=torch.float64, device=self.device)
        for part in torch.arange(self.outputs, device=self.device).split(256):
            scores = self._product(x[part]).log_softmax(-1)
            reference[part] = scores.gather(1, targets[part, None].clamp(min=0))[:, 0]
        reference[targets < 0] = 0
        error = ((self.result.tensor[:self.outputs, 0].double() - reference).abs() / allowed).max().item()
        error = math.inf if math.isnan(error) else error
        return error, error

    # Work, for rates.

    def rows(self):
        return self.outputs if self.launch.kernel["rows"] == "outputs" else self.tokens

    def bytes(self):
        total = self.launch.kernel["weight_bytes"] + self.rows() * self.result.shape[1] * self.result.dtype.itemsize
        total += sum(self.rows() * buffer.shape[1] * buffer.dtype.itemsize for buffer in self.activations)
        if self.launch.kind == "attention":
            # One sequence's keys and values count once, whichever rows look at them.
            last = {}
            for position, sequence in zip(self.places.positions.tolist(), self.places.sequences.tolist()):
                last[sequence] = max(last.get(sequence, 0), position + 1)
            window = self.config["sliding_window"] or math.inf
            positions = sum(min(count, window + self.tokens) for count in last.values())
            total += 2 * positions * self.kv["kv_heads"] * self.kv["head_dim"] * DTYPES[self.kv["dtype"]].itemsize
        return total

    def operations(self):
        if self.launch.kind == "attention":
            return 4 * self.places.seen(self.config["sliding_window"]) * self.config["num_heads"] * \
                self.config["head_dim"]
        return self.launch.kernel["flops_per_row"] * self.rows()
