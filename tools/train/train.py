#!/usr/bin/env python3
"""Train a small LLaMA-2 story model on the arrays of prepare.py.

One run:      train.py --prepared DIR --out DIR [--hidden 320 ...]
Many runs:    train.py --sweep runs.json --out DIR --jobs 3
              runs.json: {"name": ["--flag", "value", ...], ...}; a run "base"
              is not special, each run carries all its flags. Ends with a table.
Distillation: --teacher DIR (repeat it for an ensemble) adds the mean of the
              teachers' next-token distributions as soft targets.

Writes to --out the model in Hugging Face layout (bf16, best held-out loss),
and log.json with the losses. Training runs in bf16 autocast over f32 weights.
"""

import argparse
import bisect
import concurrent.futures
import json
import math
import pathlib
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from model import Llama, load_hf, save_hf, use_varlen

PAD_TARGET = -100


# --- rows --------------------------------------------------------------------

class Stories:
    """Token ids with the offsets of the stories in them, on the device."""

    def __init__(self, arrays, name, device):
        self.offsets = arrays[f"{name}_offsets"]
        self.ids = torch.from_numpy(arrays[f"{name}_ids"].astype(np.int32)).to(device)

    def __len__(self):
        return len(self.offsets) - 1


def pack(lengths, order, context):
    """Fills rows of at most `context` tokens with whole stories: best fit among
    the open rows. Whole stories, because a story whose start is out of sight
    teaches a small model nothing about plots."""
    rows, open_rows = [], []  # open_rows: sorted (free, row)
    for story in order:
        need = lengths[story]
        at = bisect.bisect_left(open_rows, (need, -1))
        if at < len(open_rows):
            free, row = open_rows.pop(at)
        else:
            free, row = context, len(rows)
            rows.append([])
        rows[row].append(story)
        if free - need >= 32:
            bisect.insort(open_rows, (free - need, row))
            if len(open_rows) > 256:
                open_rows.pop(0)
    return rows


