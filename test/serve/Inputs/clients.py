"""Uses a server with unmodified clients: clients.py PLAN GOLDEN.json [QUIPU SERVE'S OPTIONS]

1. The Python package `openai`: models, completions, conversations, streams, log-probabilities, errors.
2. The package `lm_eval` with --model local-completions, on tasks of its own with local data: multiple choice, likelihoods of
   whole texts, and generation.

GOLDEN is what transformers says of the same model (make_client_goldens.py). Log-likelihoods must be those, to 1e-4: the plan
is one of --dtype f32 --activations exact.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import openai
from server import Server

TOLERANCE = 1e-4
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
    "quipu_text": """
task: quipu_text
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/texts.jsonl}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: text
metric_list: [{{metric: word_perplexity}}]
""",
    "quipu_generate": """
task: quipu_generate
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/generations.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{begin}{{{{context}}}}"
doc_to_target: text
generation_kwargs: {{until: ["."], max_gen_toks: {new_tokens}, temperature: 0, do_sample: false}}
metric_list: [{{metric: exact_match}}]
""",
}


class Differences:
    """The largest difference of numbers from the golden ones, none of which may be above the tolerance."""

    def __init__(self):
        self.count, self.worst = 0, 0.0

    def add(self, found, expected, what):
        assert abs(found - expected) <= TOLERANCE, (what, found, expected)
        self.count, self.worst = self.count + 1, max(self.worst, abs(found - expected))

    def __str__(self):
        return f"{self.count} numbers are those of transformers to {TOLERANCE:g} (largest difference {self.worst:.1e})"


def raises(error, ask, **wrong):
    """The body of the error that a wrong request must get."""
    try:
        ask(**wrong)
    except error as raised:
        return raised.body
    raise AssertionError(f"{wrong} was answered")


def use_completions(client, name, golden):
    differences = Differences()
    for each in golden["texts"]:
        # Nothing is added to a prompt that is echoed, so its log-probabilities are all there is.
        choice = client.completions.create(model=name, prompt=each["text"], max_tokens=0, echo=True, logprobs=5).choices[0]
        found = choice.logprobs
        assert choice.text == each["text"] and "".join(found.tokens[-len(each["log_probs"]):]).strip() in each["text"]
        assert found.token_logprobs[0] is None and len(found.token_logprobs) == len(each["ids"])
        for number, (log_prob, expected) in enumerate(zip(found.token_logprobs[1:], each["log_probs"], strict=True), 1):
            differences.add(log_prob, expected, (each["text"], number))
            assert log_prob in found.top_logprobs[number].values() and max(found.top_logprobs[number].values()) >= log_prob
    prompts = [each["context"] for each in golden["generations"]]
    options = {"model": name, "prompt": prompts, "max_tokens": golden["new_tokens"], "temperature": 0, "stop": ["."]}
    whole = client.completions.create(**options)
    texts = [choice.text for choice in whole.choices]
    assert texts == [each["text"] for each in golden["generations"]], texts
    parts, usage = [""] * len(prompts), None
    for event in client.completions.create(**options, stream=True, stream_options={"include_usage": True}):
        usage = event.usage or usage
        for choice in event.choices:
            parts[choice.index] += choice.text
    assert parts == texts and usage.completion_tokens == whole.usage.completion_tokens
    drawn = [client.completions.create(model=name, prompt=prompts[0], max_tokens=12, seed=7, n=3, best_of=4, logprobs=1)
             for _ in range(2)]
    assert drawn[0].choices == drawn[1].choices and len(drawn[0].choices) == 3
    means = [sum(values) / len(values) for values in (choice.logprobs.token_logprobs for choice in drawn[0].choices)]
    assert means == sorted(means, reverse=True), means
    return differences


def use_chat(client, name, golden):
    options = {"model": name, "messages": golden["conversation"]["messages"], "max_completion_tokens": golden["new_tokens"],
               "temperature": 0, "logprobs": True, "top_logprobs": 3}
    chat = client.chat.completions.create(**options).choices[0]
    assert chat.message.content == golden["conversation"]["text"], chat.message.content
    # The likeliest token was taken each time.
    assert all(len(each.top_logprobs) == 3 and each.logprob == each.top_logprobs[0].logprob for each in chat.logprobs.content)
    text, log_probs = "", []
    with client.chat.completions.create(**options, stream=True) as events:
        for event in events:
            text += event.choices[0].delta.content or ""
            log_probs += event.choices[0].logprobs.content if event.choices[0].logprobs else []
    assert text == chat.message.content and log_probs == chat.logprobs.content
    return text


def use_errors(client, name):
    complete = client.completions.create
    assert name in raises(openai.NotFoundError, complete, model="other", prompt="a")["message"]
    assert raises(openai.BadRequestError, complete, model=name, prompt="a", suffix="b")["param"] == "suffix"
    assert raises(openai.BadRequestError, complete, model=name, prompt=[1 << 30])["param"] == "prompt"
    assert raises(openai.BadRequestError, complete, model=name, prompt="a", max_tokens=10 ** 6)["code"] == "context_length_exceeded"
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert raises(openai.BadRequestError, client.chat.completions.create, model=name, messages=[{"role": "user", "content": "a"}],
                  tools=tools)["param"] == "tools"
    assert "not supported" in raises(openai.BadRequestError, client.embeddings.create, model=name, input="a")["message"]
    raises(openai.AuthenticationError, client.with_options(api_key="wrong").models.list)


def use_openai(server, golden, key):
    client = openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)
    name = client.models.list().data[0].id
    assert client.models.retrieve(name).id == name
    differences = use_completions(client, name, golden)
    use_errors(client, name)
    print(f"openai {openai.__version__}: {differences}; streams, samples and errors are understood")
    if golden["conversation"]:
        print(f"openai {openai.__version__}: a conversation said {use_chat(client, name, golden)!r}")


def write_tasks(folder, golden, begin):
    for name in ("choices", "texts", "generations"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in golden[name]))
    for name, text in TASKS.items():
        (folder / f"{name}.yaml").write_text(text.format(folder=folder, begin=begin, new_tokens=golden["new_tokens"]))


def beginning(ids_of, bos, golden):
    """What a text begins with. With the server's tokenizer the program never adds BOS, so the text spells it where the model
    wants it, with a space behind it where the tokenizer puts one before a text."""
    for begin in ("", bos, f"{bos} "):
        if all(ids_of(begin + each["context"] + choice) == ids
               for each in golden["choices"] for choice, ids in zip(each["choices"], each["ids"], strict=True)):
            return begin
    raise AssertionError("no beginning gives the ids of transformers")


def samples_of(folder, task):
    path, = folder.glob(f"out/**/samples_{task}_*.jsonl")
    return sorted(map(json.loads, open(path)), key=lambda sample: sample["doc_id"])


def use_lm_eval(server, golden, key):
    fields = {"Authorization": f"Bearer {key}"}
    ids_of = lambda text: server.post("/tokenize", {"prompt": text, "add_special_tokens": False}, fields=fields).json["tokens"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_tasks(folder, golden, beginning(ids_of, server.get("/tokenizer_info", fields=fields).json["bos_token"], golden))
        model = server.get("/v1/models", fields=fields).json["data"][0]["id"]
        arguments = (f"base_url={server.url}/v1/completions,model={model},num_concurrent=4,max_retries=1,"
                     f"tokenizer_backend=remote,tokenized_requests=True,auth_token={key}")
        environment = {**os.environ, "OPENAI_API_KEY": key, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
                       "HF_HOME": str(folder / "home"), "TOKENIZERS_PARALLELISM": "false"}
        ended = subprocess.run([sys.executable, "-m", "lm_eval", "--model", "local-completions", "--model_args", arguments,
                                "--tasks", ",".join(TASKS), "--include_path", str(folder), "--output_path",
                                str(folder / "out"), "--log_samples", "--batch_size", "4"],
                               env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-6000:]
        print("\n".join(line for line in ended.stdout.splitlines() if line.startswith("|")))
        differences = Differences()
        for sample, each in zip(samples_of(folder, "quipu_choice"), golden["choices"], strict=True):
            for response, expected in zip(sample["filtered_resps"], each["log_likelihoods"], strict=True):
                differences.add(float(response[0]), expected, each["context"])
        for sample, each in zip(samples_of(folder, "quipu_text"), golden["texts"], strict=True):
            differences.add(float(sample["filtered_resps"][0]), each["rolling"], each["text"])
        texts = [sample["filtered_resps"][0] for sample in samples_of(folder, "quipu_generate")]
        assert texts == [each["text"] for each in golden["generations"]], texts
        print(f"lm_eval {importlib.metadata.version('lm_eval')}: {differences}, and so are {len(texts)} generations")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan")
    parser.add_argument("golden", type=pathlib.Path)
    options, more = parser.parse_known_args()
    golden, key = json.loads(options.golden.read_text()), "key-of-a-client"
    with Server(options.plan, *more, environment={"QUIPU_API_KEY": key}) as server:
        use_openai(server, golden, key)
        use_lm_eval(server, golden, key)
        assert server.stop() == 0 and "error" not in server.log, server.log
    print("clients are served")


main()
