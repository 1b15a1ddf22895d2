"""inherited.py SCRATCH MODEL TALKER: starts commands with descriptors and signals that a parent left in a bad state.

MODEL has no tokenizer, TALKER has one.
"""

import fcntl
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

scratch, model, talker = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
plan = scratch / "plan"
run = ["quipu", "run", plan, "--prompt-tokens", "1,2,3", "-n", "4", "--temperature", "0", "--print-tokens"]


def compiled(path, **options):
    return subprocess.run(["quipu", "compile", model, "-o", path], **options)


assert compiled(plan).returncode == 0
expected = subprocess.run(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def closing(*descriptors):
    return lambda: [os.close(descriptor) for descriptor in descriptors]


def start(command, before, **options):
    """The end of a command; `before` runs in its process. Its streams are files, which can be closed."""
    names = {"stdout": scratch / "stdout", "stderr": scratch / "stderr"}
    with open(names["stdout"], "wb") as out, open(names["stderr"], "wb") as err:
        ended = subprocess.run(command, preexec_fn=before, stdin=subprocess.DEVNULL,
                               **{"stdout": out, "stderr": err, **options})
    return ended.returncode, names["stdout"].read_bytes(), names["stderr"].read_text()


# Closed descriptors: text must not go where it does not belong, nor be lost in silence.
assert start(run, closing(0))[:2] == (0, expected)
assert start(run, closing(2))[:2] == (0, expected)
for descriptors in ([1], [0, 1], [1, 2], [0, 1, 2]):
    status, out, err = start(run, closing(*descriptors))
    assert status == 1 and out == b"", (descriptors, status, out)
    assert 2 in descriptors or "standard output: cannot write: Bad file descriptor" in err, (descriptors, err)
status, _, err = start(["quipu", "run", talker, "-n", "4"], closing(0))
assert status == 1 and "standard input: cannot read: Bad file descriptor" in err, (status, err)
for descriptors in ([0], [1], [2], [0, 1, 2]):
    made = scratch / "made"
    assert start(["quipu", "compile", model, "-o", made], closing(*descriptors))[0] == 0, descriptors
    assert made.read_bytes() == plan.read_bytes(), descriptors
status, _, err = start(["quipu", "compile", model, "-o", "-"], closing(1))
assert status == 1 and "Bad file descriptor" in err, (status, err)

# Signals.
assert start(["quipu", "compile", model, "-o", scratch / "made"], lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
             )[0] == 0
assert start(["quipu", "inspect", model, "--phase", "import"], lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
             )[0] == 0


def ignore_pipe():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


reading, writing = os.pipe()
os.close(reading)
assert start(run, ignore_pipe, stdout=writing)[0] == -signal.SIGPIPE
os.close(writing)

process = subprocess.Popen(["quipu", "run", talker], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()))
status_file = pathlib.Path(f"/proc/{process.pid}/status")
while "SigBlk:\t0000000000000000" not in status_file.read_text():
    assert process.poll() is None
    time.sleep(0.01)
process.terminate()
assert process.wait(60) == -signal.SIGTERM


# A limit on the size of files: an error that says so, for a file and for standard output.
def limit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


limited = scratch / "limited"
limited.mkdir()
for command in (["quipu", "compile", model, "-o", limited / "plan"],
                ["quipu", "compile", model, "--emit", "asm", "-o", limited / "asm"],
                ["quipu", "logits", plan, "--prompt-tokens", "1,2", "-o", limited / "logits"]):
    with open(scratch / "stderr", "wb") as unused:
        ended = subprocess.run(command, preexec_fn=limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1 and "File too large" in ended.stderr, (command, ended)
    assert not list(limited.iterdir()), command


# Pipes that do not block: whoever is slow at the other end gets everything.
def through_pipe(command, given=None):
    """Standard output of a command whose streams are pipes that do not block, read slowly and written late."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    source, feed = os.pipe()
    for descriptor in (writing, source):
        os.set_blocking(descriptor, False)
    process = subprocess.Popen(command, stdin=source, stdout=writing, stderr=writing if given is None else None)
    os.close(writing)
    os.close(source)

    def write():
        time.sleep(0.3)
        with open(feed, "wb") as stream:
            stream.write(given or b"")

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.5)
    result = b""
    while part := os.read(reading, 100):
        result += part
    os.close(reading)
    writer.join()
    return process.wait(), result


logits = ["quipu", "logits", plan, "--prompt-tokens", "1,2,3,4,5,6,7,8", "--all", "-o"]
subprocess.run([*logits, scratch / "logits.npy"], check=True)
assert through_pipe([*logits, "-"]) == (0, (scratch / "logits.npy").read_bytes())
subprocess.run(["quipu", "compile", model, "--emit", "mlir", "-o", scratch / "mlir"], check=True)
assert through_pipe(["quipu", "compile", model, "--emit", "mlir", "-o", "-"]) == (0, (scratch / "mlir").read_bytes())
for command in (["quipu", "inspect", plan, "--json"], ["quipu", "--help"]):
    wanted = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    assert through_pipe(command) == (0, wanted), command
command = ["quipu", "tokenize", talker]
text = b"Once upon a time " * 1000
wanted = subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE).stdout
assert through_pipe(command, text) == (0, wanted)
