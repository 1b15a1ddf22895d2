#!/usr/bin/env python3
"""Trains small tokenizers of every kind with the libraries that made the real ones, and writes their files, and the ids
and texts that these libraries give on the texts of corpus.py. Tests compare ours with them.

Usage: python3 test/tokenizers/make_goldens.py [PART...]   (needs: pip install tokenizers sentencepiece tiktoken)

PART is `tokenizers`, `pre` or `decode`; without one all are made. The last two use the tokenizers that are there.

Each folder has the tokenizer's file and goldens.json: for each text of corpus.json the ids; `special`: the ids where
special tokens are tokens, for texts in which that differs; `decoded`: the text of the ids, where it is another one.
decode.json has random ids and their text, in which bytes are no characters.
"""
import base64
import json
import pathlib
import random
import struct
import sys

import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import corpus

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CASES = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s|" \
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s|" \
        r"%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Letters with upper and lower case.
DEEPSEEK_LETTERS = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ"
    "-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK"
    "-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-"
    "𐳲𑢠-𑣟𞤀-𞥃")
# GGUF's names, and how the models that they are for find words.
PRE = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "smollm": [r"\p{N}", GPT2],
    "stablelm2": [QWEN2],
    "tekken": [CASES % ("", "", r"\p{N}")],
    "gpt-4o": [CASES % (CONTRACTIONS + "?", CONTRACTIONS + "?", r"\p{N}{1,3}")],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
                    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"""
                    r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}+")],
    "seed-coder": [QWEN2.replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+")],
    "ufakzeka": [QWEN2.removeprefix(CONTRACTIONS + "|")],
    "glm4": [LLAMA3],
    "deepseek-llm": [r"[\r\n]", r"\s?[" + DEEPSEEK_LETTERS + "]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$",
                     "[一-龥ࠀ-一가-퟿]+", r"\p{N}+"],
    "bloom": [" ?[^(\\s|.,!?…。，、।۔،)]+"],
}

FLAGGED = [AddedToken("<left>", lstrip=True, normalized=False, special=True),
           AddedToken("<right>", rstrip=True, normalized=False, special=False),
           AddedToken("<both>", lstrip=True, rstrip=True, normalized=False, special=False),
           AddedToken("wizard", single_word=True, normalized=False, special=False),
           AddedToken("HEADING", normalized=False, special=False),
           AddedToken("héllo wörld", normalized=True, special=False)]


def special(*names):
    return [AddedToken(name, normalized=False, special=True) for name in names]


def training_texts(prose_times=1, texts_times=3):
    """Some English from the repository, and the texts themselves so that other scripts get merges too."""
    prose = (ROOT / "docs" / "architecture.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    short = [text for text in corpus.TEXTS if len(text) < 200 and text not in corpus.SPECIAL]
    return prose_times * [line for line in prose.splitlines() if line] + texts_times * short


def split(regex):
    return pre_tokenizers.Split(Regex(regex), "isolated")


def byte_level(regexes, size, normalizer=None, first=None, **model):
    """A byte-level BPE. `first`: a step in front of the regular expressions."""
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    steps = ([first] if first else []) + [split(regex) for regex in regexes]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not regexes)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, last]) if steps else last
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def gpt2():
    tokenizer = byte_level([], 600)
    tokenizer.add_tokens(special("<|endoftext|>") + FLAGGED)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def llama3():
    tokenizer = byte_level([LLAMA3], 700)
    # Pieces that merges do not reach, as Llama 3 has some: ignore_merges finds them.
    state = json.loads(tokenizer.to_str())
    merges = state["model"]["merges"]
    state["model"]["merges"] = [merge for i, merge in enumerate(merges) if i % 9 != 4]
    state["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens(special("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                 "<|eot_id|>", "<|python_tag|>"))
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing("<|begin_of_text|> $A", None, [("<|begin_of_text|>", bos)])])
    return tokenizer


def qwen2():
    tokenizer = byte_level([QWEN2], 600, normalizers.NFC())
    tokenizer.add_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    return tokenizer


def smollm():
    tokenizer = byte_level([], 600, first=pre_tokenizers.Digits(individual_digits=True))
    tokenizer.add_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    return tokenizer


def byte_fallback(normalizer, pre_tokenizer, size=700):
    """Pieces are characters, with bytes for those that have none. Trained on words, used on the whole text."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained.train_from_iterator(training_texts(), trainers.BpeTrainer(vocab_size=size, show_progress=False,
                                                                      limit_alphabet=160, special_tokens=names))
    model = json.loads(trained.to_str())["model"]
    tokenizer = Tokenizer(models.BPE(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]],
                                     unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_tokens(special("<unk>", "<s>", "</s>"))
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 1)])
    return tokenizer


