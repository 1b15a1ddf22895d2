"""page.py MODEL: the page at / talks with the model and shows its slots, in headless Chromium, and asks nobody else."""

import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])
from browser import Browser
from server import Server

LAST = "document.querySelector('#messages li:last-child')"


def wait(browser, expression):
    """Until it holds; not for ever, since a slow browser may miss what lasts for a moment."""
    found = browser.run(f"new Promise((done) => {{ const end = Date.now() + 60000; const look = () => {expression} ? "
                        "done(true) : Date.now() > end ? done(false) : setTimeout(look, 20); look(); })")
    assert found, expression


def say(browser, text):
    browser.click("#text")
    browser.call("Input.insertText", {"text": text})
    browser.press("Enter", "\r")


def talk(browser, server):
    browser.open_url(server.url + "/")
    wait(browser, "document.documentElement.dataset.model === 'yes'")
    assert browser.run("document.querySelector('#model').textContent").startswith("tales, "), browser.errors
    assert browser.run("document.querySelector('#mode').value") == "chat"
    for name, value in (("temperature", "0"), ("length", "12")):
        browser.run(f"document.querySelector('#{name}').value = '{value}'")
    say(browser, "Once upon a time")
    wait(browser, f"{LAST}.dataset.finished && {LAST}.querySelector('.note').textContent")
    body = {"messages": [{"role": "user", "content": "Once upon a time"}], "max_tokens": 12, "temperature": 0}
    expected = server.post("/v1/chat/completions", body).json["choices"][0]["message"]["content"]
    assert browser.run(f"{LAST}.querySelector('span').textContent") == expected, browser.errors
    assert browser.run("document.querySelectorAll('#messages li').length") == 2
    # What the model writes is text, whatever it says.
    assert browser.run("document.querySelectorAll('#messages li span *').length") == 0
    # A long answer is in the table of slots while it is written, and is stopped.
    browser.run("document.querySelector('#mode').value = 'text'; document.querySelector('#length').value = '400';"
                "document.querySelector('#temperature').value = '1.5'")
    slot = "document.querySelectorAll('#slots tr').length === 1"
    for _ in range(20):  # On a fast machine an answer may end before anybody has looked.
        say(browser, "Once <b>upon</b> a time")
        wait(browser, f"{slot} || {LAST}.dataset.finished")
        if browser.run(slot):
            break
    assert browser.run(slot)
    browser.click("#stop")
    wait(browser, f"{LAST}.dataset.finished")
    wait(browser, "document.querySelectorAll('#slots tr').length === 0")
    # An error of the server is shown.
    say(browser, "word " * 3000)
    wait(browser, "!document.querySelector('#problem').hidden")
    assert "context" in browser.run("document.querySelector('#problem').textContent")
    browser.run("document.querySelector('#clear').scrollIntoView()")
    browser.click("#clear")
    assert browser.run("document.querySelectorAll('#messages li').length") == 0
    assert all(url.startswith((server.url + "/", "data:")) for url in browser.requests), browser.requests
    # The only errors of the console are those that it writes for an answer with status 400.
    assert all("400" in error for error in browser.errors), browser.errors


def main():
    # What the browser may reach is this machine alone.
    with Browser(hosts="MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        with Server(sys.argv[1], "--chat-template", "chatml", "--served-name", "tales") as server:
            talk(browser, server)
    with Browser(hosts="MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        with Server(sys.argv[1], "--chat-template", "chatml", "--api-key", "a-secret-key") as server:
            browser.open_url(server.url + "/")
            wait(browser, "document.querySelector('#state').textContent.includes('key')")
            browser.run("document.querySelector('#key').value = 'a-secret-key';"
                        "document.querySelector('#key').dispatchEvent(new Event('change'))")
            wait(browser, "document.documentElement.dataset.model === 'yes'")
            wait(browser, "document.querySelector('#state').textContent === 'running'")
    print("the page works")


main()
