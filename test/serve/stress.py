"""Load and abuse for a server: stress.py MODEL [--clients 64] [--minutes 10] [--scale 1] [--url URL]

Answers are asked for alone at first. Then many clients ask for the same at the same time, whole and as streams, and every
answer must be the same: the text to the last letter, log-probabilities to --tolerance. Then clients are killed in the middle of their streams,
connections stay half open, readers are slow, a thousand streams wait, requests are malformed, bodies have 100 MB,
ten thousand clients connect: after each of these the answers are still the same, and at the end the server's memory is what
it was. --scale 0.05 makes the numbers a twentieth. With the standard library alone.

With --plain nobody asks for log-probabilities. Then a GPU does not wait for the host between steps.

MODEL is a plan of --dtype f32, whose sums differ least with what else is in a step: --tolerance is 1e-4 for those, 0 where a
plan's programs give each row the same sums.
"""

import argparse
import concurrent.futures
import functools
import http.client
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from server import Server, read_events

TEXTS = ["Once upon a time", "The dog", "Lily saw a big", "One day, a boy named Tim", "It was raining and", "Mom said",
         "In the park there was", "A little bird", "é 漢字 😀", "They all"]


def requests(count, plain):
    """Requests of many kinds, each with a seed of its own."""
    chooser = random.Random(1)
    for number in range(count):
        prompt = chooser.choice(TEXTS)
        # Prompts of one beginning and of several lengths: pages are found again, and prompts come in parts.
        if number % 3 == 0:
            prompt = " ".join(chooser.choices(TEXTS[:8], k=chooser.randint(2, 25)))
        body = {"prompt": prompt, "max_tokens": chooser.randint(1, 40), "seed": number,
                "temperature": chooser.choice([0, 0, 0.7, 1.3])}
        if number % 2 and not plain:
            body["logprobs"] = 2
        if number % 5 == 1 and not plain:
            body["echo"] = True
        if number % 7 == 2:
            body["n"] = 2
        if number % 11 == 3:
            body["stop"] = ["."]
        yield body


def result_of(choices):
    return [(each["text"], each["finish_reason"], each["logprobs"]) for each in choices]


