"""score-resume.py PLAN OTHER_PLAN DATA SCRATCH: a run of `quipu score` that was ended goes on to the same file, and only where it belongs."""

import fcntl
import pathlib
import signal
import subprocess
import sys
import time

plan, other_plan, data, scratch = (pathlib.Path(path) for path in sys.argv[1:5])


def score(output, *flags, the_plan=plan, the_data=data):
    return subprocess.run(["quipu", "score", the_plan, "--data", the_data, "-o", output, *flags],
                          capture_output=True, text=True)


def done(output, *flags, **changes):
    run = score(output, *flags, **changes)
    assert run.returncode == 0, run.stderr
    return run


def refused(message, output, *flags, **changes):
    before = output.read_bytes()
    run = score(output, *flags, **changes)
    assert run.returncode == 1 and message in run.stderr and not run.stdout, (message, run)
    assert output.read_bytes() == before, message


whole, part = scratch / "whole.jsonl", scratch / "part.jsonl"
for flags in ([], ["--pack", "128"], ["--batch", "1"]):
    whole.unlink(missing_ok=True)
    table = done(whole, *flags).stdout
    expected = whole.read_bytes()
    samples = len(data.read_text().splitlines())
    assert expected.count(b"\n") == samples + 2 and expected.startswith(b'{"quipu_score":'), expected[:200]
    # As a kill leaves it: after some lines, in a line, in the header, before it; and with a last line that is no JSON.
    ends = [0, 5, expected.index(b"\n"), expected.index(b"\n") + 1]
    ends += [len(expected) * i // 7 for i in range(1, 7)] + [len(expected) - 1, len(expected)]
    for end in ends:
        part.write_bytes(expected[:end])
        run = done(part, "--resume", *flags)
        assert part.read_bytes() == expected and run.stdout == table, (flags, end)
        # What is whole is not computed again.
        assert (f"has the results of {max(0, expected[:end].count(b'%c' % 10) - 1 - (end == len(expected)))} of "
                in run.stderr) == (expected[:end].count(b"\n") > 1), (end, run.stderr)
        assert (" tokens in " in run.stderr) == (expected[:end].count(b"\n") < samples + 1), (end, run.stderr)
    part.write_bytes(expected[: expected.index(b"\n", 3000) + 1] + b'{"index": 4, "to\0\0\n')
    done(part, "--resume", *flags)
    assert part.read_bytes() == expected, flags

# A real kill.
part.unlink()
flags = ["--batch", "1", "--threads", "1"]
done(whole, *flags)
process = subprocess.Popen(["quipu", "score", plan, "--data", data, "-o", part, *flags], stderr=subprocess.DEVNULL)
while process.poll() is None and (not part.exists() or part.read_bytes().count(b"\n") < 4):
    time.sleep(0.001)
process.send_signal(signal.SIGKILL)
process.wait()
done(part, "--resume", *flags)
assert part.read_bytes() == whole.read_bytes()
# A file that does not exist yet is begun; with --json the total alone is on standard output.
part.unlink()
run = done(part, "--resume", "--json", *flags)
assert part.read_bytes() == whole.read_bytes() and run.stdout.encode() == whole.read_bytes().splitlines(True)[-1]

expected = whole.read_bytes()
lines = expected.splitlines(True)
part.write_bytes(b"".join(lines[:9]))
refused("has the results of a run that has not finished; go on with --resume, or remove the file", part, *flags)
refused("results are of another plan (plan is ", part, "--resume", *flags, the_plan=other_plan)
refused("results are of a run with another batch (batch is 1, now it is 2)", part, "--resume", "--batch", "2")
refused("results are of a run with another pack (pack is 0, now it is 128)", part, "--resume", "--pack", "128")
refused("results are of a run with another weights", part, "--resume", *flags, "--weights", "random:1")
refused("results are of other data, or of the same with another tokenizer, template or mask (data is ", part,
        "--resume", "--mask-prompt", "off", *flags)
other = scratch / "other.jsonl"
other.write_text(data.read_text().replace("blue", "green", 1))
refused("results are of other data", part, "--resume", *flags, the_data=other)
part.write_bytes(b"".join(lines[:3] + lines[4:9]))
refused("line 4 is not the result of sample 2, which must follow; the file was changed", part, "--resume", *flags)
part.write_bytes(b"".join(lines[:3]) + b"nonsense\n" + b"".join(lines[4:]))
refused("line 4 is not the result of sample 2", part, "--resume", *flags)
part.write_bytes(expected + lines[1])
refused("line 52 does not belong there: all 50 samples have their results", part, "--resume", *flags)
part.write_bytes(b'{"a": 1}\n{"b": 2}\n')
refused("line 1 is not the header of a result file", part, "--resume", *flags)
refused("cannot write: it is ", data, *flags)
with part.open("r+") as held:
    fcntl.flock(held, fcntl.LOCK_EX)
    refused("another run is writing it", part, *flags)
# A finished file, or what is no result file, is written anew, as other commands do it.
done(part, *flags)
assert part.read_bytes() == expected
done(part, *flags)
assert part.read_bytes() == expected
run = score(pathlib.Path("/dev/full"))
assert run.returncode == 1 and "/dev/full: cannot write the results: No space left on device" in run.stderr, run
