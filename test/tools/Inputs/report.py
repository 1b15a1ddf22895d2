"""Checks the page that `quipu inspect --html` wrote: report.py PAGE SOURCE [MOST_BYTES].

SOURCE is the path that the command got. The page must be whole, valid, and ask the network for nothing.
"""

import html.parser
import json
import pathlib
import re
import sys
import zlib
from base64 import b64decode

# Elements whose attributes name other files.
LOADING = {"src", "href", "srcset", "poster", "action", "data", "background", "manifest"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts, self.styles, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not LOADING & {name for name, _ in attributes}, (tag, attributes)
        if tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append("")

    def handle_data(self, text):
        if self.tags[-1:] == ["script"] and self.scripts:
            self.scripts[-1] += text
        elif self.tags[-1:] == ["style"] and self.styles:
            self.styles[-1] += text


def check_data(data, source):
    assert data["source"] == source, (data["source"], source)
    parts = data["graphs"]["parts"]
    names = [phase["name"] for phase in data["graphs"]["phases"]]
    assert names[0] == "import" and names[-1] == "llama-plan-memory", names
    assert {number for phase in data["graphs"]["phases"] for number in phase["parts"]} == set(range(len(parts)))
    for part in parts:
        ops = [op for group in part["groups"] for op in group["ops"]]
        for source_op, result, op, _, _ in part["edges"]:
            assert 0 <= op < len(ops) and -len(part["arguments"]) <= source_op < len(ops), part["name"]
            assert source_op < 0 or result < len(ops[source_op]["types"]), (part["name"], source_op, result)
    last = [parts[number] for number in data["graphs"]["phases"][-1]["parts"]]
    assert any(op.get("kernel") for part in last for group in part["groups"] for op in group["ops"])
    assert any(edge[4] for part in last for edge in part["edges"]), "a layer gets something from the one before"
    decisions = len(data["decisions"])
    kernels = {kernel["name"] for kernel in data["kernels"]}
    for kernel in data["kernels"]:
        assert kernel["decisions"] and all(number < decisions for number in kernel["decisions"]), kernel["name"]
        assert kernel["schedule"] and kernel["ops"] and kernel["configs"], kernel["name"]
    assert all(field["text"] for field in data["fields"])
    assert {cost["name"] for step in data["costs"] for cost in step["kernels"]} <= kernels
    assert data["memory"]["programs"] and data["weights"]
    count = sum(weight["count"] for weight in data["weights"])
    assert count == data["memory"]["weights"]["count"], count
    listings = data["listings"]
    is_cuda = data["target"]["device"] == "cuda"
    # Of a GPU there is always PTX.
    assert set(listings["kernels"]) == kernels or (listings["problem"] and not is_cuda), listings["problem"]
    if is_cuda:
        assert all(kernel["us"] > 0 and kernel["bound"] for step in data["costs"] for kernel in step["kernels"])
    for name, listing in listings["kernels"].items():
        lines = zlib.decompress(b64decode(listing["text"])).decode().splitlines()
        assert len(lines) == listing["shown"] <= listing["lines"] and lines, name
        assert all(re.match(r"\d+\t", line) for line in lines), name
        own = {str(op["line"]) for kernel in data["kernels"] if kernel["name"] == name for op in kernel["ops"]}
        # Code for another GPU than the plan's first has no lines of the planned module.
        if listing["shown"] == listing["lines"] and not (is_cuda and name.startswith("sm_")):
            assert own & {line.split("\t")[0] for line in lines}, (name, "no line of an op")


def main():
    path, source, most = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert text.endswith("</html>\n") and len(page.scripts) == 3, page.tags
    assert not {"img", "link", "iframe", "object", "embed", "base"} & set(page.tags), set(page.tags)
    # Libraries name their homes in comments. What is fetched would stand in one of these.
    own = page.scripts[2]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|WebSocket|import\(|\.innerHTML", own)
    assert not re.search(r"@import|url\(", page.styles[0])
    assert "default-src 'none'" in text
    data = json.loads(page.scripts[0])
    check_data(data, source)
    size = path.stat().st_size
    assert most is None or size <= most, size
    forms = {listing["form"] for listing in data["listings"]["kernels"].values()}
    print(f"{data['name']}: {size} bytes, {len(data['graphs']['phases'])} phases, {len(data['kernels'])} kernels,"
          f" {'with' if data['profile'] else 'no'} profile, listed as {', '.join(sorted(forms)) or 'nothing'}")


main()
