"""chat.py MODEL: conversations get the answers that `quipu chat` gives, whole and in streams."""

import json
import subprocess
import sys

sys.dont_write_bytecode = True
from server import Server, run

MODEL = sys.argv[1]
TEMPLATE = ["--chat-template", "chatml"]
MESSAGES = [{"role": "system", "content": "Tell a story."}, {"role": "user", "content": "Once upon a time"}]
BODY = {"messages": MESSAGES, "max_tokens": 12, "temperature": 0}
PATH = "/v1/chat/completions"


def main():
    line = json.dumps({"messages": MESSAGES})
    said = subprocess.run(["quipu", "chat", MODEL, *TEMPLATE, "--json", "-n", "12", "--temperature", "0"],
                          input=line + "\n", check=True, capture_output=True, text=True).stdout
    expected = json.loads(said.splitlines()[0])
    with Server(MODEL, *TEMPLATE, "--served-name", "tales", "--served-name", "other") as server:
        answer = server.post(PATH, BODY).json
        choice = answer["choices"][0]
        assert choice["message"]["role"] == "assistant" and choice["message"]["content"] == expected["content"], (
            choice, expected)
        assert choice["finish_reason"] == expected["finish_reason"] and choice["logprobs"] is None
        assert answer["object"] == "chat.completion" and answer["model"] == "tales"
        assert answer["usage"]["prompt_tokens"] == expected["prompt_tokens"], (answer["usage"], expected)
        # Content in pieces, a stream, several choices.
        pieces = [{"role": "system", "content": [{"type": "text", "text": "Tell a "}, {"type": "text", "text": "story."}]},
                  MESSAGES[1]]
        assert server.post(PATH, {**BODY, "messages": pieces, "model": "other"}).json["choices"] == answer["choices"]
        events = list(server.stream(PATH, {**BODY, "stream_options": {"include_usage": True}}))
        assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert events[0]["object"] == "chat.completion.chunk"
        assert "".join(each["choices"][0]["delta"].get("content", "") for each in events[:-1]) == expected["content"]
        assert events[-2]["choices"][0]["delta"] == {} and events[-2]["choices"][0]["finish_reason"] == "length"
        assert events[-1]["choices"] == [] and events[-1]["usage"] == answer["usage"] or events[-1]["usage"]
        several = server.post(PATH, {**BODY, "n": 3, "temperature": 1, "seed": 3}).json["choices"]
        assert [each["index"] for each in several] == [0, 1, 2]
        assert len({each["message"]["content"] for each in several}) > 1
        # Log-probabilities: the same numbers as a completion of the same ids.
        ids = server.post("/tokenize", {"messages": MESSAGES}).json["tokens"]
        scored = server.post(PATH, {**BODY, "logprobs": True, "top_logprobs": 2}).json["choices"][0]["logprobs"]["content"]
        completion = server.complete(prompt=ids, max_tokens=12, temperature=0, logprobs=2)["choices"][0]["logprobs"]
        assert [each["logprob"] for each in scored] == completion["token_logprobs"]
        assert [each["token"] for each in scored] == completion["tokens"]
        for each in scored:
            assert len(each["top_logprobs"]) == 2
            assert each["logprob"] == max(top["logprob"] for top in each["top_logprobs"])
            assert each["token"].startswith("bytes:") or bytes(each["bytes"]).decode() == each["token"]
        # A message never becomes a special token; a prompt of a program may.
        special = server.get("/tokenizer_info").json["eos_token"]
        asked = server.post("/tokenize", {"messages": [{"role": "user", "content": special}]}).json["tokens"]
        plain = server.post("/tokenize", {"prompt": special, "add_special_tokens": False}).json["tokens"]
        assert len(plain) == 1 and plain[0] not in asked, (plain, asked)
        # The length of an answer is that of the context where none is asked for.
        long = server.post(PATH, {"messages": MESSAGES, "temperature": 0, "logit_bias": {str(plain[0]): -100}}).json
        assert long["choices"][0]["finish_reason"] in ("length", "stop")
        assert server.stop() == 0, server.log
    # A model without a template says what to do, and still continues texts.
    with Server(MODEL) as server:
        answer = server.post(PATH, BODY)
        assert answer.status == 400 and "--chat-template" in answer.error["message"], answer.body
        assert server.complete(prompt="Once", max_tokens=1)["choices"]
    print("conversations are right")


main()
