#!/usr/bin/env python3
"""The results of run.sh: one JSON object a line, from every section, and the table that ends the run.

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


def peer_rates(lines):
    """(model, test) -> the best rate of a peer, in the units of our own."""
    rates = {}
    for line in lines:
        if line.get("what") == "decode":
            key, rate = (line["model"], f"decode b{line['batch']}"), line["tok_s"]
        elif line.get("what") == "prefill":
            key, rate = (line["model"], "prefill"), line["TFLOPs"]
        else:
            continue
        if rate > rates.get(key, (0, ""))[0]:
            rates[key] = rate, line["peer"]
    return rates


def table(path):
    # The last result of a name counts: sections may have run again.
    lines = read(path)
    checks = {line["name"]: line for line in lines if "ok" in line}
    peers = peer_rates(lines)
    print(f"\n{'requirement':44} {'got':>26} {'needed':>14}")
    for line in checks.values():
        text = f"{line['name']:44} {line['got']:>26} {line['need']:>14}  {'ok' if line['ok'] else 'FAILED'}"
        peer = peers.get((line.get("model"), line.get("test")))
        if peer:
            text += f"   {line['value'] / peer[0]:.2f} x {peer[1]}"
        print(text)
    failed = [line["name"] for line in checks.values() if not line["ok"]]
    print(f"{len(checks)} requirements, {len(failed)} failed")
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    if sys.argv[2] == "add":
        name, got, need, state = sys.argv[3:7]
        add(sys.argv[1], name=name, got=got, need=need, ok=state == "ok")
    else:
        sys.exit(table(sys.argv[1]))
