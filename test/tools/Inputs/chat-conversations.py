"""chat-conversations.py FOLDER: conversations for chat-render.test, the text that Llama 3's template makes of them, and bad templates."""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
head = "<|start_header_id|>%s<|end_header_id|>\n\n"


def write(name, value):
    (folder / name).write_text(json.dumps(value))


said = "Hi <|eot_id|> é"
write("prompt.json", {"messages": [{"role": "user", "content": said}], "add_generation_prompt": True})
(folder / "prompt.expected").write_text("<|begin_of_text|>" + head % "user" + said + "<|eot_id|>" + head % "assistant")
write("list.json", [{"role": "system", "content": " s\n"}, {"role": "user", "content": "東京"}, {"role": "assistant", "content": "x"}])
(folder / "list.expected").write_text("<|begin_of_text|>" + head % "system" + "s<|eot_id|>" + head % "user" + "東京<|eot_id|>" + head % "assistant" + "x<|eot_id|>")
hi = [{"role": "user", "content": "Hi"}]
write("inline.json", {"messages": hi, "template": "{% for m in messages %}{{ m.role }} says {{ m.content }}.{% endfor %}"})
write("named.json", {"messages": hi, "template": "llama2"})
(folder / "bad.jinja").write_text("{%- for m in messages %}\n{{ m.content | nosuch }}\n{%- endfor %}")
(folder / "endless.jinja").write_text("x\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
