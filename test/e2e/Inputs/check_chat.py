"""check_chat.py PLAN EXPECTED.json: the conversations of a file, by `quipu chat --json`, as make_smollm2_chat.py wrote them."""

import json
import subprocess
import sys

plan, expected = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))


def chat(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    output = subprocess.run(["quipu", "chat", plan, "--json", "--print-tokens", "--temperature", "0", "-n", str(expected["new_tokens"])],
                            input=text, text=True, check=True, stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in output.splitlines()]


def check(answer, turn, content):
    assert answer["prompt_token_ids"] == turn["prompt_ids"], (answer["prompt_token_ids"], turn["prompt_ids"])
    assert answer["token_ids"] == turn["ids"] and answer["content"] == content, (answer["content"], content)
    assert answer["finish_reason"] == turn["finish_reason"], answer


turns = 0
for conversation in expected["conversations"]:
    messages = conversation["messages"]
    questions = [i for i, message in enumerate(messages) if message["role"] == "user"]
    # The first question with the system message before it, then one by one.
    lines = [{"messages": messages[:questions[0] + 1]}, *(messages[i] for i in questions[1:])]
    for answer, turn, question in zip(chat(lines), conversation["turns"], questions, strict=True):
        check(answer, turn, messages[question + 1]["content"])
        # A later turn computes the last token of the answer before, and what is new.
        assert (answer["reused_tokens"] > 0) == (question != questions[0]), answer
        # From the start.
        [alone] = chat([{"messages": messages[:question + 1]}])
        check(alone, turn, messages[question + 1]["content"])
        assert alone["reused_tokens"] == 0
        turns += 1
        print(f"{answer['prompt_tokens']} prompt tokens, {answer['reused_tokens']} reused: {answer['tokens']} tokens as expected")
assert turns >= 5
