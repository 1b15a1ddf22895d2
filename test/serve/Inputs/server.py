"""A `quipu serve` for tests, and requests to it, with the standard library alone."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse

sys.dont_write_bytecode = True
TIMEOUT = 120


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Server:
    """Runs while the context lasts. `log` is what it said on standard error, once it has ended."""

    def __init__(self, model, *options, environment=None):
        self.command = ["quipu", "serve", model, "--port", "0", *map(str, options)]
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=self.environment)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {self.process.communicate()[1]}")
        self.url = line.strip()
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        """Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, self.log = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))

    def thread_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=TIMEOUT)

    def open(self, method, path, body=None, fields=None):
        """The connection and its response, whose body was not read yet."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, {"Content-Type": "application/json", **(fields or {})})
        return connection, connection.getresponse()

    def ask(self, method, path, body=None, fields=None):
        connection, response = self.open(method, path, body, fields)
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def get(self, path, **fields):
        return self.ask("GET", path, **fields)

    def post(self, path, body, **fields):
        return self.ask("POST", path, body, **fields)

    def complete(self, **body):
        answer = self.post("/v1/completions", body)
        assert answer.status == 200, answer.body
        return answer.json

    def stream(self, path, body, fields=None):
        """The events of a stream, without the last, [DONE], which must come."""
        connection, response = self.open("POST", path, {**body, "stream": True}, fields)
        assert response.status == 200, response.read()
        assert response.headers["Content-Type"] == "text/event-stream", response.headers
        for data in read_events(response):
            if data == "[DONE]":
                assert not response.read().strip()
                connection.close()
                return
            yield json.loads(data)
        raise AssertionError("the stream has no [DONE]")

    def raw(self, request, close=False):
        """Sends bytes, and reads until the server closes or has nothing to say for a while."""
        with self.connect() as connection:
            connection.sendall(request)
            if close:
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            answer = b""
            try:
                while data := connection.recv(1 << 16):
                    answer += data
            except (TimeoutError, ConnectionResetError):
                return answer, False
            return answer, True


def read_events(response):
    """The data of each event."""
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith("data: "):
            yield line[6:]
        else:
            assert line == "", line


def run(*command):
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
