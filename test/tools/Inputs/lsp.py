"""lsp.py MODULE: opens a file in quipu-lsp-server, as an editor does, and prints what the server says of it.

Prints a line for each diagnostic, then what the server shows for the first llama.rms_norm of the file, and the line that
defines the value which it reads.
"""

import json
import pathlib
import subprocess
import sys

path = pathlib.Path(sys.argv[1]).resolve()
text = path.read_text()
server = subprocess.Popen(["quipu-lsp-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
number = 0


def send(method, parameters, is_request=True):
    global number
    number += is_request
    message = {"jsonrpc": "2.0", "method": method, "params": parameters, **({"id": number} if is_request else {})}
    body = json.dumps(message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()


def receive(is_wanted):
    while True:
        length = 0
        while (line := server.stdout.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the server ended"
        message = json.loads(server.stdout.read(length))
        if is_wanted(message):
            return message


def ask(method, parameters):
    send(method, parameters)
    return receive(lambda message: message.get("id") == number)["result"]


document = {"uri": path.as_uri()}
ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
send("initialized", {}, is_request=False)
send("textDocument/didOpen", {"textDocument": {**document, "languageId": "mlir", "version": 1, "text": text}}, is_request=False)
published = receive(lambda message: message.get("method") == "textDocument/publishDiagnostics")
for diagnostic in published["params"]["diagnostics"]:
    print(f"line {diagnostic['range']['start']['line'] + 1}: {diagnostic['message']}")
lines = text.splitlines()
line = next(i for i, each in enumerate(lines) if "llama.rms_norm" in each)
hover = ask("textDocument/hover", {"textDocument": document, "position": {"line": line, "character": lines[line].index("llama.rms_norm") + 2}})
print("hover:", (hover or {}).get("contents", {}).get("value", "nothing").split("\n")[0])
place = {"line": line, "character": lines[line].index("%", lines[line].index("llama.rms_norm")) + 1}
for definition in ask("textDocument/definition", {"textDocument": document, "position": place}):
    print(f"defined on line {definition['range']['start']['line'] + 1}")
ask("shutdown", None)
send("exit", None, is_request=False)
sys.exit(server.wait(timeout=60))
