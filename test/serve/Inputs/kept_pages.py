"""Servers one after the other, on one folder of pages: kept_pages.py FOLDER"""

import os
import sys

from server import Server

folder = sys.argv[1]
pages = f"{folder}/pages"
prompt = "Once upon a time, there was a little girl who loved to play in the park with her friends. " * 2


def ask(server):
    answer = server.post("/v1/completions", {"prompt": prompt, "max_tokens": 8, "temperature": 0}).json
    details = answer["usage"].get("prompt_tokens_details") or {}
    return answer["choices"][0]["text"], details.get("cached_tokens", 0), answer["usage"]["prompt_tokens"]


def serve(plan):
    with Server(f"{folder}/{plan}.qplan", "--kv-cache-dir", pages) as server:
        return ask(server), server.get("/metrics").body.decode()


def files():
    return sorted(os.path.join(at, name) for at, _, names in os.walk(pages) for name in names)


(text, cached, tokens), _ = serve("model")
assert cached == 0 and files(), cached
(again, cached, _), metrics = serve("model")
assert again == text, (again, text)
assert tokens / 2 < cached < tokens, (cached, tokens)
assert "quipu:stored_pages_read_total" in metrics, metrics
# Pages of another plan are others.
assert serve("other")[0][1] == 0
# Every file is damaged in its content: all is computed again.
for name in files():
    with open(name, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
(again, cached, _), _ = serve("model")
assert again == text and cached == 0, (again, cached)
assert os.stat(os.path.dirname(files()[0])).st_mode & 0o077 == 0
print("kept pages are right")
