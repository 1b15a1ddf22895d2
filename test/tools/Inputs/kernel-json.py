"""kernel-json.py MODEL|PLAN KERNEL [OPTION...]: the JSON of a kernel has what the text has, in every form.

With --with-source each line of JSON is one of the text: the instruction, its offset, and the op beside it.
"""

import json
import re
import subprocess
import sys


def inspect(*arguments):
    return subprocess.run(["quipu", "inspect", *arguments], check=True, capture_output=True, text=True).stdout


def without_path(text):
    # A disassembler names the file that it was given, which is another one in each run.
    return re.sub(r"/proc/\d+/fd/\d+", "", text)


source, kernel, options = sys.argv[1], sys.argv[2], sys.argv[3:]
forms = ["mlir", "llvm", "ptx"] if "cuda" in " ".join(sys.argv) else ["mlir", "llvm", "asm"]
for form in forms:
    arguments = [source, *options, "--kernel", kernel, "--as", form]
    view = json.loads(inspect(*arguments, "--json"))
    assert view["name"] == kernel and view["form"] == form and view["schedule"].startswith("#llama."), view
    # What the compiler prints of a model has other comments than what is listed of its plan.
    if source.endswith(".qplan"):
        assert without_path(view["text"]) == without_path(inspect(*arguments)), f"{form}: another text"
    else:
        assert len(view["text"]) > 1000, view

    view = json.loads(inspect(*arguments, "--with-source", "--json"))
    assert view["places"] and view["configs"] and view["weights"], view
    text = inspect(*arguments, "--with-source")
    ops = set()
    for line in view["lines"]:
        assert line["text"] in text, line
        if line["offset"] is not None:
            assert f"+{line['offset']:#x} " in text, line
        assert (line["op"] is None) == (line["place"] is None) and (line["line"] or not line["op"]), line
        if line["op"]:
            ops.add(line["op"])
            beside = f"{line['line']} {line['place']}: " + (line["op"] if form != "mlir" else "")
            assert beside in text, beside
    assert {"llama.linear", "llama.add"} <= ops, (form, ops)
    assert (form == "asm") == any(line["offset"] is not None for line in view["lines"]), form
    print(form, "is the same")
