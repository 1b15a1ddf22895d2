"""chat-terminal.py PLAN SCRATCH: `quipu chat` on a terminal. PLAN is of a model as in chat-json.py."""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from terminal import Talk  # noqa: E402

plan, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
state = scratch / "state"
env = {**os.environ, "XDG_STATE_HOME": str(state), "TERM": "xterm"}
env.pop("NO_COLOR")
# Keys are sent when a prompt has been shown: before it the terminal takes some of them as signals.
prompt, next_prompt = (re.escape(f"\x1b[1;32m{mark}\x1b[0m ") for mark in ">.")
UP, TAB, CTRL_C, CTRL_D = "\x1b[A", "\t", "\x03", "\x04"
chat = ["quipu", "chat", plan, "--temperature", "0", "--ignore-eos", "--threads", "1"]


def messages(path):
    return json.loads(path.read_text())["messages"]


# Ctrl-C stops the answer and not the program; at an empty line it tells how to leave, and drops a line that was begun.
talk = Talk([*chat, "-n", "-1"], env)
talk.expect(prompt)
talk.send("hello there\r")
talk.expect("hello there\r\n.{100}")
talk.send(CTRL_C)
talk.expect("stopped\x1b\\[0m\r\n.*" + prompt)
talk.send(CTRL_C)
talk.expect("Ctrl-D or /bye leaves.*" + prompt)
talk.send("dropped" + CTRL_C)
assert "leaves" not in talk.expect("\\^C\r\n.*" + prompt)
talk.send(f"/save {scratch}/stopped.json\r")
talk.expect("saved 1 turn.*" + prompt)
talk.send("begun \\\r")
talk.expect(next_prompt)
talk.send("dropped too" + CTRL_C)
talk.expect("\\^C\r\n.*" + prompt)
talk.send(CTRL_D)
assert talk.end() == 0
[question, answer] = messages(scratch / "stopped.json")
assert question == {"role": "user", "content": "hello there"} and answer["role"] == "assistant"
# The context would take thousands of tokens more.
assert 0 < len(answer["content"]) < 30000, len(answer["content"])

# Messages of several lines, and commands.
talk = Talk([*chat, "-n", "6"], env)


def say(text, expected=""):
    *first, last = text.split("\n")
    for line in first:
        talk.send(line + "\r")
        talk.expect(next_prompt)
    talk.send(last + "\r")
    return talk.expect(expected + ".*" + prompt)


talk.expect(prompt)
say("first \\\nsecond", "as -n says")
say('"""\nin a block\n\n/help is no command\n"""', "as -n says")
say("//slash", "as -n says")
say(f"/save {scratch}/talk.json", "saved 3 turns")
saved = messages(scratch / "talk.json")
assert [m["content"] for m in saved[::2]] == ["first \nsecond", "in a block\n\n/help is no command", "/slash"], saved
assert "undo" in say("/help", "List the commands") and "ids: 601" in say("/tokens ids", "3 turns: .*601,")
say("/undo", "2 turns left")
say("/retry", "as -n says")
say(f"/save {scratch}/retried.json", "saved 2 turns")
# The most likely tokens are the same again.
assert messages(scratch / "retried.json") == saved[:4]
say("/stats", "prompt tokens: [0-9]+ reused, 1 computed")
say("/system Be brief.", "the system message is set")
say("/reset", "a new conversation begins")
say("/system", "system message: Be brief.")
say("new", "as -n says")
say(f"/save {scratch}/reset.json", "saved 1 turn")
assert [m["role"] for m in messages(scratch / "reset.json")] == ["system", "user", "assistant"]
say(f"/load {scratch}/talk.json", "loaded 3 turns")
say("/undo", "2 turns left")
# What was loaded may be replaced.
say(f"/save {scratch}/talk.json", "saved 2 turns")
say(f"/load {scratch}/talk.json", "loaded 2 turns")
say(f"/load {scratch}/none.json", "none.json: cannot read")
say(f"/save {scratch}/none/talk.json", "error: .*none/talk.json")
say("/tokens", "2 turns:")
assert "did you mean /undo" in say("/udno", "there is no such command")
# Line editing: earlier lines, and the tabulator key completes a command.
talk.send(UP + UP)
talk.expect("/tokens")
talk.send("\r")
talk.expect("2 turns:.*" + prompt)
talk.send("/sta" + TAB + "\r")
talk.expect("prompt tokens.*" + prompt)
say("é" + "\x7f" + "über", "as -n says")
say(f"/save {scratch}/edited.json", "saved 3 turns")
assert messages(scratch / "edited.json")[4]["content"] == "über"
talk.send("/bye\r")
assert talk.end() == 0

