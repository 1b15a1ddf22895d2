#!/usr/bin/env python3
"""Converts a model with a tokenizer and sees that texts become the same ids.

    check_convert_tokenizer.py TOKENIZER WORK [--plain] [--complete-merges] [--spaces] [--template-files]
                               [--refused WORDS]

TOKENIZER is a folder of test/tokenizers. Its files get a small model, which becomes a GGUF file, that a folder, and that a
GGUF file again. All texts of the corpus, one a line, have the same ids each time, with special tokens and without; the chat
templates stay too. --plain: added tokens take no spaces with them and are found anywhere. --complete-merges: all pairs that
join to a piece are merges, in the order of the pieces, as in conversions of SentencePiece models. --spaces: no space stands
behind special tokens, which is said to be lost, so that only ids without them are the same. --template-files: chat
templates are files of their own, which a folder copies. --refused: GGUF has no place for the tokenizer, and the message has
these words; a folder has one.
"""

import json
import subprocess

from checks import finish, made_anew, parser_of
from tokenizer_models import complete_merges, corpus, ids_of, make_plain, write_model

TEMPLATES = [{"name": "default", "template": "{{ messages }}\u00e9"}, {"name": "tool_use", "template": "{{ tools }}"}]
TEMPLATE_FILES = {"chat_template.jinja": TEMPLATES[0]["template"],
                  "additional_chat_templates/tool_use.jinja": TEMPLATES[1]["template"]}


def convert(source, target):
    return subprocess.run(["quipu", "convert", str(source), "-o", str(target)], capture_output=True, text=True)


def templates(folder):
    return json.loads((folder / "tokenizer_config.json").read_text()).get("chat_template")


class Check:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.text = "\n".join(corpus(options.tokenizer.parent))

    def ids(self, model):
        """Ids of the text, with special tokens and without."""
        return [ids_of(model, self.text, self.work / "text", *flags) for flags in ([], ["--parse-special"])]

    def source(self):
        model = self.work / "model"
        changes = [make_plain] if self.options.plain else []
        changes += [complete_merges] if self.options.complete_merges else []
        write_model(self.options.tokenizer, model, *changes)
        if self.options.template_files:
            for name, template in TEMPLATE_FILES.items():
                (model / name).parent.mkdir(exist_ok=True)
                (model / name).write_text(template)
            return model
        config_file = model / "tokenizer_config.json"
        config = json.loads(config_file.read_text()) if config_file.exists() else {}
        config.update(chat_template=TEMPLATES)
        config_file.write_text(json.dumps(config))
        return model

    def run(self):
        model, work = self.source(), self.work
        expected = self.ids(model)
        assert len(expected[0]) > 1000, expected
        run = convert(model, work / "folder")
        assert run.returncode == 0, run.stderr
        assert self.ids(work / "folder") == expected, "other ids in the folder"
        for name, template in TEMPLATE_FILES.items() if self.options.template_files else []:
            assert (work / "folder" / name).read_text() == template, name
        run = convert(model, work / "model.gguf")
        if self.options.refused:
            assert run.returncode == 1 and self.options.refused in run.stderr, run.stderr
            assert not (work / "model.gguf").exists()
            return print("refused")
        assert run.returncode == 0, run.stderr
        found = self.ids(work / "model.gguf")
        if self.options.spaces:
            assert found[0] == expected[0] and found[1] != expected[1], "a space behind special tokens"
            assert "no space before a text behind a special token" in run.stderr, run.stderr
            expected = found
        assert found == expected, "other ids in the GGUF file"
        self.there_and_back(expected)
        return print("the same ids")

    def there_and_back(self, expected):
        work = self.work
        run = convert(work / "model.gguf", work / "back")
        assert run.returncode == 0, run.stderr
        assert self.ids(work / "back") == expected, "other ids in the folder made of the GGUF file"
        assert templates(work / "back") == TEMPLATES, templates(work / "back")
        if (work / "back/tokenizer.model").exists():
            # The same tokenizer is there as merges too.
            found = [ids_of(work / "back", self.text, work / "text", "--tokenizer", work / "back/tokenizer.json", *flags)
                     for flags in ([], ["--parse-special"])]
            assert found == expected, "other ids by tokenizer.json"
        run = convert(work / "back", work / "second.gguf")
        assert run.returncode == 0, run.stderr
        assert self.ids(work / "second.gguf") == expected, "other ids in the second GGUF file"


def main():
    parser = parser_of(__doc__, "tokenizer", "work")
    parser.add_argument("--refused")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--complete-merges", action="store_true")
    parser.add_argument("--spaces", action="store_true")
    parser.add_argument("--template-files", action="store_true")
    options = parser.parse_args()
    work = made_anew(options.work)
    Check(options, work).run()
    finish(options.tokenizer.name, [], work)


if __name__ == "__main__":
    main()
