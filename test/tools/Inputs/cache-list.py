"""cache-list.py QUIPU MODEL SCRATCH: `quipu cache list` shows the plans that were compiled on the fly, `clear` deletes
these and nothing else."""

import json
import os
import shutil
import subprocess
import sys

quipu, model, scratch = sys.argv[1:]
cache = os.path.join(scratch, "cache")
plans = os.path.join(cache, "plans")
environment = {**os.environ, "QUIPU_CACHE": cache}


def run(*arguments, status=0):
    result = subprocess.run([quipu, *arguments], capture_output=True, text=True, env=environment)
    assert result.returncode == status, (arguments, result.returncode, result.stderr)
    return result.stdout if status == 0 else result.stderr


def listed():
    return json.loads(run("cache", "list", "--json"))


# Nothing was compiled yet, and nothing is made by looking.
assert run("cache", "list") == f"0 plans, 0 B in {cache}\n"
assert "deleted 0 plans" in run("cache", "clear")
assert not os.path.exists(cache)

run("run", model, "--prompt-tokens", "1", "-n", "1")
run("run", model, "--prompt-tokens", "1", "-n", "1", "--dtype", "bf16")
found = listed()
assert found["folder"] == cache and found["others"] == 0 and len(found["plans"]) == 2, found
assert {plan["dtype"] for plan in found["plans"]} == {"f32", "bf16"}
for plan in found["plans"]:
    assert os.path.samefile(plan["model"], model) and plan["target"] == "cpu:x86_64", plan
    assert os.path.dirname(plan["file"]) == plans and os.path.getsize(plan["file"]) == plan["bytes"], plan
text = run("cache", "list")
assert text.count(os.path.basename(model)) == 2 and "2 plans, " in text, text

# What a person may have put there.
ours = [plan["file"] for plan in found["plans"]]
elsewhere = os.path.join(scratch, "mine.qplan")
shutil.copy(ours[0], elsewhere)
shutil.copy(ours[0], os.path.join(plans, "mine.qplan"))
shutil.copy(ours[0], os.path.join(plans, "0123456789abcdef0123456789abcdeg.qplan"))
shutil.copy(ours[0], os.path.join(plans, "0123456789abcdef0123456789abcdef.qplan.bak"))
shutil.copy(ours[0], os.path.join(cache, "0123456789abcdef0123456789abcdef.qplan"))
os.symlink(elsewhere, os.path.join(plans, "1" * 32 + ".qplan"))
os.mkdir(os.path.join(plans, "2" * 32 + ".qplan"))
with open(os.path.join(plans, "3" * 32 + ".qplan"), "w") as file:
    file.write("notes of mine\n")
with open(os.path.join(plans, "4" * 32 + ".qplan"), "w") as file:
    pass
os.mkfifo(os.path.join(plans, "5" * 32 + ".qplan"))
# A plan of ours that was damaged is ours still.
with open(ours[1], "r+b") as file:
    file.seek(200)
    file.write(b"\xff" * 8)
# What a compiler left that was killed; one that may be at work, and what is called a little like it.
killed, working, other = (os.path.join(plans, name) for name in
                          (".quipu-0123456789abcdef", ".quipu-0123456789abcde0", ".quipu-0123456789abcdef0"))
for path in (killed, working, other):
    with open(path, "w") as file:
        file.write("half")
for path in (killed, other):
    os.utime(path, (1e9, 1e9))
before = {name for name in os.listdir(plans)}
found = listed()
assert found["others"] == 10 and found["leftovers"] == 1 and len(found["plans"]) == 2, found
assert "1 unfinished file of killed compilers, 4 B; clear deletes them\n" in run("cache", "list")
assert "damaged" in run("cache", "list")
text = run("cache", "clear")
assert "deleted 2 plans" in text and "left 10 things that are no plans of the cache" in text, text
assert f"deleted 1 unfinished file of killed compilers, {len('half')} B" in text, text
assert before - set(os.listdir(plans)) == {os.path.basename(path) for path in (*ours, killed)}
assert os.path.exists(elsewhere) and len(os.listdir(plans)) == 10
assert os.path.exists(os.path.join(cache, "0123456789abcdef0123456789abcdef.qplan"))
run("run", model, "--prompt-tokens", "1", "-n", "1")
assert len(listed()["plans"]) == 1

assert "ACTION is required" in run("cache", status=2)
assert "drop not in {list,clear}" in run("cache", "drop", status=2)
assert "--json goes with list" in run("cache", "clear", "--json", status=2)
assert len(listed()["plans"]) == 1
print("listed and cleared")
