"""profile-json.py DECODE PROMPT TRACE: what `quipu profile` says to programs, of the golden gqa behind 8 positions.

DECODE and TRACE are of the same runs, of 3 generated tokens; PROMPT is of another run, of 12 tokens.
"""

import json
import sys

decode, prompt, trace = (json.load(open(path)) for path in sys.argv[1:])


def close(found, expected):
    assert abs(found - expected) <= 1e-6 * max(1, abs(expected)), (found, expected)


for profile, name, rows in ((decode, "tg3@d8", 1), (prompt, "pp12", 12)):
    assert (profile["name"], profile["rows"], profile["outputs"], profile["threads"]) == (name, rows, 1, 2), profile
    assert profile["device"] and profile["commit"] and profile["ceiling_GBps"] > 0, profile
    assert profile["total_us_min"] <= profile["total_us"] <= profile["total_us_max"], profile
    steps = profile["steps"]
    close(sum(step["us_median"] for step in steps), profile["steps_us"])
    close(sum(profile["waiting"].values()), profile["waiting_us"])
    assert set(profile["waiting"]) == {"imbalance_us", "barriers_us", "edges_us"}, profile["waiting"]
    # Counters are there, or a word why not.
    assert all(("cycles" in step) == (profile["counters"] is None) for step in steps), profile["counters"]
    for step in steps:
        assert 0 <= step["us_min"] <= step["us_median"] <= step["us_max"], step
        assert len(step["thread_us"]) == 2 and step["imbalance_us"] >= 0, step
        assert "{" not in step["place"] and step["count"] in (1, 3), step
        if step["us_median"] > 0:
            close(step["spread"], (step["us_max"] - step["us_min"]) / step["us_median"])
            close(step["GBps"], step["bytes"] / step["us_median"] / 1e3)
            close(step["TFLOPs"], step["flops"] / step["us_median"] / 1e6)
        least = max(step["bytes"] / profile["ceiling_GBps"] / 1e3, step["flops"] / profile["ceiling_TFLOPs"] / 1e6)
        if step["bytes"] + step["flops"] > 0:
            close(step["lost_us"], step["us_median"] - least)
        else:
            assert step["lost_us"] is None, step
    losses = [step["us_median"] if step["lost_us"] is None else step["lost_us"] for step in steps]
    assert losses == sorted(losses, reverse=True), losses

# Of each thread a track without overlaps, beside the track of the runs, which are as long as what they have.
events = trace["traceEvents"]
tracks = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
assert tracks == {0: "runs", 1: "thread 0", 2: "thread 1"}, tracks
slices = {tid: [event for event in events if event["ph"] == "X" and event["tid"] == tid] for tid in tracks}
assert len(slices[0]) == decode["runs"] == 6, decode["runs"]
assert [run["args"]["position"] for run in slices[0]] == [8, 8, 9, 9, 10, 10], slices[0]
launches = sum(step["count"] for step in decode["steps"])
for tid in (1, 2):
    assert len(slices[tid]) == 6 * launches, (len(slices[tid]), launches)
    for before, after in zip(slices[tid], slices[tid][1:]):
        assert before["ts"] + before["dur"] <= after["ts"] + 1e-3, (before, after)
    for event in slices[tid]:
        assert event["args"]["program"] == "decode" and event["args"]["kernel"] and event["args"]["bytes"] >= 0, event
layers = {event["name"].split(".")[1] for event in slices[1] if event["name"].startswith("layers.")}
print(f"{len(layers)} layers, {len(tracks) - 1} threads, {len(slices[0])} runs")
