#!/usr/bin/env python3
"""Writes Inputs/smollm2_chat.json: what SmolLM2 in a GGUF file answers by Hugging Face transformers.

    make_smollm2_chat.py MODEL.gguf

Needs torch, transformers, accelerate and gguf (written with transformers 5.24). The text of each conversation is made by
apply_chat_template. The answers are the most likely tokens, computed in f32 with the weights of the file made dense, up to the
end of the turn or NEW_TOKENS.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NEW_TOKENS = 96
CONVERSATIONS = [
    ["What is the capital of France, and what is it known for?", "And what is the capital of Italy?"],
    ["Write a Python function that returns the n-th Fibonacci number."],
    ["Explain in two sentences why the sky is blue."],
    [("system", "You answer in one short sentence."), "Où est né Victor Hugo ?"],
]


def answers(model, tokenizer, conversation):
    """The messages with an answer behind each of the user's, and the ids of each prompt and answer."""
    messages, turns = [], []
    for message in conversation:
        role, content = ("user", message) if isinstance(message, str) else message
        messages.append({"role": role, "content": content})
        if role != "user":
            continue
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        with torch.no_grad():
            output = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                                    do_sample=False, max_new_tokens=NEW_TOKENS, repetition_penalty=1.0)
        ids = output[0, len(prompt):].tolist()
        is_cut = ids[-1] not in (tokenizer.convert_tokens_to_ids("<|im_end|>"), tokenizer.eos_token_id)
        ids = ids if is_cut else ids[:-1]
        text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        messages.append({"role": "assistant", "content": text})
        turns.append({"prompt_ids": prompt, "ids": ids, "finish_reason": "length" if is_cut else "stop"})
    return {"messages": messages, "turns": turns}


def main():
    path = pathlib.Path(sys.argv[1])
    place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).eval()
    result = {"new_tokens": NEW_TOKENS, "conversations": [answers(model, tokenizer, each) for each in CONVERSATIONS]}
    target = pathlib.Path(__file__).parent / "Inputs" / "smollm2_chat.json"
    target.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