def llama2():
    return byte_fallback(normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None)


def mistral():
    tokenizer = byte_fallback(normalizers.NFKC(), pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    tokenizer.add_tokens(special("[INST]", "[/INST]") + FLAGGED)
    return tokenizer


def metaspace():
    """Without byte fallback: unknown characters are <unk>, and are not joined."""
    tokenizer = byte_fallback(normalizers.Strip(), pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Digits(individual_digits=False),
         pre_tokenizers.Split("!", "merged_with_previous"), pre_tokenizers.Split(Regex("[(<]"), "merged_with_next"),
         pre_tokenizers.Split(Regex("[^,]+"), "removed", invert=True),
         pre_tokenizers.Split(Regex("[.]"), "contiguous")]))
    state = json.loads(tokenizer.to_str())
    state["model"].update(byte_fallback=False, fuse_unk=False)
    state["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return Tokenizer.from_str(json.dumps(state))


def hugging_face_goldens(tokenizer, lossless=True):
    goldens = []
    drop = {tokenizer.token_to_id(name) for name in ("<s>", "</s>", "<|begin_of_text|>", "<|end_of_text|>",
                                                     "<|endoftext|>")}
    # Metaspace's own decoder drops all spaces of the first piece; this one drops the space that was put there.
    decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    if type(tokenizer.decoder).__name__ != "Metaspace":
        decoder = tokenizer.decoder
    for text in corpus.TEXTS:
        tokenizer.encode_special_tokens = True
        golden = {"ids": tokenizer.encode(text, add_special_tokens=False).ids}
        tokenizer.encode_special_tokens = False
        with_special = tokenizer.encode(text, add_special_tokens=False).ids
        if with_special != golden["ids"]:
            golden["special"] = with_special
        decoded = decoder.decode([tokenizer.id_to_token(i) for i in golden["ids"] if i not in drop])
        if decoded != text:
            golden["decoded"] = decoded
        goldens.append(golden)
    return goldens


def write(name, goldens, **more):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) for golden in goldens)
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in more.items())
    (folder / "goldens.json").write_text("{" + head + '"goldens": [\n' + lines + "\n]}\n")


def write_hugging_face(name, tokenizer):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    # Compact, with a piece a line, so that differences can be read.
    state = json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(state, ensure_ascii=False, indent=0) + "\n")
    start = tokenizer.encode("x").ids[:-1]
    write(name, hugging_face_goldens(tokenizer), before=start if len(start) == 1 else [])


def sentence_piece(name, **options):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    lines = [line for text in training_texts(4, 1) for line in text.replace("\0", " ").splitlines() if line.strip()]
    (folder / "lines.txt").write_text("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "lines.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=700, byte_fallback=True,
        character_coverage=0.985, minloglevel=2, num_threads=1, **options)
    (folder / "lines.txt").unlink()
    (folder / "tokenizer.vocab").unlink()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    goldens = []
    for text in corpus.TEXTS:
        golden = {"ids": processor.encode(text)}
        decoded = processor.decode(golden["ids"])
        if decoded != text:
            golden["decoded"] = decoded
        goldens.append(golden)
    write(name, goldens)
    return processor


def write_llama2c(processor):
    """As llama2.c's tokenizer.py writes it."""
    pieces = []
    for i in range(processor.vocab_size()):
        piece = processor.id_to_piece(i)
        if i == processor.bos_id():
            piece = "\n<s>\n"
        elif i == processor.eos_id():
            piece = "\n</s>\n"
        pieces.append((processor.get_score(i), piece.replace("▁", " ").encode()))
    data = struct.pack("<I", max(len(piece) for _, piece in pieces))
    for score, piece in pieces:
        data += struct.pack("<fI", score, len(piece)) + piece
    (HERE / "sp_bpe" / "tokenizer.bin").write_bytes(data)


