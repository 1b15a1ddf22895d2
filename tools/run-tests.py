#!/usr/bin/env python3
"""Runs the tests of one build: every GoogleTest program, then the lit suite; counts individual tests.

Prints the failures with their output, the skipped tests with the reason, and a table with one line for each suite.
`--counts FILE` adds "passed failed skipped" as one line to FILE, for tools/test.sh to add up. Exit status 1 when a test
failed or none ran.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time

Result = collections.namedtuple("Result", "suite name outcome detail")


def run_unittest(program, environment, source):
    """Results of one GoogleTest program; one that dies counts as a failed test of its own."""
    suite = os.path.basename(program)
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.json")
        run = subprocess.run([program, f"--gtest_output=json:{report}"], cwd=source, text=True,
                             errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=environment)
        try:
            with open(report) as file:
                document = json.load(file)
        except (OSError, ValueError):
            return [Result(suite, suite, "failed", f"exit status {run.returncode} without a report\n{run.stdout}")]
    results = []
    for case in document["testsuites"]:
        for test in case["testsuite"]:
            name = f"{case['name']}.{test['name']}"
            if test.get("failures"):
                outcome, detail = "failed", "\n".join(failure["failure"] for failure in test["failures"])
            elif test.get("result") == "SKIPPED":
                outcome, detail = "skipped", skip_reason(name, run.stdout)
            elif test.get("status") == "NOTRUN":
                continue
            else:
                outcome, detail = "passed", ""
            results.append(Result(suite, name, outcome, detail))
    if run.returncode != 0 and not any(result.outcome == "failed" for result in results):
        results.append(Result(suite, suite, "failed", f"exit status {run.returncode}\n{run.stdout}"))
    return results


def skip_reason(name, output):
    """GoogleTest's report leaves out why a test was skipped; its output says it in the lines before the verdict."""
    lines = output.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(f"[  SKIPPED ] {name} "):
            reason = []
            for before in reversed(lines[:number]):
                if before.startswith("[") or before.endswith(": Skipped"):
                    break
                reason.insert(0, before.strip())
            if reason:
                return " ".join(reason).strip()
    return "no reason given"


def run_lit(lit, paths, workers, exhaustive, environment):
    """Results of the lit suite, by folder."""
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.json")
        command = [sys.executable, lit, "-s", f"-j{workers}", "--no-progress-bar", "-o", report]
        if exhaustive:
            command += ["--param", "exhaustive=1"]
        run = subprocess.run(command + paths, text=True, errors="replace", stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        try:
            with open(report) as file:
                document = json.load(file)
        except (OSError, ValueError):
            return [Result("lit", "lit", "failed", f"exit status {run.returncode} without a report\n{run.stdout}")]
    results = []
    for test in document["tests"]:
        name = test["name"].split(" :: ", 1)[-1]
        suite = "lit " + (name.split("/", 1)[0] if "/" in name else "")
        code = test["code"]
        if code in ("PASS", "FLAKYPASS", "XFAIL"):
            outcome, detail = "passed", ""
        elif code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            outcome, detail = "skipped", lit_skip_reason(test.get("output", ""))
        else:
            outcome, detail = "failed", f"{code}\n{test.get('output', '')}"
        results.append(Result(suite.strip(), name, outcome, detail))
    return results


def lit_skip_reason(output):
    match = re.search(r"unavailable features: (.*)", output)
    return f"this machine lacks: {match.group(1)}" if match else (output.strip() or "unsupported here")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--label", default="", help="put before suite names in the table")
    parser.add_argument("--sanitized-compiler", action="store_true",
                        help="the build's compiler has AddressSanitizer, LLVM's libraries do not")
    parser.add_argument("--no-lit", action="store_true", help="only the GoogleTest programs")
    parser.add_argument("--exhaustive", action="store_true",
                        help="lit tests that choose among combinations take all of them")
    parser.add_argument("--lit", default="/usr/lib/llvm-22/bin/lit", help="the lit program")
    parser.add_argument("--counts", help="file to add the counts to")
    parser.add_argument("-j", type=int, default=os.cpu_count(), help="lit tests at once")
    parser.add_argument("paths", nargs="*", help="lit tests or folders (default: the whole suite)")
    args = parser.parse_args()

    build = os.path.abspath(args.build)
    source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "test")
    # A sanitizer's report is a failure, also in code that catches the signal.
    # LLVM's libraries are built without one: memory that its allocators take in a header of ours and give out in a
    # library would count as poisoned, and what its globals hold to the end as leaked.
    environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=1:allow_user_poisoning=0:detect_leaks=0"
                       if args.sanitized_compiler else "abort_on_error=1", UBSAN_OPTIONS="print_stacktrace=1")
    results, seconds = [], collections.Counter()
    with open(os.path.join(build, "test", "unittests.txt")) as file:
        programs = file.read().split()
    for program in programs:
        start = time.monotonic()
        results += run_unittest(program, environment, source)
        seconds[os.path.basename(program)] += time.monotonic() - start
    if not args.no_lit:
        results += run_lit(args.lit, args.paths or [os.path.join(build, "test")], args.j, args.exhaustive, environment)

    for result in results:
        if result.outcome == "failed":
            print(f"FAILED {args.label}{result.suite}: {result.name}\n{result.detail.rstrip()}\n")
    skipped = [result for result in results if result.outcome == "skipped"]
    if skipped:
        print("Skipped:")
        for result in skipped:
            print(f"  {args.label}{result.suite}: {result.name}: {result.detail.strip()}")
    suites = collections.defaultdict(collections.Counter)
    for result in results:
        suites[result.suite][result.outcome] += 1
    print(f"{'suite':<36}{'passed':>8}{'failed':>8}{'skipped':>9}")
    for suite, counts in suites.items():
        print(f"{args.label + suite:<36}{counts['passed']:>8}{counts['failed']:>8}{counts['skipped']:>9}")
    total = collections.Counter(result.outcome for result in results)
    if args.counts:
        with open(args.counts, "a") as file:
            file.write(f"{total['passed']} {total['failed']} {total['skipped']}\n")
    else:
        print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
