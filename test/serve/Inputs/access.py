"""access.py MODEL FOLDER: keys, origins, names, limits, logs, and how a server ends."""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from server import Server

MODEL, FOLDER = sys.argv[1:]
BODY = {"prompt": "Once", "max_tokens": 1}
# More than a second of work, which nothing ends early.
LONG = {"prompt": "Once upon a time", "max_tokens": 400, "temperature": 1, "seed": 1, "ignore_eos": True}


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def check_keys():
    path = os.path.join(FOLDER, "keys")
    with open(path, "w") as file:
        file.write("first-key-of-file\n\nsecond-key-of-file\r\n")
    with Server(MODEL, "--api-key-file", path, "--api-key", "key-of-option",
                environment={"QUIPU_API_KEY": "key-of-environment"}) as server:
        for path in ("/", "/page.js", "/page.css", "/health"):
            assert server.get(path).status == 200, path
        for path in ("/metrics", "/slots", "/v1/models", "/tokenizer_info"):
            assert server.get(path).status == 401, path
        for key in ("first-key-of-file", "second-key-of-file", "key-of-option", "key-of-environment"):
            assert server.post("/v1/completions", BODY, fields={"Authorization": f"Bearer {key}"}).status == 200, key
        for field in ("Bearer ", "Bearer key-of-optio", "Bearer key-of-optionn", "Basic key-of-option", "key-of-option",
                      "Bearer first-key-of-file\x0b"):
            answer = server.post("/v1/completions", BODY, fields={"Authorization": field})
            assert answer.status in (400, 401), (field, answer.status)
            assert answer.status == 400 or answer.error["code"] == "invalid_api_key"
        # With keys a name is as good as an address, and a body that is refused is not read.
        assert server.get("/health", fields={"Host": "models.example"}).status == 200
        assert server.post("/v1/completions", b"x" * (3 << 20)).status == 401
    for arguments, message in ((["--api-key", "short"], "fewer than 8"), (["--api-key", "with a blank"], "blanks"),
                               (["--api-key-file", "/dev/null"], "has no key"),
                               (["--cors-origin", "chat.example"], "expected an origin"),
                               (["--host", "nowhere.example"], "no address")):
        ended = subprocess.run(["quipu", "serve", MODEL, "--port", "0", *arguments], capture_output=True, text=True)
        assert ended.returncode in (1, 2) and message in ended.stderr, (arguments, ended)


def check_origins():
    with Server(MODEL, "--cors-origin", "https://chat.example", "--allow-host", "models.lan") as server:
        own = {"Origin": f"http://{server.host}:{server.port}"}
        assert server.get("/health", fields=own).status == 200
        other = {"Origin": "https://chat.example"}
        answer = server.post("/v1/completions", BODY, fields=other)
        assert answer.status == 200 and answer.fields["Access-Control-Allow-Origin"] == "https://chat.example"
        answer = server.ask("OPTIONS", "/v1/completions", fields=other)
        assert answer.status == 204 and "POST" in answer.fields["Access-Control-Allow-Methods"]
        for origin in ("https://evil.example", "null", "http://chat.example", "https://chat.example.evil.example"):
            answer = server.post("/v1/completions", BODY, fields={"Origin": origin})
            assert answer.status == 403 and "Access-Control-Allow-Origin" not in answer.fields, origin
        for host, status in (("models.lan", 200), ("MODELS.lan:80", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403)):
            assert server.get("/health", fields={"Host": host}).status == status, host


def check_limits():
    # Another port that is taken.
    with Server(MODEL, "--max-running", 1, "--max-waiting", 1, "--max-body", 1, "--max-connections", 12,
                "--max-answers", 4) as server:
        ended = subprocess.run(["quipu", "serve", MODEL, "--port", str(server.port)], capture_output=True, text=True)
        assert ended.returncode == 1 and "cannot listen" in ended.stderr, ended
        assert server.post("/v1/completions", b'{"prompt": "' + b"a" * (1 << 20) + b'"}').status == 413
        assert server.post("/v1/completions", {**BODY, "n": 5}).status == 400
        assert server.post("/v1/completions", {**BODY, "prompt": ["a"] * 5}).status == 400
        opened = [server.open("POST", "/v1/completions", {**LONG, "stream": True}) for _ in range(2)]
        wait_until(lambda: server.get("/slots").json["waiting"] == 1, "one runs and one waits")
        answer = server.post("/v1/completions", BODY)
        assert answer.status == 429 and answer.fields["Retry-After"], (answer.status, answer.body)
        assert answer.error["type"] == "rate_limit_error"
        # Both streams are whole, and then there is room again.
        for connection, response in opened:
            assert response.read().endswith(b"data: [DONE]\n\n")
            connection.close()
        assert server.post("/v1/completions", BODY).status == 200
        idle = [server.connect() for _ in range(12)]
        wait_until(lambda: server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")[0].startswith(b"HTTP/1.1 503"),
                   "too many connections are refused")
        for each in idle:
            each.close()
        wait_until(lambda: server.get("/health").status == 200, "and taken when others have gone")


