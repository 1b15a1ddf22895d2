#!/usr/bin/env python3
"""The results of run.sh: one JSON object a line, from every section, and the table that ends the run.

    results.py FILE begin SECTION                    what follows belongs to the section; its earlier results are void
    results.py FILE add NAME GOT NEED ok|FAILED      notes the outcome of a check
    results.py FILE table                            prints the table; exit status 1 when a check failed
"""

import json
import sys


def add(path, **fields):
    with open(path, "a") as file:
        file.write(json.dumps(fields) + "\n")


def read(path):
    try:
        with open(path) as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def last_sections(lines):
    """Sections may have run again: the lines of the last run of each. Peers' rates stay."""
    runs, section = {}, None
    for line in lines:
        if "section" in line:
            section = line["section"]
            runs[section] = [old for old in runs.get(section, []) if "peer" in old]
        else:
            runs.setdefault(section, []).append(line)
    return [line for run in runs.values() for line in run]


def peer_rates(lines):
    """(model, test) -> peer -> its best rate in tokens a second.

    A prompt is one token repeated, as peers' benchmarks have it, unless its line says `"data": "random"`.
    """
    rates = {}
    for line in lines:
        if line.get("what") == "decode":
            test, rate = f"decode b{line['batch']}", line["tok_s"]
        elif line.get("what") == "prefill":
            test = "prefill" if line.get("data") == "random" else "prefill one token"
            rate = line["tok_s"] if "tok_s" in line else line["tokens"] / line["ms"] * 1e3
        else:
            continue
        of_test = rates.setdefault((line["model"], test), {})
        of_test[line["peer"]] = max(rate, of_test.get(line["peer"], 0))
    return rates


def table(path):
    lines = last_sections(read(path))
    checks = {line["name"]: line for line in lines if "ok" in line}
    peers = peer_rates(lines)
    print(f"\n{'requirement':44} {'got':>26} {'needed':>14}")
    for line in checks.values():
        text = f"{line['name']:44} {line['got']:>26} {line['need']:>14}  {'ok' if line['ok'] else 'FAILED'}"
        ratios = [f"{line['row']['median_tok_s'] / rate:.2f} x {peer}"
                  for peer, rate in peers.get((line.get("model"), line.get("test")), {}).items()]
        print(f"{text}   {', '.join(ratios)}".rstrip())
    failed = [line["name"] for line in checks.values() if not line["ok"]]
    print(f"{len(checks)} requirements, {len(failed)} failed")
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    if sys.argv[2] == "begin":
        add(sys.argv[1], section=sys.argv[3])
    elif sys.argv[2] == "add":
        name, got, need, state = sys.argv[3:7]
        add(sys.argv[1], name=name, got=got, need=need, ok=state == "ok")
    else:
        sys.exit(table(sys.argv[1]))
