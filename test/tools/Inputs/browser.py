"""A headless Chromium that opens a page from the disk, for tests of the report.

It is driven through two pipes, which is what --remote-debugging-pipe is for: messages are JSON and end with a zero byte.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")


def program():
    """The browser's path, or nothing."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    def __init__(self, width=1400, height=900, hosts="MAP * ~NOTFOUND"):
        """`hosts`: what the browser may reach, as its rules for names say; by default nothing."""
        self.profile = tempfile.TemporaryDirectory(prefix="quipu-browser-", ignore_cleanup_errors=True)
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def place_pipes():
            # The browser reads from 3 and writes to 4. Copies first: 3 or 4 may be one of the pipes.
            copies = os.dup(to_browser), os.dup(from_browser)
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        self.process = subprocess.Popen(
            [program(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", f"--host-resolver-rules={hosts}",
             f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}", "--remote-debugging-pipe"],
            preexec_fn=place_pipes, pass_fds=(3, 4, to_browser, from_browser),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.rest = b""
        self.number = 0
        # What pages say of errors, and what they ask the network for.
        self.errors, self.requests, self.events = [], [], []
        target = self.call("Target.createTarget", {"url": "about:blank"}, session=False)["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True}, session=False)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()

    def receive(self, timeout):
        end = time.monotonic() + timeout
        while b"\0" not in self.rest:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"the browser said nothing for {timeout} s")
            data = os.read(self.input, 1 << 20)
            if not data:
                raise EOFError("the browser ended")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        self.note(message)
        return message

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(each.get("value", each.get("description"))) for each in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def call(self, method, params=None, session=True, timeout=60):
        self.number += 1
        number, message = self.number, {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive(timeout)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def open(self, path, fragment=""):
        """Opens a file, and waits until it has been painted. Returns the seconds that took."""
        return self.open_url(pathlib.Path(path).resolve().as_uri() + fragment)

    def open_url(self, url):
        self.events.clear()
        begin = time.monotonic()
        self.call("Page.navigate", {"url": url})
        while "Page.loadEventFired" not in self.events:
            self.receive(60)
        # Once it has been painted.
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - begin

    def run(self, expression):
        """The value of an expression of JavaScript; of a promise what it gives."""
        result = self.call("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(f"{expression}: {details.get('exception', {}).get('description') or details['text']}")
        return result["result"].get("value")

    def processor_seconds(self):
        """What the process of the page has used so far."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "ProcessTime")

    def press(self, key, text=None):
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": key}
            if text and kind == "keyDown":
                event["text"] = text
            self.call("Input.dispatchKeyEvent", event)

    def click(self, selector):
        """Clicks into the middle of an element, as a mouse does."""
        x, y = self.run(f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                        "return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def set_dark(self, is_dark):
        self.call("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})

    def screenshot(self, path, selector=None):
        """A PNG of the window, or of an element in it."""
        params = {"format": "png"}
        if selector:
            params["clip"] = self.run(f"(() => {{ const {{ x, y, width, height }} = document.querySelector("
                                      f"{json.dumps(selector)}).getBoundingClientRect();"
                                      "return { x, y, width, height, scale: 1 }; })()")
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", params)["data"]))

    def pdf_bytes(self):
        return len(base64.b64decode(self.call("Page.printToPDF", {"printBackground": True})["data"]))