def byte_of():
    """GPT-2's alphabet: character to byte."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


def ranks():
    """tiktoken's format, as Llama 3 has it: 256 special tokens behind the ranks."""
    vocab = byte_level([LLAMA3], 600).get_vocab()
    alphabet = byte_of()
    tokens = [bytes(alphabet[c] for c in piece) for piece, _ in sorted(vocab.items(), key=lambda item: item[1])]
    folder = HERE / "ranks"
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.model").write_text(
        "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)))
    named = {0: "begin_of_text", 1: "end_of_text", 4: "finetune_right_pad_id", 6: "start_header_id",
             7: "end_header_id", 8: "eom_id", 9: "eot_id", 10: "python_tag"}
    names = [named.get(i) for i in range(256)]
    free = iter(range(256))
    names = [f"<|{name or 'reserved_special_token_' + str(next(free))}|>" for name in names]
    encoding = tiktoken.Encoding("small", pat_str=LLAMA3, mergeable_ranks={t: i for i, t in enumerate(tokens)},
                                 special_tokens={name: len(tokens) + i for i, name in enumerate(names)})
    goldens = []
    for text in corpus.TEXTS:
        golden = {"ids": encoding.encode(text, disallowed_special=())}
        with_special = encoding.encode(text, allowed_special="all")
        if with_special != golden["ids"]:
            golden["special"] = with_special
        assert encoding.decode(golden["ids"]) == text
        goldens.append(golden)
    write("ranks", goldens, before=[len(tokens)])


def pre_kinds():
    """Each way to find words, on one vocabulary: that of gpt2."""
    base = json.loads((HERE / "gpt2" / "tokenizer.json").read_text())
    kinds = {}
    for name, regexes in PRE.items():
        tokenizer = Tokenizer(models.BPE(vocab=base["model"]["vocab"],
                                         merges=[tuple(merge) for merge in base["model"]["merges"]],
                                         ignore_merges=name in ("llama-bpe", "tekken", "glm4", "minicpm5")))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [*(split(regex) for regex in regexes), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        # Every third text, which is enough to tell one from the other.
        kinds[name] = [tokenizer.encode(text).ids if i % 3 == 0 else None for i, text in enumerate(corpus.TEXTS)]
    lines = ",\n".join(f"{json.dumps(name)}: " + json.dumps(ids, separators=(",", ":")) for name, ids in kinds.items())
    (HERE / "gpt2" / "pre.json").write_text("{\n" + lines + "\n}\n")


def decode_goldens():
    """Random ids of byte-level tokenizers: texts that are cut off anywhere in a character, and more. Those with byte
    fallback follow SentencePiece instead (test/runtime/tokenizer-goldens.py): Hugging Face's make no character at all of
    neighbouring bytes of which one is wrong."""
    for name in ("gpt2", "llama3"):
        tokenizer = Tokenizer.from_file(str(HERE / name / "tokenizer.json"))
        generator = random.Random(7)
        # Pieces of single bytes are what breaks characters.
        single = [i for i in range(tokenizer.get_vocab_size()) if len(tokenizer.id_to_token(i)) == 1]
        goldens = []
        for _ in range(200):
            ids = [generator.choice(single) if generator.random() < 0.8 else generator.randrange(5, tokenizer.get_vocab_size())
                   for _ in range(generator.randrange(1, 8))]
            goldens.append({"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        # Two characters, each cut off behind each of its bytes.
        for text in ("é€", "👍a", "€€", "👍🏽"):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            goldens += [{"ids": ids[:end], "decoded": tokenizer.decode(ids[:end])} for end in range(1, len(ids) + 1)]
        lines = ",\n".join(json.dumps(golden, separators=(",", ":")) for golden in goldens)
        (HERE / name / "decode.json").write_text("[\n" + lines + "\n]\n")


def tokenizers():
    texts = [{"text": text} for text in corpus.TEXTS]
    texts += [{"hex": data.hex(), "wrong": place} for data, place in corpus.INVALID]
    (HERE / "corpus.json").write_text("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]\n")
    for make in (gpt2, llama3, qwen2, smollm, llama2, mistral, metaspace):
        write_hugging_face(make.__name__, make())
    write_llama2c(sentence_piece("sp_bpe", model_type="bpe", normalization_rule_name="identity",
                                 remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True))
    sentence_piece("sp_unigram", model_type="unigram", normalization_rule_name="nmt_nfkc")
    ranks()


def main():
    parts = {"tokenizers": tokenizers, "pre": pre_kinds, "decode": decode_goldens}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
