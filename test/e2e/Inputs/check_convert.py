#!/usr/bin/env python3
"""Converts a model there and back with `quipu convert`, and sees that all of them give the same logits.

    check_convert.py MODEL WORK [--prompt 1,2,3] [--set FIELD=JSON] [--refused WORDS] [--changes-layout]

MODEL, whatever its format, becomes a GGUF file, that a folder, and that a GGUF file again; MODEL becomes a folder too. Both
GGUF files are equal byte by byte, and so are the weights of both folders where the rotary layout is the same. --set changes
a field of config.json of a copy first. --refused: there is no GGUF file, and the message has these words.
The largest difference of logits may be 1e-5 of the largest logit: the sums over a head may be those of other neighbours.
"""

import json
import shutil
import subprocess

from checks import finish, made_anew, parser_of, quipu
from compare_npy import read_npy, worst_row

TOLERANCE = 1e-5


class Check:
    def __init__(self, work, prompt, model):
        self.work, self.prompt, self.failed = work, prompt, []
        self.expected = self.logits(model, "model")

    def logits(self, model, name):
        output = self.work / f"{name}.npy"
        plan = self.work / f"{name}.qplan"
        quipu("compile", model, "--dtype", "f32", "--activations", "exact", "-o", plan)
        quipu("logits", plan, "--prompt-tokens", self.prompt, "--all", "-o", output)
        return read_npy(output)

    def compare(self, model, name):
        error, row, _ = worst_row(self.logits(model, name), self.expected)
        print(f"{name}: largest difference {error:.3g} of the largest logit, at position {row}")
        if error > TOLERANCE:
            self.failed.append(name)

    def same_bytes(self, a, b):
        same = a.read_bytes() == b.read_bytes()
        print(f"{a.name} and {b.name}: {'the same bytes' if same else 'other bytes'}")
        if not same:
            self.failed.append(f"{b} has other bytes than {a}")


def changed_copy(model, work, fields):
    copy = work / "changed"
    shutil.copytree(model, copy)
    config = json.loads((copy / "config.json").read_text())
    for field in fields:
        name, value = field.split("=", 1)
        config[name] = json.loads(value)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def main():
    parser = parser_of(__doc__, "model", "work")
    parser.add_argument("--prompt")
    parser.add_argument("--set", action="append", default=[], dest="fields")
    parser.add_argument("--refused")
    parser.add_argument("--changes-layout", action="store_true")
    options = parser.parse_args()
    model, work = options.model, made_anew(options.work)
    if options.fields:
        model = changed_copy(model, work, options.fields)
    prompt = options.prompt or (options.model / "prompt.txt").read_text().strip()
    check = Check(work, prompt, model)
    (work / "from").mkdir()
    quipu("convert", model, "-o", work / "folder")
    check.compare(work / "folder", "folder")
    # The name of a model is the name of its file or folder; a file keeps it.
    first, back, second = work / "model.gguf", work / "from" / "model", work / "second.gguf"
    if options.refused:
        run = subprocess.run(["quipu", "convert", str(model), "-o", str(first)], capture_output=True, text=True)
        assert run.returncode == 1 and options.refused in run.stderr, (run.returncode, run.stderr)
        assert not first.exists()
    else:
        quipu("convert", model, "-o", work / "first.gguf")
        check.compare(work / "first.gguf", "GGUF")
        quipu("convert", work / "first.gguf", "-o", back)
        check.compare(back, "GGUF, folder")
        quipu("convert", back, "-o", first)
        quipu("convert", first, "-o", work / "model")
        quipu("convert", work / "model", "-o", second)
        check.compare(second, "GGUF, folder, GGUF, folder, GGUF")
        check.same_bytes(first, second)
        check.same_bytes(back / "model.safetensors", work / "model" / "model.safetensors")
        if not options.changes_layout:
            check.same_bytes(work / "folder" / "model.safetensors", back / "model.safetensors")
    finish(options.model.name, check.failed, work)
    print("same logits")


if __name__ == "__main__":
    main()