# What was typed is kept for the next chat, for its owner alone.
history = state / "quipu" / "chat_history"
assert history.stat().st_mode & 0o777 == 0o600 and history.parent.stat().st_mode & 0o777 == 0o700
lines = history.read_text().splitlines()
assert lines[0] == "hello there" and lines[-2:] == [f"/save {scratch}/edited.json", "/bye"] and "dropped" not in lines, lines
talk = Talk([*chat, "-n", "6"], env)
talk.expect(prompt)
talk.send(UP + UP)
talk.expect("edited.json")
talk.send(CTRL_C)
talk.expect(prompt)
talk.send(CTRL_D)
assert talk.end() == 0
# It has a limit; with --no-history nothing is read and written.
history.write_text("".join(f"line {i}\n" for i in range(2500)))
before = history.read_bytes()
talk = Talk([*chat, "-n", "6", "--no-history"], env)
talk.expect(prompt)
say(UP + "alone", "as -n says")
talk.send(CTRL_D)
assert talk.end() == 0 and history.read_bytes() == before
assert "line 2499" not in talk.shown
talk = Talk([*chat, "-n", "6"], env)
talk.expect(prompt)
talk.send(CTRL_D)
assert talk.end() == 0
assert history.read_text().splitlines() == [f"line {i}" for i in range(1500, 2500)]
assert history.stat().st_mode & 0o777 == 0o600 and os.listdir(history.parent) == ["chat_history"]
# A folder that cannot be made is no reason not to chat.
(scratch / "file").write_text("")
talk = Talk([*chat, "-n", "6"], {**env, "XDG_STATE_HOME": str(scratch / "file")})
talk.expect(prompt)
assert say("one", "as -n says").count("are not kept") == 1 and "are not kept" not in say("two", "as -n says")
talk.send(CTRL_D)
assert talk.end() == 0

# Where the context is full, a person is asked. Of 4,096 tokens fewer than a quarter are left for the first answer.
count = int(subprocess.run(["quipu", "tokenize", plan, "long " * 100, "--count"], capture_output=True, check=True).stdout)
long_turn = [{"role": "user", "content": "long " * (100 * 3300 // count)}, {"role": "assistant", "content": "ok"}]
(scratch / "long.json").write_text(json.dumps(long_turn))
talk = Talk([*chat, "-n", "-1"], env)
talk.expect(prompt)
say(f"/load {scratch}/long.json", "loaded 1 turn")
talk.send("two\r")
talk.expect("the context of 4096 tokens is full, and the answer is cut.*Drop the 1 oldest turn and answer again\\? \\[y/N\\]")
say("n")
say("/tokens", "2 turns:")
talk.send("three\r")
talk.expect("the context is full: the conversation has [0-9]+ tokens.*Drop the [12] oldest turns?\\? \\[y/N\\]")
say("n", "the message was not answered")
say("/tokens", "2 turns:")
talk.send("/retry\r")
talk.expect("is cut.*answer again\\? \\[y/N\\]")
say("y", "dropped the oldest turn.*is cut")
say("/tokens", "1 turn:")
talk.send(CTRL_D)
assert talk.end() == 0

# Colours are for terminals that have them.
for changed in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
    talk = Talk([*chat, "-n", "6"], {**env, **changed})
    talk.expect(">")
    talk.send("/help\r")
    talk.expect("List the commands.*>")
    talk.send(CTRL_D)
    assert talk.end() == 0 and "\x1b[1;32m" not in talk.shown and "\x1b[2m" not in talk.shown, talk.shown
done = subprocess.run([*chat, "-n", "6"], input="one\n/stats\n", env=env, capture_output=True, text=True)
assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr and ">" not in done.stderr, done
print("as expected")
