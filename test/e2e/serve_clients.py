"""Uses a server with unmodified clients: serve_clients.py MODEL [--limit N] [QUIPU SERVE'S OPTIONS]

1. The Python package `openai`: completions, conversations, streams, log-probabilities, errors.
2. The package `lm_eval` with --model local-completions, on a task of its own with local data: multiple choice by
   log-likelihood, and generation. Its log-likelihoods are compared with `quipu score`.

Log-likelihoods are compared to 1e-4, so give a plan of --dtype f32: a program for few tokens rounds 16-bit values otherwise than
one for many. Nothing is installed: a package that is missing is skipped, with a line that says so. `pip install openai lm_eval[api]`.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "serve" / "Inputs"))
from server import Server, run

QUESTIONS = [("Once upon a", [" time", " spoon", " and"], 0), ("The dog likes to", [" the", " play", " was"], 1),
             ("Lily was very", [" happy", " house", " she"], 0), ("The sun is in the", [" sky", " sad", " ran"], 0),
             ("Mom said to be", [" careful", " a tree", " blue the"], 0), ("They played in the", [" park", " said", " of"], 0),
             ("He was so sad that he", [" cried", " tree", " the"], 0), ("The bird can", [" fly", " car", " yesterday"], 0)]
GENERATIONS = ["Once upon a time", "The little girl", "One day, a boy"]

TASKS = {
    "quipu_choice": """
task: quipu_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/choices.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{begin}{{{{context}}}}"
doc_to_choice: choices
doc_to_target: answer
target_delimiter: ""
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
""",
    "quipu_generate": """
task: quipu_generate
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/generations.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{begin}{{{{context}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 24, temperature: 0, do_sample: false}}
metric_list: [{{metric: exact_match}}]
""",
}


def has(package):
    return importlib.util.find_spec(package) is not None


def use_openai(server, has_chat):
    import openai
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    name = client.models.list().data[0].id
    plain = client.completions.create(model=name, prompt="Once upon a time", max_tokens=16, temperature=0, logprobs=2)
    choice = plain.choices[0]
    assert choice.finish_reason == "length" and plain.usage.completion_tokens == 16
    assert len(choice.logprobs.tokens) == 16 and all(value <= 0 for value in choice.logprobs.token_logprobs)
    stream = client.completions.create(model=name, prompt="Once upon a time", max_tokens=16, temperature=0, stream=True,
                                       stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == choice.text
    assert chunks[-1].usage == plain.usage or chunks[-1].usage.completion_tokens == 16
    if has_chat:
        messages = [{"role": "user", "content": "Say hello."}]
        chat = client.chat.completions.create(model=name, messages=messages, max_tokens=16, temperature=0, logprobs=True,
                                              top_logprobs=3)
        text = chat.choices[0].message.content
        assert len(chat.choices[0].logprobs.content) <= 16
        with client.chat.completions.create(model=name, messages=messages, max_tokens=16, temperature=0, stream=True) as chunks:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
        print(f"openai: chat said {text!r}")
    for wrong, error in ((dict(model="other", prompt="a"), openai.NotFoundError),
                         (dict(model=name, prompt="a", suffix="b"), openai.BadRequestError),
                         (dict(model=name, prompt=[1 << 30]), openai.BadRequestError)):
        try:
            client.completions.create(**wrong)
            raise AssertionError(f"{wrong} was answered")
        except error as raised:
            assert raised.body["message"], raised
    try:
        client.embeddings.create(model=name, input="a")
        raise AssertionError("embeddings were answered")
    except openai.BadRequestError as raised:
        assert "not supported" in raised.body["message"]
    print(f"openai {openai.__version__}: completions, streams, log-probabilities and errors are understood")


def write_tasks(folder, begin):
    with open(folder / "choices.jsonl", "w") as file:
        for context, choices, answer in QUESTIONS:
            file.write(json.dumps({"context": context, "choices": choices, "answer": answer}) + "\n")
    with open(folder / "generations.jsonl", "w") as file:
        for context in GENERATIONS:
            file.write(json.dumps({"context": context, "answer": "no such answer"}) + "\n")
    for name, text in TASKS.items():
        (folder / f"{name}.yaml").write_text(text.format(folder=folder, begin=begin))


def beginning(server):
    """What a text begins with. With the server's tokenizer the program never adds BOS, so the text spells it where the model
    wants it, with a space behind it where the tokenizer puts one before a text."""
    ids = lambda text, adds_bos: server.post("/tokenize", {"prompt": text, "add_special_tokens": adds_bos}).json["tokens"]
    info = server.get("/tokenizer_info").json
    for begin in ("", f"{info['bos_token']}", f"{info['bos_token']} "):
        if all(ids(begin + context, False) == ids(context, True) for context, _, _ in QUESTIONS):
            return begin
    raise AssertionError("no beginning gives the ids of a text with BOS")


def samples_of(folder, task):
    path, = folder.glob(f"out/**/samples_{task}_*.jsonl")
    return [json.loads(line) for line in open(path)]


def use_lm_eval(server, model):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_tasks(folder, beginning(server))
        arguments = (f"base_url={server.url}/v1/completions,model={server.get('/v1/models').json['data'][0]['id']},"
                     "num_concurrent=4,max_retries=1,tokenizer_backend=remote,tokenized_requests=True")
        environment = {**os.environ, "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"),
                       "TOKENIZERS_PARALLELISM": "false"}
        ended = subprocess.run([sys.executable, "-m", "lm_eval", "--model", "local-completions", "--model_args", arguments,
                                "--tasks", ",".join(TASKS), "--include_path", str(folder), "--output_path",
                                str(folder / "out"), "--log_samples", "--batch_size", "4"],
                               env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-6000:]
        print("\n".join(line for line in ended.stdout.splitlines() if line.startswith("|")))
        # The same choices by quipu score.
        (folder / "score.jsonl").write_text((folder / "choices.jsonl").read_text())
        lines = run("quipu", "score", model, "--data", str(folder / "score.jsonl"), "--json").splitlines()
        worst, count = 0, 0
        for sample, line in zip(samples_of(folder, "quipu_choice"), lines):
            ours = json.loads(line)
            for response, other in zip(sample["filtered_resps"], ours["choice_logprobs"], strict=True):
                worst, count = max(worst, abs(float(response[0]) - other)), count + 1
        assert count == sum(len(choices) for _, choices, _ in QUESTIONS) and worst < 1e-4, (count, worst)
        texts = [sample["filtered_resps"][0] for sample in samples_of(folder, "quipu_generate")]
        for context, text in zip(GENERATIONS, texts, strict=True):
            expected = server.complete(prompt=context, max_tokens=24, temperature=0, stop=["."])["choices"][0]["text"]
            assert text == expected, (text, expected)
        print(f"lm_eval {importlib.metadata.version('lm_eval')}: {count} log-likelihoods are those of "
              f"quipu score (greatest difference {worst:.1e}), and {len(texts)} generations are the server's")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    options, more = parser.parse_known_args()
    with Server(options.model, *more) as server:
        has_chat = server.get("/tokenizer_info").json["chat_format"] is not None
        if has("openai"):
            use_openai(server, has_chat)
        else:
            print("skipped: the package openai is not installed")
        if has("lm_eval"):
            use_lm_eval(server, options.model)
        else:
            print("skipped: the package lm_eval is not installed")
        assert server.stop() == 0 and "error" not in server.log, server.log
    print("clients are served")


main()
