#!/usr/bin/env python3
"""Writes goldens.json: what transformers' apply_chat_template makes of the conversations below with the templates in
templates/, as text and as ids.

    python3 make_goldens.py            # needs transformers
    python3 make_goldens.py --check    # compares with goldens.json instead, and says what differs

The templates are written anew, in the style of those that models have. Tokenizers are those of test/tokenizers, some with
more tokens. `ids` are transformers': without a BOS that the template does not write. `error`: the template refuses the
conversation. `mask`: which ids are the assistant's, for templates with {% generation %}.
"""

import json
import pathlib
import sys
import tempfile

from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).resolve().parent
TOKENIZERS = {
    "qwen2": {"base": "qwen2", "eos": "<|im_end|>"},
    "smollm": {"base": "smollm", "bos": "<|im_start|>", "eos": "<|im_end|>"},
    "llama2": {"base": "llama2", "bos": "<s>", "eos": "</s>"},
    "llama3": {"base": "llama3", "bos": "<|begin_of_text|>", "eos": "<|eot_id|>"},
    "mistral": {"base": "mistral", "bos": "<s>", "eos": "</s>"},
    "phi3": {"base": "llama2", "bos": "<s>", "eos": "<|endoftext|>", "rstrip": True,
             "added": ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]},
}
# The tokenizer of each template, and the text that ends an assistant's turn (empty: nothing does).
TEMPLATES = {
    "alpaca": ("llama2", "</s>"), "chatml-default-system": ("qwen2", "<|im_end|>"), "chatml-lines": ("smollm", "<|im_end|>"),
    "deepseek": ("llama3", "<|eot_id|>"), "gemma": ("llama3", "<|eot_id|>"), "generation": ("qwen2", "<|im_end|>"),
    "json": ("llama3", ""), "llama2": ("llama2", "</s>"), "llama3": ("llama3", "<|eot_id|>"),
    "llama31": ("llama3", "<|eot_id|>"), "macros": ("smollm", "<|im_end|>"), "mistral": ("mistral", "</s>"),
    "mistral-system": ("mistral", "</s>"), "phi3": ("phi3", "<|end|>"), "phi3-built-tokens": ("phi3", "<|end|>"),
    "thinking": ("qwen2", "<|im_end|>"), "vicuna": ("llama2", "</s>"), "zephyr": ("llama2", "</s>"),
}


def turns(*contents, system=None):
    messages = [{"role": "system", "content": system}] if system is not None else []
    return messages + [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)]


CONVERSATIONS = [
    turns("Hello there"),
    turns("Who are you?", system="Answer in one sentence."),
    turns("Hi", "Hello! How can I help?", "Name three colours.", system="  Be brief. \n"),
    turns("What is 2 + 2?", "It is 4."),
    turns("a", "b", "c", "d", "e", "f", system="s"),
    turns("  Grüße aus 東京 😀\n\n", "\tÇa va?\u00a0", "Ещё раз: ½ × 2 = 1\u2028конец", "שלום", "e\u0301 ǆ İstanbul ß"),
    turns("{{ bos_token }} {% if true %} {# x #}", "it's \"quoted\" <b>&amp;</b> \\n", "\r\nlines\r\n", "\n", "%s %d"),
    turns("", "", "nothing?"),
    turns("Why?", "<think>\nHm, why.\n</think>\n\nBecause.", "Sure?", "<think>yes</think>Sure."),
    [{"role": "system", "content": "one"}, {"role": "system", "content": "two"}, {"role": "user", "content": "x"}],
    [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "Then I."}],
    [{"role": "critic", "content": "not a known role"}],
]


def tokenizer_of(name):
    about = TOKENIZERS[name]
    data = json.loads((HERE.parent / "tokenizers" / about["base"] / "tokenizer.json").read_text())
    first = 1 + max([token["id"] for token in data["added_tokens"]] + list(data["model"]["vocab"].values()))
    for i, content in enumerate(about.get("added", [])):
        data["added_tokens"].append({"id": first + i, "content": content, "single_word": False, "lstrip": False,
                                     "rstrip": about.get("rstrip", False), "normalized": False, "special": True})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(data, file)
        file.flush()
        named = {f"{role}_token": about[role] for role in ("bos", "eos") if role in about}
        return PreTrainedTokenizerFast(tokenizer_file=file.name, clean_up_tokenization_spaces=False, **named)


def cases_of(template, name):
    tokenizer = tokenizer_of(name)
    tokenizer.chat_template = template
    has_mask = "generation" in template.replace("add_generation_prompt", "")
    for number, messages in enumerate(CONVERSATIONS):
        for prompt in (False, True):
            case = {"conversation": number, "prompt": prompt}
            try:
                case["text"] = tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, tokenize=False)
            except Exception as error:  # Templates raise of all kinds.
                yield case | {"error": str(error)}
                continue
            made = tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, return_dict=True,
                                                 return_assistant_tokens_mask=has_mask)
            case["ids"] = made["input_ids"]
            if has_mask:
                case["mask"] = made["assistant_masks"]
            yield case


def make():
    templates = {}
    for path in sorted((HERE / "templates").glob("*.jinja")):
        tokenizer, end = TEMPLATES[path.stem]
        templates[path.stem] = {"tokenizer": tokenizer, "end": end, "cases": list(cases_of(path.read_text(), tokenizer))}
    return {"tokenizers": TOKENIZERS, "conversations": CONVERSATIONS, "templates": templates}


def write(goldens):
    """One case a line."""
    text = json.dumps(goldens | {"templates": {}}, ensure_ascii=False, indent=1)[:-3].rstrip().removesuffix("{").rstrip()
    lines = []
    for name, template in goldens["templates"].items():
        cases = ",\n".join("   " + json.dumps(case, ensure_ascii=False) for case in template["cases"])
        head = json.dumps({key: value for key, value in template.items() if key != "cases"}, ensure_ascii=False)[:-1]
        lines.append(f"  {json.dumps(name)}: {head}, \"cases\": [\n{cases}]}}")
    (HERE / "goldens.json").write_text(text + " {\n" + ",\n".join(lines) + "}}\n")


if __name__ == "__main__":
    made = json.loads(json.dumps(make()))
    if "--check" not in sys.argv:
        write(made)
    if json.loads((HERE / "goldens.json").read_text()) != made:
        sys.exit("goldens.json is not what this transformers makes")
    print(sum(len(template["cases"]) for template in made["templates"].values()), "cases of", len(made["templates"]), "templates")
