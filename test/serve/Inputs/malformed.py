"""malformed.py MODEL: bytes that are no HTTP, or HTTP that two programs read differently, are refused and the connection closed."""

import sys

sys.dont_write_bytecode = True
from server import Server

BODY = b'{"prompt": "a", "max_tokens": 1}'
POST = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


# Bytes, and the status of the answer.
WRONG = [
    (POST + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n" + SMUGGLED, 400),
    (POST + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + BODY + SMUGGLED, 400),
    (POST + LENGTH + LENGTH + b"\r\n" + BODY, 400),
    (POST + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY + SMUGGLED, 400),
    (POST + b"Content-Length: 5, 5\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: +5\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: -1\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: 0x10\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: 5 5\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length:\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY, 400),
    (POST + b"Content-Length: 10000000000000\r\n\r\n" + BODY, 413),
    (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding : chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 400),
    (POST + b"X: a\r\n Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + BODY, 400),
    (POST + b"X: a\r\n\tb\r\n" + LENGTH + b"\r\n" + BODY, 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY, 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + BODY, 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + BODY, 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 100000, 400),
    (POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400),
    (GET + b"X: a\x00b\r\n\r\n", 400),
    (GET + b"X: a\x01b\r\n\r\n", 400),
    (GET + b"X\x00: a\r\n\r\n", 400),
    (GET + b": a\r\n\r\n", 400),
    (GET + b"no colon\r\n\r\n", 400),
    (GET + b"X y: a\r\n\r\n", 400),
    (GET + b"Host: other\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    (GET + b"Origin: https://evil.example\r\n\r\n", 403),
    (GET + b"Origin: null\r\n\r\n", 403),
    (GET + b"X: " + b"a" * 100000 + b"\r\n\r\n", 431),
    (GET + b"X: a\r\n" * 20000 + b"\r\n", 431),
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    (b"GET /health\r\n\r\n", 400),
    (b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health  HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    (b" GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /he\x00alth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /he\xffalth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET ftp://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
    (b"GET /health HTTP/1.12\r\nHost: localhost\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n\n", 400),
    (b"\x00" * 100, 400),
    (b"G{T /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (POST + LENGTH + b"Expect: 200-ok\r\n\r\n" + BODY, 417),
]


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def main():
    with Server(sys.argv[1]) as server:
        for request, status in WRONG:
            answer, is_closed = server.raw(request)
            place = (request[:120], answer[:400])
            assert status_of(answer) == status and is_closed, place
            # One answer: nothing behind the wrong request was read as a request.
            assert answer.count(b"Server: quipu") == 1, place
            assert b"Connection: close" in answer and b'{"error"' in answer, place
        # What is unusual but right is answered.
        good = [
            GET + b"Connection: close\r\n\r\n",
            b"\r\n" + GET + b"Connection: close\r\n\r\n",
            b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /health?x=1 HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
            b"HEAD /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            b"GET /health HTTP/1.0\r\n\r\n",
            POST + b"connection: Close\r\nTRANSFER-ENCODING: Chunked\r\n\r\n" + chunk(BODY[:5]) + chunk(BODY[5:]) + b"0\r\n\r\n",
            POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + b"0\r\nTrailer: a\r\n\r\n",
            POST + LENGTH + b"Connection: close\r\nExpect: 100-continue\r\n\r\n" + BODY,
        ]
        for request in good:
            answer, is_closed = server.raw(request)
            answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert status_of(answer) == 200 and is_closed, (request, answer)
        # Requests in one row get their answers in that row.
        row = GET + b"\r\n" + POST + LENGTH + b"\r\n" + BODY + GET + b"X-Request-Id: last\r\nConnection: close\r\n\r\n"
        answer, is_closed = server.raw(row)
        assert answer.count(b"HTTP/1.1 200 OK") == 3 and is_closed, answer
        assert b"text_completion" in answer[:answer.index(b"X-Request-Id: last")]
        # Letter by letter.
        with server.connect() as connection:
            for letter in GET + b"Connection: close\r\n\r\n":
                connection.sendall(bytes([letter]))
            assert b"200 OK" in connection.recv(1 << 16)
        assert server.stop() == 0, server.log
    print(f"{len(WRONG)} malformed requests were refused")


main()