class Batches:
    """Rows of packed stories. The index of a whole epoch goes to the device at
    once: a copy for every step would make the host wait for the device."""

    SEGMENTS = 12  # at most, in a row; a constant, so that shapes are constant

    def __init__(self, stories, context, device):
        self.stories, self.context, self.device = stories, context, device
        self.causal = torch.ones(context, context, dtype=torch.bool, device=device).tril()

    def epoch(self, rows_per_batch, rng):
        lengths = np.diff(self.stories.offsets)
        order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
        rows = pack(lengths.tolist(), order.tolist(), self.context)
        if rng is not None:
            rng.shuffle(rows)
            # Whole batches only: a constant shape is one compilation.
            rows = rows[:len(rows) // rows_per_batch * rows_per_batch]
        else:
            rows += [[]] * (-len(rows) % rows_per_batch)
        where = np.zeros((len(rows), self.context), dtype=np.int32)
        story = np.full((len(rows), self.context), -1, dtype=np.int8)
        batches = len(rows) // rows_per_batch
        starts = np.full((batches, rows_per_batch * self.SEGMENTS + 1), rows_per_batch * self.context, dtype=np.int32)
        for i in range(batches):
            used = 0
            for r in range(rows_per_batch):
                row, at = i * rows_per_batch + r, 0
                for k, s in enumerate(rows[row]):
                    n = lengths[s]
                    first = self.stories.offsets[s]
                    where[row, at:at + n] = np.arange(first, first + n)
                    story[row, at:at + n] = k
                    starts[i, used] = r * self.context + at
                    used, at = used + 1, at + n
                if at < self.context:  # the empty end of the row
                    starts[i, used] = r * self.context + at
                    used += 1
        where, story, starts = (torch.from_numpy(a).to(self.device) for a in (where, story, starts))
        for i in range(batches):
            some = slice(i * rows_per_batch, (i + 1) * rows_per_batch)
            yield self.batch(where[some], story[some], starts[i])

    def batch(self, where, story, starts):
        ids = self.stories.ids[where].long()
        targets = torch.full_like(ids, PAD_TARGET)
        same = (story[:, 1:] == story[:, :-1]) & (story[:, 1:] >= 0)
        targets[:, :-1] = torch.where(same, ids[:, 1:], PAD_TARGET)
        if use_varlen(self.device):
            mask = starts
        else:
            mask = (story[:, None, :, None] == story[:, None, None, :]) & self.causal
        return ids, targets, mask, where


# --- optimiser ---------------------------------------------------------------

def orthogonalise(g, steps=5):
    """Newton-Schulz iteration of Muon over a stack of matrices [N, R, C]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.to(torch.bfloat16 if g.is_cuda else torch.float32)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        y = x @ x.mT
        x = a * x + (b * y + c * (y @ y)) @ x
    return x.float()


class Muon:
    """Momentum whose update is orthogonalised, for the matrices of the blocks
    (Jordan et al., 2024); scaled to the size of an AdamW update so that both
    share one learning rate. Matrices of one shape go through together."""

    def __init__(self, params, momentum=0.95):
        self.groups, self.momentum = {}, momentum
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.buffers = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr, decay):
        for shape, params in self.groups.items():
            g = torch.stack([p.grad for p in params]).float()
            m = self.buffers[shape].lerp_(g, 1 - self.momentum)
            g = g.lerp(m, self.momentum)
            wide = shape[0] <= shape[1]
            u = orthogonalise(g if wide else g.mT)
            u = (u if wide else u.mT) * (0.2 * max(shape) ** 0.5)
            torch._foreach_mul_(params, 1 - lr * decay)
            torch._foreach_add_(params, list(u.unbind(0)), alpha=-lr)


# --- losses ------------------------------------------------------------------

def token_losses(logits, targets):
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD_TARGET, reduction="sum")


def distil_losses(logits, targets, soft, pieces):
    """Cross-entropy to the data and to the teachers' mean distribution, of
    which the likeliest pieces were kept."""
    logp = F.log_softmax(logits.float(), dim=-1)
    keep = targets != PAD_TARGET
    hard = F.nll_loss(logp.flatten(0, 1), targets.flatten(), ignore_index=PAD_TARGET, reduction="sum")
    kd = -((soft * logp.gather(-1, pieces.long())).sum(-1) * keep).sum()
    return hard, kd


@torch.no_grad()
def ask_teachers(teachers, batches, rows, keep, autocast):
    """The teachers' mean distribution at every training position, once: a story
    sees only itself, so the answers do not depend on how rows are packed."""
    count = len(batches.stories.ids)
    soft = torch.zeros(count, keep, dtype=torch.float16, device=batches.device)
    small = torch.int16 if teachers[0].shape["vocab"] <= 2**15 else torch.int32
    pieces = torch.zeros(count, keep, dtype=small, device=batches.device)
    for ids, targets, mask, where in batches.epoch(rows, None):
        with autocast():
            mean = sum(F.softmax(t.logits(t.hidden(ids, mask)).float(), -1) for t in teachers)
        top, index = mean.topk(keep, dim=-1)
        some = targets != PAD_TARGET
        at = where[some].long()
        soft[at] = (top / top.sum(-1, keepdim=True))[some].half()
        pieces[at] = index[some].to(small)
    return soft, pieces


@torch.no_grad()
def evaluate(model, batches, rows, autocast):
    """Mean loss per predicted token of the held-out stories."""
    model.eval()
    total, count = 0.0, 0
    for ids, targets, mask, _ in batches.epoch(rows, None):
        with autocast():
            logits = model.logits(model.hidden(ids, mask))
        total += token_losses(logits, targets).item()
        count += (targets != PAD_TARGET).sum().item()
    model.train()
    return total / count, count


# --- one run -----------------------------------------------------------------

def run(args):
    started = time.time()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    device = torch.device(args.device)
    torch.set_float32_matmul_precision("high")

    def autocast():
        return torch.autocast(device.type, dtype=torch.bfloat16)

    try:
        arrays = np.load(args.prepared / "tokens.npz")
    except FileNotFoundError:
        sys.exit(f"train.py: {args.prepared}/tokens.npz is missing: run prepare.py first")
    import sentencepiece
    tokenizer = args.prepared / "tokenizer.model"
    vocab = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).vocab_size()
    shape = {"vocab": vocab, "hidden": args.hidden, "layers": args.layers, "heads": args.heads,
             "kv_heads": args.kv_heads, "ffn": args.ffn, "context": args.context}

    train = Batches(Stories(arrays, "train", device), args.context, device)
    fairy = Batches(Stories(arrays, "fairy", device), args.context, device)
    val = Batches(Stories(arrays, "val", device), args.context, device)
    val_bytes = int(arrays["val_bytes"])

    model = Llama(shape, args.dropout).to(device)
    teachers = [load_hf(t).to(device).eval() for t in args.teacher]
    for teacher in teachers:
        teacher.requires_grad_(False)
        if teacher.shape["vocab"] != vocab:
            sys.exit("train.py: a teacher has another vocabulary")
    token_loss, distil_loss = token_losses, distil_losses
    if args.compile:
        # Block by block: the layers share one compilation (seconds, not a minute).
        torch._dynamo.config.cache_size_limit = 64
        torch._dynamo.config.automatic_dynamic_shapes = False
        model.compile_blocks()
        for teacher in teachers:
            teacher.compile_blocks()
        token_loss, distil_loss = torch.compile(token_losses), torch.compile(distil_losses)

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n != "embed.weight"]
    rest = [p for p in model.parameters() if p.ndim == 1]
    # The embedding decays less than the matrices: rare pieces get few updates.
    groups = [{"params": [model.embed.weight], "weight_decay": args.embed_decay},
              {"params": rest, "weight_decay": 0.0}]
    muon = None
    if args.optimizer == "muon":
        muon = Muon(matrices)
    else:
        groups.append({"params": matrices, "weight_decay": args.weight_decay})
    adam = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), eps=1e-8, fused=device.type == "cuda")

    steps_per_epoch = int(arrays["train_offsets"][-1] / args.context * 1.02) // args.rows
    total = args.steps or int(steps_per_epoch * args.epochs)
    every = max(1, int(steps_per_epoch * args.eval_every))

    def stream():
        """Batches without end: tales mixed in until --fairy-until of the run."""
        while True:
            tales = fairy.epoch(args.rows, rng) if args.fairy > 0 else None
            for batch in train.epoch(args.rows, rng):
                yield batch, True
                # An odd batch of tales now and then, with the wished frequency.
                while tales and progress < args.fairy_until and rng.random() < args.fairy:
                    tale = next(tales, None)
                    if tale is None:
                        tales = fairy.epoch(args.rows, rng)
                        continue
                    yield tale, False

    if teachers:
        soft, pieces = ask_teachers(teachers, train, args.rows, args.teacher_pieces, autocast)
        print(f"{args.out.name}: asked {len(teachers)} teachers, {time.time() - started:.0f} s", flush=True)
        del teachers

    progress, step, log = 0.0, 0, []
    best, best_state, since_best = math.inf, None, 0
    running, seen, clock = 0.0, 0, time.time()
    source = stream()
    print(f"{args.out.name}: {model.parameter_count():,} parameters, {total} steps of {args.rows * args.context} tokens",
          flush=True)
    while True:
        elapsed = (time.time() - started) / 60
        # A run that is slower than planned still ends its schedule in time.
        progress = max(step / total, elapsed / args.minutes if args.minutes else 0.0)
        done = progress >= 1
        if step and (step % every == 0 or done):
            loss, count = evaluate(model, val, args.rows, autocast)
            bits = loss * count / math.log(2) / val_bytes
            trained = (running / seen).item() if seen else math.nan
            log.append({"step": step, "train": trained, "val": loss, "bits_per_byte": bits, "minutes": elapsed})
            rate = step * args.rows * args.context / max(1e-9, time.time() - clock)
            print(f"{args.out.name}: step {step} {100 * progress:.0f}% train {trained:.4f} held-out {loss:.4f} "
                  f"({bits:.4f} bits/byte) {rate / 1e6:.2f} M tok/s", flush=True)
            running, seen = 0.0, 0
            if loss < best:
                best, since_best = loss, 0
                best_state = {k: v.detach().clone() for k, v in model.state_dict().items()}
            else:
                since_best += 1
                if args.patience and since_best >= args.patience:
                    print(f"{args.out.name}: stopped early", flush=True)
                    break
        if done:
            break
        warm = min(1.0, (step + 1) / args.warmup)
        # Cosine to zero: the last steps average out what single stories taught.
        lr = args.lr * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        (ids, targets, mask, where), story_batch = next(source)
        with autocast():
            logits = model.logits(model.hidden(ids, mask))
        tokens = (targets != PAD_TARGET).sum()
        if args.teacher and story_batch:
            hard, kd = distil_loss(logits, targets, soft[where].float(), pieces[where])
            total_loss = (1 - args.distil) * hard + args.distil * kd
        else:
            hard = total_loss = token_loss(logits, targets)
        (total_loss / tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in adam.param_groups:
            group["lr"] = lr
        adam.step()
        if muon:
            muon.step(lr, args.weight_decay)
        model.zero_grad(set_to_none=True)
        if story_batch:  # the loss on tales is another quantity
            running, seen = running + hard.detach(), seen + tokens
        step += 1

    model.load_state_dict(best_state)
    # The loss that counts is that of the weights as stored.
    for p in model.parameters():
        p.data = p.data.to(torch.bfloat16).float()
    stored, count = evaluate(model, val, args.rows, autocast)
    save_hf(model, args.out, tokenizer)
    result = {"name": args.out.name, "parameters": model.parameter_count(), "held_out": stored,
              "bits_per_byte": stored * count / math.log(2) / val_bytes, "steps": step,
              "minutes": (time.time() - started) / 60, "last_train": log[-1]["train"],
              "flags": sys.argv[1:], "log": log}
    (args.out / "log.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{args.out.name}: held-out loss {stored:.4f} as bf16, perplexity {math.exp(stored):.2f}, "
          f"{result['bits_per_byte']:.4f} bits/byte, {result['minutes']:.1f} min", flush=True)


def sweep(args):
    """Runs side by side on one device: small models leave it idle in between."""
    try:
        runs = json.loads(args.sweep.read_text())
    except (OSError, json.JSONDecodeError) as error:
        sys.exit(f"train.py: cannot read {args.sweep}: {error}")
    args.out.mkdir(parents=True, exist_ok=True)

    def one(name):
        command = [sys.executable, __file__, "--out", str(args.out / name), *map(str, runs[name])]
        with open(args.out / f"{name}.log", "w") as log:
            return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        codes = dict(zip(runs, pool.map(one, runs)))
    table(args.out, codes)
    if any(codes.values()):
        sys.exit(1)


def table(folder, codes):
    print(f"{'run':<24}{'params':>11}{'held-out':>10}{'bits/byte':>11}{'train':>8}{'steps':>7}{'min':>6}")
    for name, code in codes.items():
        if code:
            tail = (folder / f"{name}.log").read_text().strip().splitlines()[-1:]
            print(f"{name:<24} failed ({code}): {' '.join(tail)[:120]}")
            continue
        r = json.loads((folder / name / "log.json").read_text())
        print(f"{name:<24}{r['parameters']:>11,}{r['held_out']:>10.4f}{r['bits_per_byte']:>11.4f}"
              f"{r['last_train']:>8.3f}{r['steps']:>7}{r['minutes']:>6.1f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--prepared", type=pathlib.Path, help="folder written by prepare.py")
    p.add_argument("--out", type=pathlib.Path, required=True, help="folder to write")
    p.add_argument("--sweep", type=pathlib.Path, help="JSON file of runs; only --out and --jobs apply beside it")
    p.add_argument("--jobs", type=int, default=2, help="runs of a sweep at a time (default 2)")
    g = p.add_argument_group("model")
    g.add_argument("--hidden", type=int, default=320)
    g.add_argument("--layers", type=int, default=7)
    g.add_argument("--heads", type=int, default=10)
    g.add_argument("--kv-heads", type=int, default=5)
    g.add_argument("--ffn", type=int, default=864)
    g.add_argument("--context", type=int, default=512, help="at most the --context of prepare.py")
    g = p.add_argument_group("training")
    g.add_argument("--epochs", type=float, default=20)
    g.add_argument("--steps", type=int, help="instead of --epochs")
    g.add_argument("--minutes", type=float, help="finish the schedule within this time")
    g.add_argument("--rows", type=int, default=48, help="rows of --context tokens in a batch")
    g.add_argument("--lr", type=float, default=2e-3)
    g.add_argument("--warmup", type=int, default=100, help="steps")
    g.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    g.add_argument("--weight-decay", type=float, default=0.3)
    g.add_argument("--embed-decay", type=float, default=0.1)
    g.add_argument("--dropout", type=float, default=0.1, help="on embeddings and residual branches")
    g.add_argument("--fairy", type=float, default=0.0, help="chance of a batch of fairy tales after each batch of stories")
    g.add_argument("--fairy-until", type=float, default=0.5, help="part of the run that sees tales")
    g.add_argument("--teacher", type=pathlib.Path, action="append", default=[], help="model folder; repeatable")
    g.add_argument("--teacher-pieces", type=int, default=64, help="likeliest pieces kept of the teachers (default 64)")
    g.add_argument("--distil", type=float, default=0.7, help="weight of the soft targets (with --teacher)")
    g.add_argument("--eval-every", type=float, default=1.0, help="epochs between evaluations")
    g.add_argument("--patience", type=int, default=0, help="evaluations without gain before stopping (0: never)")
    g.add_argument("--seed", type=int, default=0)
    g.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    g.add_argument("--no-compile", dest="compile", action="store_false", help="do not use torch.compile")
    args = p.parse_args()
    if args.sweep:
        sweep(args)
        return
    if not args.prepared:
        p.error("--prepared is needed")
    if args.hidden % args.heads or args.heads % args.kv_heads or args.hidden // args.heads % 2:
        p.error("--hidden must be a multiple of --heads, --heads of --kv-heads, and the head size even")
    run(args)


if __name__ == "__main__":
    main()
