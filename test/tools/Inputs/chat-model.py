#!/usr/bin/env python3
"""Writes a small model with random weights that has a tokenizer and a chat template (ChatML) into a folder.

    chat-model.py FOLDER TOKENIZER.json CONTEXT [EOS]
"""
import json
import pathlib
import subprocess
import sys

folder, tokenizer, context = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
data = json.loads(tokenizer.read_text())
vocab = 1 + max([*data["model"]["vocab"].values(), *(token["id"] for token in data["added_tokens"])])
writer = pathlib.Path(__file__).with_name("tokenizer-model.py")
subprocess.run([sys.executable, writer, folder, str(vocab), tokenizer], check=True)
config = json.loads((folder / "config.json").read_text())
config["max_position_embeddings"] = context
(folder / "config.json").write_text(json.dumps(config))
template = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
settings = {"chat_template": template, "model_max_length": context, "eos_token": sys.argv[4] if len(sys.argv) > 4 else None}
(folder / "tokenizer_config.json").write_text(json.dumps(settings))
