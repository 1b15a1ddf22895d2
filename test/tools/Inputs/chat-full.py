"""chat-full.py PLAN: what happens where the context is full. PLAN is of a model as in chat-json.py, with 96 tokens."""

import json
import subprocess
import sys

plan = sys.argv[1]


def run(text, *flags):
    done = subprocess.run(["quipu", "chat", plan, "--temperature", "0", "--ignore-eos", "--threads", "1", *flags], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def chat(messages, *flags):
    status, output, _ = run("".join(json.dumps(message) + "\n" for message in messages), "--json", "--print-tokens", *flags)
    return status, [json.loads(line) for line in output.splitlines()]


def user(text):
    return {"role": "user", "content": text}


# Without a limit the context cuts the answer; the next message gets an error, and takes nothing away.
status, answers = chat([user("one"), user("two"), {"messages": [user("one")]}], "--system", "Be brief.")
assert status == 1 and answers[0]["finish_reason"] == "length", answers
assert answers[0]["prompt_tokens"] + answers[0]["tokens"] == 97, answers
assert "the context is full" in answers[1]["error"]["message"] and "--drop-oldest" in answers[1]["error"]["message"], answers
assert answers[2]["finish_reason"] == "length"

# With --drop-oldest oldest turns go, which is said. The system message stays, and there is room for an answer.
status, answers = chat([user(f"message {i}") for i in range(8)], "--system", "Be brief.", "--drop-oldest", "-n", "10")
assert status == 0 and all(answer["tokens"] == 10 for answer in answers), answers
dropped = [answer.get("dropped_turns", 0) for answer in answers]
assert sum(dropped) >= 3 and dropped[0] == 0, dropped
system = answers[0]["prompt_token_ids"][:10]
assert all(answer["prompt_token_ids"][:10] == system for answer in answers)
# The conversation that is left is the one that a program would give as a whole.
turns = [[user(f"message {i}"), {"role": "assistant", "content": answer["content"]}] for i, answer in enumerate(answers)]
kept = turns[sum(dropped):-1]
whole = [{"role": "system", "content": "Be brief."}, *(message for turn in kept for message in turn), user("message 7")]
status, [again] = chat([{"messages": whole}], "-n", "10")
assert again["prompt_token_ids"] == answers[-1]["prompt_token_ids"] and again["content"] == answers[-1]["content"]

# A message that fits in no case is an error in any case.
for flags in ([], ["--drop-oldest"]):
    status, answers = chat([user("long " * 100), user("short")], "-n", "4", *flags)
    assert status == 1 and "the context is full" in answers[0]["error"]["message"] and answers[1]["tokens"] == 4, answers
assert "even alone" in answers[0]["error"]["message"]

# Where no turn is dropped, all messages stay, also one before the first turn.
status, [plain] = chat([{"messages": [{"role": "assistant", "content": "Hi! " * 15}, user("one")]}], "-n", "4")
status, [kept] = chat([{"messages": [{"role": "assistant", "content": "Hi! " * 15}, user("one")]}], "--drop-oldest", "-n", "24")
assert 72 < plain["prompt_tokens"] <= 96 and kept["prompt_token_ids"] == plain["prompt_token_ids"], plain

# Lines of a pipe cannot be asked: nothing is dropped.
status, output, errors = run("one\ntwo\n/tokens\n")
assert status == 1 and "the context of 96 tokens is full, and the answer is cut" in errors, errors
assert "the message was not answered, because the context is full" in errors and "1 turn:" in errors, errors
status, output, errors = run("one\ntwo\nthree\nfour\nfive\n/tokens\n", "-n", "10", "--drop-oldest")
assert status == 0 and "dropped the " in errors, errors
print("as expected")