def same(a, b, tolerance):
    """Whether two values of JSON are equal, but for numbers that differ by no more."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= tolerance
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        # The last of the likeliest tokens may be another one, if two are as likely.
        common = a.keys() & b.keys()
        return len(common) >= len(a) - (tolerance > 0) and all(same(a[key], b[key], tolerance) for key in common)
    return a == b


def ask(server, body):
    return result_of(server.complete(**body)["choices"])


def ask_stream(server, body):
    """The same from a stream."""
    # An answer without a token has empty lists.
    lists = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    choices = [{"text": "", "finish_reason": None, "logprobs": {key: [] for key in lists} if "logprobs" in body else None}
               for _ in range(body.get("n", 1))]
    for event in server.stream("/v1/completions", body):
        part, whole = event["choices"][0], choices[event["choices"][0]["index"]]
        whole["text"] += part["text"]
        whole["finish_reason"] = part["finish_reason"] or whole["finish_reason"]
        if part["logprobs"]:
            for key, values in part["logprobs"].items():
                whole["logprobs"][key] += values
    return result_of(choices)


class Load:
    """Clients that ask until they are told to end. A wrong answer, or none, is an error."""

    def __init__(self, server, bodies, expected, tolerance):
        self.server, self.bodies, self.expected, self.tolerance = server, bodies, expected, tolerance
        self.errors, self.count, self.lock, self.ends = [], 0, threading.Lock(), threading.Event()

    def client(self, seed):
        chooser = random.Random(seed)
        while not self.ends.is_set() and not self.errors:
            number = chooser.randrange(len(self.bodies))
            try:
                found = chooser.choice([ask, ask_stream])(self.server, self.bodies[number])
                if not same(found, self.expected[number], self.tolerance):
                    raise AssertionError(f"request {number} {self.bodies[number]}: {found} and not {self.expected[number]}")
                with self.lock:
                    self.count += 1
            except Exception as error:  # Every kind of failure counts.
                self.errors.append(f"{type(error).__name__}: {error}")

    def run(self, clients, seconds):
        threads = [threading.Thread(target=self.client, args=(seed,)) for seed in range(clients)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.errors:
            time.sleep(0.05)
        self.ends.set()
        for thread in threads:
            thread.join()
        assert not self.errors, self.errors[0]
        return self.count


def metric(server, name, labels=""):
    """A number of /metrics."""
    lines = server.get("/metrics").body.decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{") and labels in line)


def cancelled(server):
    return metric(server, "quipu:samples_ended_total", 'reason="cancelled"')


def quiet(server):
    """Waits until no request is left."""
    end = time.monotonic() + 60
    while server.get("/slots").json["slots"]:
        assert time.monotonic() < end, server.get("/slots").body
        time.sleep(0.05)


LONG = {"prompt": "Once upon a time", "max_tokens": 300, "ignore_eos": True, "stream": True}


def framed(body, fields=b""):
    """Bytes as the body of a request that is right but for them."""
    return b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n" % (fields, len(body)) + body


def post_bytes(body):
    return framed(json.dumps(body).encode())


def kill_clients(server, count):
    """Programs that end by SIGKILL while they read."""
    code = ("import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); "
            "s.sendall(sys.stdin.buffer.read()); s.recv(1); print('read', flush=True); s.recv(1 << 20); s.recv(1 << 20); "
            "import time; time.sleep(100)")
    for _ in range(count):
        clients = [subprocess.Popen([sys.executable, "-c", code, server.host, str(server.port)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE) for _ in range(4)]
        for client in clients:
            client.stdin.write(post_bytes(LONG))
            client.stdin.close()
        for client in clients:
            client.stdout.readline()
            client.kill()
            client.wait()
            client.stdout.close()


def killed_clients(server, count):
    """Answers end with them, and are not computed to the end; all of them only if this machine is never late."""
    before = cancelled(server)
    kill_clients(server, count)
    quiet(server)
    assert cancelled(server) > before, "answers were computed for clients that were gone"


def half_open(server, count):
    """Connections that send a part of a request, or nothing, and stay."""
    opened = []
    for number in range(count):
        connection = server.connect()
        connection.sendall(post_bytes(LONG)[:number % 120])
        opened.append(connection)
    server.complete(prompt="a", max_tokens=1)
    assert metric(server, "quipu:connections") > count * 0.9
    for connection in opened:
        connection.close()


def slow_readers(server, count):
    """Clients that ask for much and read nothing."""
    opened = []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((server.host, server.port))
        connection.sendall(post_bytes({**LONG, "logprobs": 20, "n": 4}))
        opened.append(connection)
    # Others are answered meanwhile.
    for _ in range(5):
        server.complete(prompt="a", max_tokens=2)
    for connection in opened:
        connection.close()
    quiet(server)


def idle_streams(server, count):
    """Streams that have begun and wait for a place: no thread for each, and all places free when they go."""
    threads = server.thread_count()
    opened = []
    for _ in range(count):
        connection = server.connect()
        connection.sendall(post_bytes(LONG))
        opened.append(connection)
    for connection in opened:
        assert connection.recv(12) == b"HTTP/1.1 200", "a stream did not begin"
    slots = server.get("/slots").json
    assert slots["running"] + slots["waiting"] > count * 0.9, (slots["running"], slots["waiting"])
    assert server.thread_count() <= threads + 2, (threads, server.thread_count())
    for connection in opened:
        connection.close()
    quiet(server)


WRONG = [b"GET / HTTP/1.1\nHost: a\n\n", b"\x00" * 50, b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"A" * 70000,
         b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
         *[framed(body, b"Connection: close\r\n") for body in
           (b'{"prompt": "a"', b"[" * 100000, b'{"prompt": "\xff"}', b'{"prompt": "a", "max_tokens": NaN}')]]


def malformed(server, count):
    """What is wrong for sure is refused, and then what followed on its connection is no request. Anything else that random bytes
    make of these and of a right request must harm nobody."""
    for data in WRONG:
        answer, _ = server.raw(data)
        assert answer.startswith(b"HTTP/1.1 4") and answer.count(b"HTTP/1.1 ") == 1, (data[:100], answer)
    chooser = random.Random(2)
    for number in range(count):
        data = bytearray(WRONG[number // 2 % len(WRONG)] if number % 2 else post_bytes(LONG))
        for _ in range(chooser.randint(1, 3)):
            data[chooser.randrange(len(data))] = chooser.randrange(256)
        with server.connect() as connection:
            try:
                connection.sendall(data)
                connection.settimeout(0.02)
                connection.recv(100)
            except OSError:
                pass
    quiet(server)


def large_bodies(server, megabytes, count):
    """Bodies beyond the limit, with a length and in chunks. Their memory is not taken."""
    part, refused, before = b"x" * (1 << 20), 0, server.memory_bytes()
    for number in range(count):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        try:
            if number % 2:
                connection.request("POST", "/v1/completions", (part for _ in range(megabytes)), encode_chunked=True)
            else:
                connection.request("POST", "/v1/completions", part * megabytes)
        except (BrokenPipeError, ConnectionResetError):
            # The answer came, and the connection was closed, before everything was sent.
            pass
        try:
            status = connection.getresponse().status
            assert status == 413, status
            refused += 1
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # The rest of what was sent has pushed the answer away.
            pass
        connection.close()
        taken = server.memory_bytes() - before
        assert taken < megabytes << 19, f"{taken} bytes were taken"
    assert refused > 0, "nobody was told why"


def at_once(*works):
    """Runs them on threads, and raises what one of them raised."""
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        for ended in [pool.submit(work) for work in works]:
            ended.result()


def many_connects(server, count):
    """Clients that come and go, some with a request."""
    def connect(numbers):
        for number in numbers:
            with server.connect() as connection:
                if number % 4 == 0:
                    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert connection.recv(1 << 12).startswith(b"HTTP/1.1 200"), number

    at_once(*[functools.partial(connect, range(start, count, 8)) for start in range(8)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--plain", action="store_true")
    options, more = parser.parse_known_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scaled = lambda number: max(2, int(number * options.scale))
    bodies = list(requests(options.requests, options.plain))
    with Server(options.model, "--max-waiting", 2000, *more) as server:
        begin = time.monotonic()

        def say(text):
            print(f"{time.monotonic() - begin:7.1f} s, {server.memory_bytes() / 1e6:6.1f} MB: {text}", flush=True)

        expected = [ask(server, body) for body in bodies]
        say(f"{len(bodies)} requests were answered alone")
        # The first load fills caches and pools; after that memory must not grow.
        count = Load(server, bodies, expected, options.tolerance).run(options.clients, min(60, options.minutes * 15))
        early = server.memory_bytes()
        say(f"{count} answers to {options.clients} clients at once, each the same as alone")
        count = Load(server, bodies, expected, options.tolerance).run(options.clients, options.minutes * 60)
        late = server.memory_bytes()
        say(f"{count} answers to {options.clients} clients in {options.minutes} min, each the same as alone")
        assert late < early * 1.1 + (8 << 20), (early, late)
        steps = [("clients killed in their streams", killed_clients, scaled(10)),
                 ("half-open connections", half_open, scaled(500)), ("slow readers", slow_readers, scaled(40)),
                 ("idle streams", idle_streams, scaled(1000)), ("malformed requests", malformed, scaled(1000)),
                 ("connects", many_connects, scaled(10000))]
        for name, step, number in steps:
            step(server, number)
            for body, answer in zip(bodies[:20], expected):
                assert same(ask(server, body), answer, options.tolerance), (name, body)
            say(f"{number} {name}")
        large_bodies(server, 100, scaled(20))
        say(f"{scaled(20)} bodies of 100 MB")
        # All of it at the same time as the load.
        load = Load(server, bodies, expected, options.tolerance)
        # Those that do not wait until the server is quiet.
        at_once(lambda: load.run(min(options.clients, 16), max(3, options.minutes * 6)),
                lambda: [step(server, scaled(number)) for step, number in ((kill_clients, 1), (half_open, 50), (many_connects, 1000))])
        count = load.count
        say(f"{count} answers while others were killed, half open and came and went")
        quiet(server)
        last = server.memory_bytes()
        assert last < early * 1.25 + (32 << 20), (early, last)
        errors = [line for line in server.get("/metrics").body.decode().splitlines() if 'status="500"' in line]
        assert not errors, errors
        assert server.stop() == 0, server.log
        assert "error" not in server.log, server.log
    print("the answers are the same, and nothing was lost")


if __name__ == "__main__":
    main()
