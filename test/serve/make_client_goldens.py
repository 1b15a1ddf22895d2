#!/usr/bin/env python3
"""Writes how likely texts are by Hugging Face transformers, for clients.test: make_client_goldens.py MODEL FILE.json

MODEL is a folder of Hugging Face or a GGUF file, whose weights are made dense. All is computed in f64: in f32 the sums of long texts
would have a rounding error of their own, half as large as the test allows. Needs torch, transformers, accelerate, gguf,
sentencepiece and protobuf (written with transformers 5.24). The tests do not run it.
"""

import json
import pathlib
import sys

import torch
import transformers

# Contexts, ways to go on, and the number of the one that is right.
CHOICES = [
    ("Once upon a", [" time", " spoon", " and"], 0),
    ("The dog likes to", [" the", " play", " was"], 1),
    ("Lily was very", [" happy", " house", " she"], 0),
    ("The sun is in the", [" sky", " sad", " ran"], 0),
    ("Mom said to be", [" careful", " a tree", " blue the"], 0),
    ("They played in the", [" park until it was dark.", " said and of the the.", " of."], 0),
    ("He was so sad that he", [" tree for the.", " cried all day long.", " the"], 1),
    ("One day a little bird fell out of its nest. It was too small to", [" fly, so a girl took it home.", " car and blue yesterday.",
     " sleep the big door under."], 0),
    ("Tom had a red ball. He gave the ball to Sue. Now the ball is with", [" Tom.", " Sue.", " the rain."], 1),
    ("Question: What do you use to open a locked door?\nAnswer:", [" a cloud", " a key", " a potato", " a song"], 1),
]
TEXTS = [
    "Once upon a time there was a little girl named Lily. She loved to play outside in the park.",
    "It was raining. \"We can not go out,\" said Mom, \"but we can bake a cake!\" Tom smiled and clapped his hands. They mixed "
    "eggs, milk and flour in a big bowl. When the cake was done, the rain had stopped, and the two went out to share it with "
    "their friends.",
]
GENERATIONS = ["Once upon a time", "The little girl", "One day, a boy", "The sun was hot, and the dog"]
MESSAGES = [{"role": "user", "content": "What is the capital of France, and what is it known for?"}]
NEW_TOKENS = 24
# A choice between two tokens that are nearer to each other may come out otherwise by rounding alone.
SMALLEST_GAP = 1e-3


class Reference:
    def __init__(self, path):
        is_file = path.is_file()
        place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name} if is_file else \
            {"pretrained_model_name_or_path": path}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float64).eval()

    def ids(self, text):
        return self.tokenizer(text)["input_ids"]

    def log_probs(self, ids):
        """Of each id but the first."""
        with torch.no_grad():
            rows = torch.log_softmax(self.model(torch.tensor([ids])).logits[0], -1)
        return [round(rows[i, id].item(), 7) for i, id in enumerate(ids[1:])]

    def choice(self, context, choices, answer):
        start = len(self.ids(context))
        whole = [self.ids(context + each) for each in choices]
        sums = [round(sum(self.log_probs(ids)[start - 1:]), 7) for ids in whole]
        return {"context": context, "choices": choices, "answer": answer, "ids": whole, "log_likelihoods": sums}

    def text(self, text):
        """As the server computes it with `echo`, and as a text behind the token that lm_eval puts in front."""
        ids = self.ids(text)
        begin = self.tokenizer.bos_token_id
        behind = ids if ids[0] == begin else [begin] + ids
        return {"text": text, "ids": ids, "log_probs": self.log_probs(ids), "rolling": round(sum(self.log_probs(behind)), 7)}

    def likeliest(self, ids):
        """The text of the likeliest tokens behind these."""
        begin = self.tokenizer.decode(ids, skip_special_tokens=True)
        for _ in range(NEW_TOKENS):
            with torch.no_grad():
                best = self.model(torch.tensor([ids])).logits[0, -1].topk(2)
            assert best.values[0] - best.values[1] > SMALLEST_GAP, ids
            ids = ids + [best.indices[0].item()]
            if ids[-1] == self.tokenizer.eos_token_id:
                break
        return self.tokenizer.decode(ids, skip_special_tokens=True)[len(begin):]

    def generation(self, context):
        """Up to a full stop, which is left out."""
        return {"context": context, "text": self.likeliest(self.ids(context)).split(".")[0]}

    def conversation(self):
        if not self.tokenizer.chat_template:
            return None
        ids = self.tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, return_dict=True)["input_ids"]
        return {"messages": MESSAGES, "text": self.likeliest(ids)}


def main():
    path, target = map(pathlib.Path, sys.argv[1:])
    reference = Reference(path)
    result = {
        "made_with": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "new_tokens": NEW_TOKENS,
        "choices": [reference.choice(*each) for each in CHOICES],
        "texts": [reference.text(each) for each in TEXTS],
        "generations": [reference.generation(each) for each in GENERATIONS],
        "conversation": reference.conversation(),
    }
    # One line for each item.
    lines = [f'"{key}": ' + ("[\n  " + ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in value) + "\n ]"
                             if isinstance(value, list) else json.dumps(value, ensure_ascii=False)) for key, value in result.items()]
    target.write_text("{\n " + ",\n ".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