def check_gone():
    """A client that goes away frees its place, however it goes."""
    with Server(MODEL, "--max-running", 1, "--send-timeout", 2) as server:
        for reset in (False, True):
            for stream in (False, True):
                connection = server.connect()
                body = json.dumps({**LONG, "stream": stream}).encode()
                connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                wait_until(lambda: server.get("/slots").json["running"] == 1, "it runs")
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                begin = time.monotonic()
                connection.close()
                wait_until(lambda: server.get("/slots").json["slots"] == [], "the place is free")
                # Much less than what was left of the answer.
                assert time.monotonic() - begin < 1, time.monotonic() - begin
        text = server.get("/metrics").body.decode()
        assert 'quipu:samples_ended_total{model_name="quipu-stories",reason="cancelled"} 4' in text, text
        assert server.complete(**BODY)["choices"]


def check_slow():
    """A client that takes nothing of its answer loses it, and nobody waits for it."""
    with Server(MODEL, "--send-timeout", 1) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((server.host, server.port))
        # 10 MB, of which the server keeps 4.
        body = json.dumps({**LONG, "stream": True, "n": 16, "logprobs": 20}).encode()
        slow.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: server.get("/slots").json["slots"], "it runs")
        assert server.complete(**BODY)["choices"]
        wait_until(lambda: server.get("/slots").json["slots"] == [], "the places are free")
        text = server.get("/metrics").body.decode()
        assert 'quipu:http_answers_cut_total{model_name="quipu-stories"} 1\n' in text, text
        assert 'quipu:samples_ended_total{model_name="quipu-stories",reason="cancelled"} 0' not in text, text


def check_half_open():
    """A request that does not come in time is given up; idle connections are closed."""
    with Server(MODEL, "--idle-timeout", 1) as server:
        with server.connect() as idle:
            connection = http.client.HTTPConnection(server.host, server.port)
            connection.request("GET", "/health")
            assert connection.getresponse().read()
            begin = time.monotonic()
            assert connection.sock.recv(1) == b"" and time.monotonic() - begin < 10
            # One that sent nothing has a head's time.
            idle.settimeout(40)
            assert idle.recv(1 << 16) == b""


def check_end():
    log = os.path.join(FOLDER, "access.log")
    with Server(MODEL, "--log-file", log, "--grace", 60) as server:
        assert server.post("/v1/completions", BODY, fields={"X-Request-Id": "before"}).status == 200
        os.rename(log, log + ".1")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(log), "the log is opened anew")
        keeps = http.client.HTTPConnection(server.host, server.port)
        connection, response = server.open("POST", "/v1/completions", {**LONG, "stream": True}, {"X-Request-Id": "after"})
        first = response.readline()
        assert first.startswith(b"data: ")
        server.process.send_signal(signal.SIGTERM)
        # New requests find nobody, and the stream goes on to its end.
        wait_until(lambda: not can_connect(server), "nothing listens")
        assert response.read().endswith(b"data: [DONE]\n\n")
        # A second signal would end it at once.
        assert server.process.wait(60) == 0
        keeps.close()
    before = [json.loads(line) for line in open(log + ".1")]
    after = [json.loads(line) for line in open(log)]
    assert before[0]["id"] == "before" and before[0]["status"] == 200 and before[0]["new_tokens"] == 1, before
    assert after[-1]["id"] == "after" and after[-1]["new_tokens"] == 400 and not after[-1]["cut"], after
    assert "Once" not in open(log).read()
    # Without grace what is left is cut, and said so.
    with Server(MODEL, "--grace", 0) as server:
        connection, response = server.open("POST", "/v1/completions", {**LONG, "stream": True})
        response.readline()
        begin = time.monotonic()
        assert server.stop(signal.SIGINT) == 0 and "did not end in time" in server.log, server.log
        assert time.monotonic() - begin < 10
        assert b'"error"' in response.read()


def can_connect(server):
    try:
        server.connect().close()
        return True
    except OSError:
        return False


def main():
    for check in (check_keys, check_origins, check_limits, check_gone, check_slow, check_half_open, check_end):
        check()
    print("access is right")


main()
