"""errors.py MODEL: what is wrong or not supported gets an error that names the field, and the next request an answer."""

import json
import sys

sys.dont_write_bytecode = True
from server import Server

PROMPT = {"prompt": "Once", "max_tokens": 1}
CHAT = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}

# Path, what is added to the body, the status, the field that the error names, and a part of its message.
WRONG = [
    ("/v1/completions", {"suffix": "end"}, 400, "suffix", "not supported"),
    ("/v1/completions", {"promt": "x"}, 400, "promt", "unknown field"),
    ("/v1/completions", {"prompt": None}, 400, "prompt", "missing"),
    ("/v1/completions", {"prompt": []}, 400, "prompt", "expected"),
    ("/v1/completions", {"prompt": [[]]}, 400, "prompt", "no tokens"),
    ("/v1/completions", {"prompt": [1, "a"]}, 400, "prompt", "token ids"),
    ("/v1/completions", {"prompt": ["a", [1]]}, 400, "prompt", "expected"),
    ("/v1/completions", {"prompt": [1 << 40]}, 400, "prompt", "token ids from 0"),
    ("/v1/completions", {"prompt": [-1]}, 400, "prompt", "token ids from 0"),
    ("/v1/completions", {"prompt": {"a": 1}}, 400, "prompt", "expected"),
    ("/v1/completions", {"prompt": "word " * 5000}, 400, "prompt", "context"),
    ("/v1/completions", {"prompt": [5] * 5000}, 400, "prompt", "to"),
    ("/v1/completions", {"max_tokens": -1}, 400, "max_tokens", "from 0"),
    ("/v1/completions", {"max_tokens": 1.5}, 400, "max_tokens", "whole number"),
    ("/v1/completions", {"max_tokens": "9"}, 400, "max_tokens", "whole number"),
    ("/v1/completions", {"temperature": -1}, 400, "temperature", "from 0"),
    ("/v1/completions", {"temperature": True}, 400, "temperature", "number"),
    ("/v1/completions", {"top_p": 2}, 400, "top_p", "from 0 to 1"),
    ("/v1/completions", {"n": 0}, 400, "n", "from 1"),
    ("/v1/completions", {"n": 1000}, 400, "n", "from 1"),
    ("/v1/completions", {"n": 3, "best_of": 2}, 400, "best_of", "less than n"),
    ("/v1/completions", {"best_of": 2, "stream": True}, 400, "best_of", "stream"),
    ("/v1/completions", {"logprobs": 21}, 400, "logprobs", "to 20"),
    ("/v1/completions", {"presence_penalty": 3}, 400, "presence_penalty", "to 2"),
    ("/v1/completions", {"logit_bias": {"x": 1}}, 400, "logit_bias", "token ids"),
    ("/v1/completions", {"logit_bias": {"1": 101}}, 400, "logit_bias", "to 100"),
    ("/v1/completions", {"stop": 5}, 400, "stop", "list"),
    ("/v1/completions", {"stop": ["a"] * 40}, 400, "stop", "at most"),
    ("/v1/completions", {"stream_options": {"include_usage": True}}, 400, "stream_options", "stream"),
    ("/v1/completions", {"stream": True, "stream_options": {"other": 1}}, 400, "stream_options.other", "unknown"),
    ("/v1/completions", {"model": "gpt-4"}, 404, "model", "there is no model"),
    ("/v1/completions", {"response_format": {"type": "json_object"}}, 400, "response_format", "free text"),
    ("/v1/completions", {"guided_json": {"a": 1}}, 400, "guided_json", "free text"),
    ("/v1/completions", {"use_beam_search": True}, 400, "use_beam_search", "not supported"),
    ("/v1/completions", {"seed": 1.5}, 400, "seed", "whole number"),
    ("/v1/chat/completions", {"tools": [{"type": "function"}]}, 400, "tools", "no tools"),
    ("/v1/chat/completions", {"functions": [{"name": "f"}]}, 400, "functions", "no tools"),
    ("/v1/chat/completions", {"tool_choice": "auto"}, 400, "tool_choice", "no tools"),
    ("/v1/chat/completions", {"response_format": {"type": "json_schema"}}, 400, "response_format", "free text"),
    ("/v1/chat/completions", {"messages": []}, 400, "messages", "expected a list"),
    ("/v1/chat/completions", {"messages": [{"role": "user"}]}, 400, "messages[0].content", "missing"),
    ("/v1/chat/completions", {"messages": [{"content": "a"}]}, 400, "messages[0].role", "missing"),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400,
     "messages[0].content", "texts alone"),
    ("/v1/chat/completions", {"messages": [{"role": "assistant", "content": "a", "tool_calls": [1]}]}, 400,
     "messages[0].tool_calls", "no tools"),
    ("/v1/chat/completions", {"top_logprobs": 2}, 400, "top_logprobs", "logprobs"),
    ("/v1/chat/completions", {"audio": {"voice": "a"}}, 400, "audio", "text"),
    ("/v1/chat/completions", {"chat_template": "x"}, 400, "chat_template", "server's"),
    ("/v1/chat/completions", {"prompt": "a"}, 400, "prompt", "unknown field"),
    ("/tokenize", {"max_tokens": None, "tokens": [1]}, 400, "tokens", "unknown field"),
    ("/detokenize", {"prompt": None, "max_tokens": None, "tokens": [1 << 33]}, 400, "tokens", "ids of the tokenizer"),
]

