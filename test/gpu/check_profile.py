#!/usr/bin/env python3
"""Checks what `quipu profile` says of a plan against the time of the whole, which is measured by itself.

    check_profile.py PLAN [--within PERCENT] [-- FLAG...]

Kernels of a step may overlap (programmatic dependent launch). Each is timed where it may not, in a step of its own, and
the profile measures what the step saves by overlapping. Steps and this overlap, a negative waiting time, must be the
whole within so many per cent: of generation, whose steps are graphs, and of a prompt. FLAGs go to quipu, such as
`--weights random:0`. Exit status 1 when something does not hold.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = [["-n", "4", "-d", "512", "-r", "7"], ["-p", "512", "-r", "5"]]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def problems(profile, trace, within):
    """What is wrong with a profile and its time line, as texts."""
    steps, waiting, total = profile["steps_us"], profile["waiting_us"], profile["total_us"]
    off = 100 * ((steps + waiting) / total - 1)
    overlap = profile["waiting"].get("overlap_us", 0)
    print(f"{profile['name']:12} steps {steps:.1f} us, waiting {waiting:.1f} us (overlap {overlap:.1f} us), the whole "
          f"{total:.1f} us: {off:+.2f} %; with events {profile['observed_us']:.1f} us")
    for step in profile["steps"][:6]:
        print(f"             {step['place']:36} {step['name']:28} {step['us_median']:9.1f} us {step['GBps']:7.0f} GB/s "
              f"{100 * step['of_ceiling']:5.1f} %, loses {step['lost_us'] or 0:.1f} us")
    found = []
    if abs(off) > within:
        found.append(f"steps and waiting are {off:+.2f} % off the whole")
    if any(step["us_median"] <= 0 for step in profile["steps"] if step["bytes"] > 0):
        found.append("a step that reads weights takes no time")
    slices = {}
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            slices.setdefault(event["tid"], []).append((event["ts"], event["dur"]))
    for track, events in slices.items():
        if any(begin + length > after + 0.01 for (begin, length), (after, _) in zip(events, events[1:])):
            found.append(f"slices of track {track} overlap")
    if sum(step["count"] for step in profile["steps"]) < 4 or len(slices) < 2:
        found.append("launches are missing")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("flags", nargs="*")
    parser.add_argument("--within", type=float, default=5)
    parser.add_argument("--quipu", default="quipu")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        for test in TESTS:
            try:
                profile = json.loads(
                    run([options.quipu, "profile", options.plan, "--json", "--trace", path, *test, *options.flags]))
                failed += problems(profile, json.loads(path.read_text()), options.within)
            except (RuntimeError, ValueError) as error:
                failed.append(f"{' '.join(test)}: {error}")
    for text in failed:
        print(f"FAILED: {text}")
    print(f"{len(TESTS)} profiles, {len(failed)} failures")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
