#!/usr/bin/env python3
"""Clean the story text, train the SentencePiece vocabulary, write token arrays.

Reads `tinystories.txt.xz` and `fairytales.txt.xz` (stories apart by a line
`<|endoftext|>`) from the folder given by --data and writes to --out:

    tokenizer.model   SentencePiece BPE with byte fallback
    tokens.npz        uint16 ids and int64 story offsets: train, val, fairy
    report.txt        what each cleaning rule did

Needs numpy and sentencepiece; runs on a CPU in about two minutes.
"""

import argparse
import collections
import io
import lzma
import pathlib
import re
import sys

import numpy as np
import sentencepiece as spm

SEPARATOR = "<|endoftext|>"
VAL_FRACTION = 0.02
BOS, EOS = 1, 2

# A story that opens with one of these was cut out of the middle of another
# one: the corpus was partly joined without separators and split by rule.
FRAGMENT_START = re.compile(
    r"(?:[a-z\"'(]"
    r"|(?:But|So|Then|And|He|She|They|It|Her|His|Their|Unfortunately|Suddenly"
    r"|Finally|Eventually|After that|Later|Soon|From that|When she|When he"
    r"|When they|As (?:she|he|they)|The end|Moral)\b(?! (?:was|were) (?:a|an|once|two|three)\b)"
    r"|\w+: )")
# A paragraph that opens like this starts a new story.
STORY_START = re.compile(r"\n(?=Once upon a time\b|Once there (?:was|were|lived)\b)")
THE_END = re.compile(r"(?<=[.!?\"])\s+The end[.!]?(?=\s|$)", re.IGNORECASE)
# Markup, tables and prices: nothing a story needs.
ODD = re.compile(r"[=`$/\\<>{}\[\]*#@^~|_]")
NAMED = re.compile(r"\b(?:named|called|name was|name is) ([a-z]{3,})\b")


def read_stories(path):
    try:
        text = lzma.open(path, "rt", encoding="utf-8").read()
    except FileNotFoundError:
        sys.exit(f"prepare.py: no such file: {path} (give the folder that holds it with --data)")
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        sys.exit(f"prepare.py: cannot read {path}: {error}")
    return [s.strip() for s in text.split(SEPARATOR) if s.strip()]


def tidy_space(text):
    """One newline between paragraphs, one blank between words."""
    text = re.sub(r"[ \t\u00a0]+", " ", text)
    text = re.sub(r" ?\n[ \n]*", "\n", text)
    return text.strip()


def always_capital(stories):
    """Words that stand capitalised inside sentences nearly always: names."""
    upper, lower = collections.Counter(), collections.Counter()
    for story in stories:
        for word in re.findall(r"(?<=[a-z,] )[A-Za-z][a-z]+\b", story):
            (lower if word[0].islower() else upper)[word.lower()] += 1
    return {w for w, n in upper.items() if n >= 20 and n >= 0.97 * (n + lower[w])}


def clean_tiny(stories, log):
    """Yields lists: what is left of each story of the file (none, one or more)."""
    names = always_capital(stories)
    names_re = re.compile(r"(?<=[a-z,\"'] )(" + "|".join(sorted(names)) + r")\b")
    word_count = collections.Counter(
        w for s in stories for w in set(re.findall(r"\b[a-z]{3,}\b", s)))

    for story in stories:
        story = tidy_space(story)
        parts = []
        for part in STORY_START.split(story):
            # Text after "The end." is another story, or a moral pinned on.
            pieces = THE_END.split(part)
            if len(pieces) > 1:
                log["cut at 'The end'"] += 1
                # Keep the words "The end." on a few would only teach noise:
                # the EOS token says the same.
            parts += [p.strip() for p in pieces]
        if len(parts) > 1:
            log["stories of more than one part"] += 1
        kept = []
        for part in parts:
            if len(part.split()) < 50:
                log["dropped: under 50 words"] += bool(part)
            elif FRAGMENT_START.match(part):
                log["dropped: starts in the middle"] += 1
            elif ODD.search(part):
                log["dropped: markup"] += 1
            elif part.count('"') % 2:
                log["dropped: unbalanced quotes"] += 1
            elif part[-1] not in ".!?\"'":
                log["dropped: cut at the end"] += 1
            else:
                part = re.sub(r"\b(Mr|Mrs|Ms)\. And (?=Mrs|Mr|Ms)", r"\1. and ", part)
                part = names_re.sub(lambda m: m.group(1).capitalize(), part)
                # A name of this story alone that lost its capital.
                for name in set(NAMED.findall(part)):
                    if word_count[name] <= 5 and len(re.findall(rf"\b{name}\b", part)) >= 3:
                        part = re.sub(rf"\b{name}\b", name.capitalize(), part)
                        log["names given their capital"] += 1
                kept.append(part)
        yield kept


