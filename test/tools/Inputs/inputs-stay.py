"""inputs-stay.py SCRATCH MODEL TALKER: asks every command that writes for an output that is one of its inputs."""

import os
import pathlib
import shutil
import subprocess
import sys

scratch = pathlib.Path(sys.argv[1])
talker = pathlib.Path(sys.argv[3]).resolve()
model, plan, story = scratch / "model", scratch / "plan", scratch / "story"
shutil.copytree(sys.argv[2], model)
for name in ("tokenizer_config.json", "generation_config.json"):
    (model / name).write_text("{}")
subprocess.run(["quipu", "compile", model, "-o", plan], check=True)
subprocess.run(["quipu", "compile", model, "--emit", "executable", "-o", story], check=True)
os.symlink("model", scratch / "alias")
os.link(model / "config.json", scratch / "hard")
os.symlink("hard", scratch / "soft")
os.symlink(plan, scratch / "plan-link")


def contents():
    """Every file below the scratch folder, with its bytes and its kind."""
    return {path: (path.is_symlink(), path.read_bytes()) for path in scratch.rglob("*") if path.is_file()}


before = contents()


def refused(*command, **options):
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                         **{"stdout": subprocess.PIPE, **options})
    assert run.returncode == 1, (command, run.returncode, run.stderr)
    assert "cannot write: it " in run.stderr, (command, run.stderr)
    assert contents() == before, command


def stays(output, *command):
    refused(*command, "-o", output)


compile_ = ["quipu", "compile", model]
logits = ["--prompt-tokens", "1,2"]
# Every file of the model, whether the compiler reads it or not.
for path in model.iterdir():
    if path.suffix != ".npy":
        stays(path, *compile_)
# Every form.
for form in (["--bundle"], ["--emit", "executable"], ["--emit", "mlir"], ["--emit", "asm"], ["--emit", "llvm"],
             ["--stop-after", "import"], ["--target", "cuda", "--emit", "ptx"]):
    stays(model / "config.json", *compile_, *form)
# Every way to call it.
os.chdir(scratch)
for name in ("model/config.json", "./model//../model/config.json", "alias/config.json", "hard", "soft",
             "alias/model-00002-of-00004.safetensors"):
    stays(name, *compile_)
    stays(name, "quipu", "logits", model, *logits)
    stays(name, "quipu", "logits", plan, *logits)
stays("model/model.safetensors.index.json", "quipu", "compile", "model/config.json")
for name in ("plan", "plan-link"):
    stays(name, "quipu", "logits", "plan", *logits)
    stays(name, "quipu", "inspect", "plan", "--module", "0")
stays("story", "./story", "logits", *logits)
stays(shutil.which("quipu"), *compile_, "--emit", "executable")
# The tools of the developers.
subprocess.run([*compile_, "--emit", "mlir", "-o", "module.mlir"], check=True)
before = contents()
stays("module.mlir", "quipu-eval", "module.mlir", "--tokens", "1,2")
stays("module.mlir", "quipu-opt", "module.mlir")
# What a file outside of the model is dumped into.
(scratch / "dumps").mkdir()
os.link(model / "config.json", scratch / "dumps" / "00-import.mlir")
before = contents()
refused(*compile_, "--dump-phases", "dumps")

# Standard output that goes into an input; "-" alone is a descriptor too.
for command in (["quipu", "logits", "plan", *logits, "-o", "-"], ["quipu", "logits", "plan", *logits, "-o", "/dev/stdout"],
                ["quipu", "run", "plan", "--prompt-tokens", "1", "-n", "2"], ["quipu", "inspect", "plan"]):
    with open("plan", "ab") as target:
        refused(*command, stdout=target)
with open("model/config.json", "ab") as target:
    refused(*compile_, "-o", "-", stdout=target)

# The tokenizer is read last of all.
shutil.copytree(talker, "talker")
tokenizer = pathlib.Path("talker/tokenizer.model")
size = tokenizer.stat().st_size
with tokenizer.open("ab") as target:
    ended = subprocess.run(["quipu", "compile", "talker", "-o", "-"], stdout=target, stderr=subprocess.PIPE, text=True)
assert ended.returncode == 1 and "same file as " in ended.stderr, ended
assert tokenizer.stat().st_size == size

# What was written before may be written again, also in the model's folder.
for _ in range(2):
    for command in ([*compile_, "-o", "model/out"], [*compile_, "--emit", "executable", "-o", "model/program"],
                    [*compile_, "--emit", "asm", "-o", "model/out.s"],
                    ["quipu", "logits", "model/out", *logits, "-o", "model/values"],
                    ["quipu", "logits", "model/out", *logits, "-o", "model/values.bin"],
                    ["quipu", "inspect", "model/out", "--module", "0", "-o", "model/code.so"]):
        subprocess.run(command, check=True)
# Through a descriptor nothing is lost that was written before.
with open("both", "wb") as target:
    target.write(b"before")
    target.flush()
    subprocess.run(["quipu", "logits", "plan", *logits, "-o", "/dev/stdout"], check=True, stdout=target)
both = pathlib.Path("both").read_bytes()
assert both.startswith(b"before\x93NUMPY") and both.endswith(pathlib.Path("model/values").read_bytes()), both[:20]