# Bodies that are no JSON that anybody should read.
BODIES = [b"", b"{", b"[]", b"null", b'"text"', b'{"prompt": "a", "prompt": "b"}', b'{"prompt": NaN}', b'{"prompt": "\xff"}',
          b'{"prompt": "\\ud800"}', b'{"prompt": "a"} {}', b"[" * 100000, b'{"a":' * 100000, b'{"prompt": "a\x00"}',
          b"\xef\xbb\xbf{", b"{'prompt': 'a'}", b'{"prompt": "a",}', b'{"max_tokens": 1e999}', b"// a\n{}"]

HARMLESS = {"user": "me", "metadata": {"a": "b"}, "store": False, "service_tier": "auto", "stop": None,
            "suffix": None, "logit_bias": None, "response_format": {"type": "text"}, "seed": -5}


def main():
    with Server(sys.argv[1], "--chat-template", "chatml") as server:
        for path, change, status, param, text in WRONG:
            base = {"/v1/completions": PROMPT, "/v1/chat/completions": CHAT}.get(path, PROMPT)
            answer = server.post(path, {**base, **change})
            place = (path, json.dumps(change)[:80], answer.body[:300])
            assert answer.status == status, place
            assert answer.error["param"] == param and text in answer.error["message"], place
            assert answer.error["type"] == "invalid_request_error" and answer.fields["X-Request-Id"], place
        for body in BODIES:
            answer = server.post("/v1/completions", body)
            assert answer.status == 400 and answer.error["message"], (body[:40], answer.body)
        assert server.complete(**PROMPT, **HARMLESS)["choices"]
        assert server.post("/v1/chat/completions", {**CHAT, "tools": [], "tool_choice": "none"}).status == 200
        answer = server.post("/v1/embeddings", {"input": "a"})
        assert answer.status == 400 and "not supported" in answer.error["message"]
        assert server.get("/v1/completions").status == 405 and server.post("/health", {}).status == 405
        assert server.get("/v2/completions").status == 404
        # The client's own id comes back, if it is a plain word.
        assert server.post("/v1/completions", PROMPT, fields={"X-Request-Id": "mine-1"}).fields["X-Request-Id"] == "mine-1"
        assert server.post("/v1/completions", PROMPT, fields={"X-Request-Id": "a b"}).fields["X-Request-Id"] != "a b"
        assert server.stop() == 0, server.log
    print(f"{len(WRONG) + len(BODIES)} errors are right")


main()