def clean_fairy(stories, log):
    for story in stories:
        if ",O,X" in story:
            log["fairy: dropped, annotation table"] += 1
            continue
        # The first words are often set in capitals ("ONCE upon a time").
        story = re.sub(r"^((?:[A-Z]{2,} ?)+)(?=[a-z ,])",
                       lambda m: m.group(1).capitalize(), story)
        paragraphs = [p for p in tidy_space(story).split("\n")
                      if not ODD.search(p) and not re.fullmatch(r"[^a-z]*", p)]
        text = "\n".join(paragraphs)
        if len(text.split()) >= 100:
            yield text


def train_tokenizer(texts, vocab_size, path):
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type="bpe",
        vocab_size=vocab_size, byte_fallback=True, add_dummy_prefix=True,
        # Nothing is rewritten on the way in, so decode(encode(x)) == x.
        normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.99995, split_digits=True, max_sentence_length=100000,
        required_chars="".join(chr(c) for c in range(33, 127)),
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        num_threads=2, minloglevel=1)
    path.write_bytes(model.getvalue())
    tokenizer = spm.SentencePieceProcessor(model_proto=model.getvalue())
    for text in texts[:200]:
        if tokenizer.decode(tokenizer.encode(text)) != text:
            sys.exit(f"prepare.py: the tokenizer does not give back its input: {text[:80]!r}")
    return tokenizer


def flatten(docs):
    offsets = np.zeros(len(docs) + 1, dtype=np.int64)
    np.cumsum([len(d) for d in docs], out=offsets[1:])
    ids = np.fromiter((i for d in docs for i in d), dtype=np.uint16, count=offsets[-1])
    return ids, offsets


def chunk_fairy(text, tokenizer, context):
    """Tales are longer than the context: cut at paragraphs (then anywhere).

    Only the first piece gets BOS and only the last one EOS, so that the model
    does not learn to start or stop in the middle of a tale.
    """
    docs, current = [], [BOS]
    for paragraph in text.split("\n"):
        ids = tokenizer.encode(paragraph + "\n")
        while ids:
            if len(current) + len(ids) > context and len(current) > context // 2:
                docs.append(current)
                current = []
            room = context - len(current)
            current, ids = current + ids[:room], ids[room:]
    if len(current) < context:
        current.append(EOS)
    return docs + [current]


def word_runs(text, length):
    words = text.split()
    return {" ".join(words[i:i + length]) for i in range(len(words) - length + 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with the two .xz files")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write (made if missing)")
    parser.add_argument("--vocab-size", type=int, default=4096, help="pieces, a multiple of 64 (default 4096)")
    parser.add_argument("--context", type=int, default=512, help="tokens a story may have (default 512)")
    args = parser.parse_args()
    if args.vocab_size % 64 or not 512 <= args.vocab_size <= 65472:
        parser.error("--vocab-size must be a multiple of 64 from 512 to 65472 (ids are stored in 16 bits)")
    args.out.mkdir(parents=True, exist_ok=True)

    log = collections.Counter()
    tiny = read_stories(args.data / "tinystories.txt.xz")
    fairy = read_stories(args.data / "fairytales.txt.xz")
    # The hold-out is fixed by the file's order, before any rule sees it.
    first_val = len(tiny) - int(len(tiny) * VAL_FRACTION)
    cleaned = list(clean_tiny(tiny, log))
    train = [s for parts in cleaned[:first_val] for s in parts]
    val = [s for parts in cleaned[first_val:] for s in parts]
    fairy = list(clean_fairy(fairy, log))

    # A held-out story that shares a long run with a training story would make
    # the held-out loss look better than it is.
    seen = set()
    for story in train:
        seen |= word_runs(story, 20)
    clean_val = [s for s in val if not word_runs(s, 20) & seen]
    log["held out: dropped, 20 words shared with the training part"] = len(val) - len(clean_val)
    del seen

    tokenizer = train_tokenizer(train, args.vocab_size, args.out / "tokenizer.model")
    arrays = {}
    for name, texts in (("train", train), ("val", clean_val)):
        # A story longer than the context is cut and gets no EOS.
        docs = [([BOS] + ids + [EOS])[:args.context] for ids in tokenizer.encode(texts)]
        log[f"{name}: cut at the context"] = sum(d[-1] != EOS for d in docs)
        arrays[f"{name}_ids"], arrays[f"{name}_offsets"] = flatten(docs)
        log[f"{name}: stories"], log[f"{name}: tokens"] = len(docs), len(arrays[f"{name}_ids"])
        log[f"{name}: words"] = sum(len(t.split()) for t in texts)
        # For bits per byte, which compares vocabularies: bytes that are predicted.
        arrays[f"{name}_bytes"] = np.array(sum(len(tokenizer.decode(d).encode()) for d in docs))
    docs = [d for text in fairy for d in chunk_fairy(text, tokenizer, args.context)]
    arrays["fairy_ids"], arrays["fairy_offsets"] = flatten(docs)
    log["fairy: tales"], log["fairy: pieces"], log["fairy: tokens"] = len(fairy), len(docs), len(arrays["fairy_ids"])
    np.savez(args.out / "tokens.npz", **arrays)

    report = "".join(f"{count:>9}  {rule}\n" for rule, count in log.items())
    (args.out / "report.txt").write_text(report)
    print(report, end="")


if __name__ == "__main__":
    main()
