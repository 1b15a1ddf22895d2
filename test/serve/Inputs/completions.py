"""completions.py MODEL: answers of /v1/completions are what the other commands give for the same text."""

import json
import math
import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
from server import Server, run

MODEL = sys.argv[1]
PROMPT = "Once upon a time"


def logits_of(ids):
    """Rows of logits, by `quipu logits`."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "logits.npy")
        run("quipu", "logits", MODEL, "--prompt-tokens", ",".join(map(str, ids)), "--all", "-o", path)
        with open(path, "rb") as file:
            data = file.read()
    size = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + size].decode())  # A dictionary of Python, as the format has it.
    values = struct.unpack(f"<{(len(data) - 10 - size) // 4}f", data[10 + size:])
    width = header["shape"][1]
    return [values[i:i + width] for i in range(0, len(values), width)]


def log_softmax(row):
    top = max(row)
    total = top + math.log(math.fsum(math.exp(value - top) for value in row))
    return [value - total for value in row]


def check_greedy(server):
    """The same tokens as `quipu run`, in one answer and in a stream."""
    expected = run("quipu", "run", MODEL, PROMPT, "-n", "24", "--temperature", "0").rstrip("\n")
    answer = server.complete(prompt=PROMPT, max_tokens=24, temperature=0)
    choice = answer["choices"][0]
    assert PROMPT + choice["text"] == expected or choice["text"] == expected, (choice, expected)
    assert choice["finish_reason"] == "length" and choice["logprobs"] is None
    assert answer["object"] == "text_completion" and answer["id"].startswith("cmpl-")
    assert answer["usage"]["completion_tokens"] == 24, answer["usage"]
    events = list(server.stream("/v1/completions", {"prompt": PROMPT, "max_tokens": 24, "temperature": 0,
                                                    "stream_options": {"include_usage": True}}))
    assert "".join(each["choices"][0]["text"] for each in events[:-1]) == choice["text"]
    assert [each["choices"][0]["finish_reason"] for each in events[-2:-1]] == ["length"]
    assert all(each["usage"] is None for each in events[:-1])
    assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 24
    assert len({each["id"] for each in events}) == 1
    # Without the option no event has numbers.
    events = list(server.stream("/v1/completions", {"prompt": PROMPT, "max_tokens": 2, "temperature": 0}))
    assert all("usage" not in each for each in events)
    return choice["text"]


def check_forms(server, text):
    """A prompt as ids, as a list, and as a list of lists."""
    ids = server.post("/tokenize", {"prompt": PROMPT}).json["tokens"]
    assert ids == json.loads("[" + run("quipu", "tokenize", MODEL, PROMPT).strip().replace(" ", ",") + "]") or ids
    for prompt, count in ((ids, 1), ([PROMPT], 1), ([ids, ids], 2), ([PROMPT, "The dog"], 2)):
        choices = server.complete(prompt=prompt, max_tokens=24, temperature=0)["choices"]
        assert [each["index"] for each in choices] == list(range(count))
        assert choices[0]["text"] == text, (prompt, choices)
    one, two = server.complete(prompt=["The dog", PROMPT], n=2, temperature=0, max_tokens=8)["choices"][::2]
    assert one["text"] == server.complete(prompt="The dog", temperature=0, max_tokens=8)["choices"][0]["text"]
    assert text.startswith(two["text"])


def check_log_probs(server):
    """Log-probabilities of the prompt and of new tokens, against logits and scores of the same ids."""
    ids = server.post("/tokenize", {"prompt": PROMPT + ", there was"}).json["tokens"]
    # As evaluation programs ask: ids in a list, one token more.
    answer = server.complete(prompt=[ids], max_tokens=1, temperature=0, logprobs=1, echo=True, seed=1234)
    found = answer["choices"][0]["logprobs"]
    assert len(found["tokens"]) == len(found["token_logprobs"]) == len(found["top_logprobs"]) == len(ids) + 1
    assert found["token_logprobs"][0] is None and found["top_logprobs"][0] is None
    assert answer["choices"][0]["text"].startswith(PROMPT)
    rows = [log_softmax(row) for row in logits_of(ids)]
    greedy = 0
    for i, row in enumerate(rows):
        value, top = found["token_logprobs"][i + 1], found["top_logprobs"][i + 1]
        token = ids[i + 1] if i + 1 < len(ids) else row.index(max(row))
        assert abs(value - row[token]) < 1e-4, (i, value, row[token])
        # The likeliest token has the very number that the dictionary has.
        assert (value == max(top.values())) == (token == row.index(max(row))), (i, value, top)
        greedy += value == max(top.values())
    assert 0 < greedy <= len(rows)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(json.dumps({"prompt": PROMPT, "response": ", there was a little girl"}) + "\n")
        file.flush()
        scored = json.loads(run("quipu", "score", MODEL, "--data", file.name, "--json", "--eos", "off").splitlines()[0])
    whole = server.post("/tokenize", {"prompt": PROMPT + ", there was a little girl"}).json["tokens"]
    found = server.complete(prompt=[whole], max_tokens=0, logprobs=0, echo=True)["choices"][0]["logprobs"]
    last = found["token_logprobs"][-len(scored["token_logprobs"]):]
    for ours, other in zip(last, scored["token_logprobs"], strict=True):
        assert abs(ours - other) < 1e-5, (last, scored)
    # Offsets are where a token's text begins.
    text = server.complete(prompt=PROMPT, max_tokens=12, temperature=0, logprobs=3, echo=True)["choices"][0]
    offsets, tokens = text["logprobs"]["text_offset"], text["logprobs"]["tokens"]
    for offset, after, token in zip(offsets, offsets[1:] + [len(text["text"])], tokens):
        assert token.endswith(text["text"][offset:after]), (token, text["text"][offset:after])
    assert all(len(top) in (3, 4) for top in text["logprobs"]["top_logprobs"][1:])


def check_stop(server, text):
    """A stop text ends the answer, whatever tokens it lies in, and is in no event of a stream."""
    stop = text[10:14]
    for body in ({"stop": stop}, {"stop": [stop, "never there"]}):
        choice = server.complete(prompt=PROMPT, max_tokens=24, temperature=0, logprobs=0, **body)["choices"][0]
        assert choice["text"] == text[:text.index(stop)] and choice["finish_reason"] == "stop", choice
        assert choice["logprobs"]["text_offset"][-1] <= len(choice["text"])
        events = list(server.stream("/v1/completions", {"prompt": PROMPT, "max_tokens": 24, "temperature": 0, **body}))
        assert "".join(each["choices"][0]["text"] for each in events) == choice["text"]
        assert events[-1]["choices"][0]["finish_reason"] == "stop"
    first = server.post("/tokenize", {"prompt": text, "add_special_tokens": False}).json["tokens"]
    answer = server.complete(prompt=PROMPT, max_tokens=24, temperature=0, stop_token_ids=[first[3]])
    assert answer["choices"][0]["finish_reason"] == "stop" and answer["usage"]["completion_tokens"] < 24


def check_sampling(server):
    """A seed gives the same answer again, in every way to ask; a bias and a penalty change it."""
    body = {"prompt": PROMPT, "max_tokens": 16, "temperature": 1.2, "seed": 7, "n": 3}
    texts = [each["text"] for each in server.complete(**body)["choices"]]
    assert texts == [each["text"] for each in server.complete(**body)["choices"]] and len(set(texts)) > 1
    streamed = ["", "", ""]
    for event in server.stream("/v1/completions", body):
        streamed[event["choices"][0]["index"]] += event["choices"][0]["text"]
    assert streamed == texts, (streamed, texts)
    best = server.complete(**{**body, "n": 1, "best_of": 3, "logprobs": 0})["choices"]
    assert len(best) == 1 and best[0]["text"] in texts
    mean = lambda each: sum(each["logprobs"]["token_logprobs"]) / len(each["logprobs"]["token_logprobs"])
    means = [mean(each) for each in server.complete(**body, logprobs=0)["choices"]]
    assert abs(mean(best[0]) - max(means)) < 1e-6, (mean(best[0]), means)
    token = server.post("/tokenize", {"prompt": ",", "add_special_tokens": False}).json["tokens"][-1]
    greedy = server.complete(prompt=PROMPT, max_tokens=1, temperature=0)["choices"][0]["text"]
    banned = server.complete(prompt=PROMPT, max_tokens=1, temperature=0, logit_bias={str(token): -100})
    assert greedy == "," and banned["choices"][0]["text"] != ",", (greedy, banned)
    forced = server.complete(prompt=PROMPT, max_tokens=3, temperature=0, logit_bias={str(token): 100})
    assert forced["choices"][0]["text"] == ",,,", forced
    once = server.complete(prompt=PROMPT, max_tokens=3, temperature=0, logit_bias={str(token): 12}, presence_penalty=2,
                           frequency_penalty=2)
    assert once["choices"][0]["text"] != ",,,", once


def check_repetition(server):
    """The repetition penalty weighs all tokens that there were, however long ago."""
    penalty, short = 1.5, 64
    text = server.complete(prompt=PROMPT, max_tokens=200, temperature=0, ignore_eos=True, echo=True)["choices"][0]["text"]
    ids = server.post("/tokenize", {"prompt": text}).json["tokens"]
    rows = logits_of(ids)

    def best(length, window):
        row = list(rows[length - 1])
        for token in set(ids[:length][-window:]):
            row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
        return row.index(max(row))

    lengths = [length for length in range(short + 1, len(ids) + 1) if best(length, length) != best(length, short)]
    assert lengths, "no prefix tells a short window from all of it"
    for length in lengths[:3]:
        body = {"prompt": ids[:length], "max_tokens": 1, "temperature": 0}
        expected = server.complete(**body, logit_bias={str(best(length, length)): 100})["choices"][0]["text"]
        assert server.complete(**body, repetition_penalty=penalty)["choices"][0]["text"] == expected, length


def check_characters(server):
    """No event of a stream has a part of a character."""
    body = {"prompt": "é ü 漢字 😀", "max_tokens": 8, "temperature": 0, "echo": True}
    events = list(server.stream("/v1/completions", body))
    whole = server.complete(**body)["choices"][0]["text"]
    assert "".join(each["choices"][0]["text"] for each in events) == whole
    assert whole.startswith("é ü 漢字 😀"), whole


def check_tokens(server):
    info = server.get("/tokenizer_info").json
    assert info["bos_token"] and info["eos_token"], info
    # What evaluation programs do to learn the id of the end.
    assert server.post("/tokenize", {"prompt": info["eos_token"], "add_special_tokens": False}).json["count"] == 1
    ids = server.post("/tokenize", {"prompt": PROMPT, "return_token_strs": True}).json
    assert ids["count"] == len(ids["tokens"]) == len(ids["token_strs"]) and ids["max_model_len"] > 0
    assert server.post("/detokenize", {"tokens": ids["tokens"]}).json["prompt"] == PROMPT
    models = server.get("/v1/models").json["data"]
    assert models[0]["object"] == "model" and server.get("/v1/models/" + models[0]["id"]).status == 200
    assert server.get("/v1/models/other").status == 404
    assert server.complete(model=models[0]["id"], prompt="a", max_tokens=1)["model"] == models[0]["id"]


def check_status(server):
    assert server.get("/health").json == {"status": "ok"}
    text = server.get("/metrics").body.decode()
    values = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}
    for name in ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
                 "vllm:time_to_first_token_seconds_count", "vllm:time_per_output_token_seconds_sum",
                 "vllm:e2e_request_latency_seconds_bucket", "vllm:request_prefill_time_seconds_sum",
                 "vllm:request_decode_time_seconds_sum", "vllm:request_max_num_generation_tokens_sum", "vllm:request_success_total", "quipu:steps_total"):
        assert name in values, name
    assert values["vllm:generation_tokens_total"] > 100 and values["vllm:prompt_tokens_total"] > 100
    assert values["vllm:num_requests_running"] == 0
    for line in text.splitlines():
        assert line.startswith("# ") or line.split("{")[0].replace("vllm:", "").replace("quipu:", "").replace("_", "").isalnum(), line
    slots = server.get("/slots").json
    assert slots["slots"] == [] and slots["state"] == "running" and slots["cache"]["pages"] > 0


def main():
    with Server(MODEL) as server:
        text = check_greedy(server)
        check_forms(server, text)
        check_log_probs(server)
        check_stop(server, text)
        check_sampling(server)
        check_repetition(server)
        check_characters(server)
        check_tokens(server)
        check_status(server)
        assert server.stop() == 0, server.log
    print("completions are right")


main()
