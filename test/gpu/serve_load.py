"""Load for a server of OpenAI's interface, and what its users feel: serve_load.py URL [options]

Prompts are random token ids, so no tokenizer is needed, and every answer has as many tokens as it asked for (ignore_eos).
Prints one line of JSON: output tokens a second, time to the first token (TTFT), time between tokens (ITL), both in
milliseconds, and how many requests failed; and what the server says of its steps meanwhile: their number, the mean time of
a step, the mean time of it in which the engine's thread did not wait for the device (host_us), and in which it gave the next
step to the device (enqueue_us, a part of it). With the standard library alone.

    --requests 96 --concurrency 32 --input 1024 --output 256      always 32 at a time, all of one length
    --requests 1000 --rate 40 --lengths sharegpt                  40 a second arrive (Poisson), lengths as in chats
    --requests 96 --concurrency 32 --ramp 2               the same, but the first 32 come evenly spread over two seconds
    --body '{"temperature": 1, "frequency_penalty": 0.5, "logprobs": 5}'                 fields that each request has besides
    --requests 2 --shared 16000 --input 16 --output 8 --concurrency 1   all prompts begin alike
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import re
import time
import urllib.parse
import urllib.request

# Lengths in tokens of log-normal distributions. Their means, about 220 and 190, are near those of the ShareGPT prompts that
# servers are usually measured with.
SHAREGPT = {"input": (4.6, 1.2), "output": (4.9, 0.9)}
LONGEST = 1024


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


def lengths(options, chooser):
    if options.lengths == "fixed":
        return options.input, options.output
    return tuple(max(4, min(LONGEST, round(chooser.lognormvariate(*SHAREGPT[name])))) for name in ("input", "output"))


async def ask(url, body, result):
    """Sends one request and reads its stream. A chunk that brings text counts as a token."""
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1 << 22)
    try:
        text = json.dumps(body)
        writer.write((f"POST /v1/completions HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}").encode())
        await writer.drain()
        status = await reader.readline()
        if b" 200 " not in status:
            result["error"] = (status + await reader.read(2000)).decode(errors="replace")
            return
        result["times"] = []
        while line := await reader.readline():
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            # Nearly all lines are like this one, and need no closer look.
            if b'"finish_reason":null' in line and b'"error"' not in line:
                result["times"].append(time.perf_counter() - begin)
                continue
            data = json.loads(line[6:])
            if "error" in data:
                result["error"] = json.dumps(data["error"])
                return
            if data["choices"] and data["choices"][0]["finish_reason"] is None:
                result["times"].append(time.perf_counter() - begin)
            if data.get("usage"):
                result["tokens"] = data["usage"]["completion_tokens"]
    except (OSError, ValueError, asyncio.IncompleteReadError) as problem:
        result["error"] = repr(problem)
    finally:
        result["end"] = time.perf_counter()
        writer.close()


async def run(options, part):
    """Every request number `part`, part + processes, ... of all."""
    url = urllib.parse.urlparse(options.url)
    chooser = random.Random(options.seed)
    shared = [chooser.randrange(3, options.vocab) for _ in range(options.shared)]
    at_once = options.concurrency or options.requests
    gate = asyncio.Semaphore(-(-(at_once - part) // options.processes) or 1)
    results, tasks = [], []

    async def one(body, result, delay):
        await asyncio.sleep(delay)
        async with gate:
            await ask(url, body, result)

    arrival = 0
    for number in range(options.requests):
        count, output = lengths(options, chooser)
        prompt = shared + [chooser.randrange(3, options.vocab) for _ in range(count)]
        body = {"prompt": prompt, "max_tokens": output, "temperature": 0, "ignore_eos": True, "stream": True,
                "stream_options": {"include_usage": True}} | options.body
        arrival += chooser.expovariate(options.rate) if options.rate else 0
        if number % options.processes != part:
            continue
        delay = arrival if options.rate else options.ramp * min(1, number / at_once)
        results.append({})
        tasks.append(asyncio.create_task(one(body, results[-1], delay)))
    await asyncio.gather(*tasks)
    return results


def run_part(options, part):
    return asyncio.run(run(options, part))


def steps_of(url):
    """Steps of the server so far, their seconds, those of the host, and of them those for enqueuing."""
    with urllib.request.urlopen(url + "/metrics") as answer:
        text = answer.read().decode()

    def number(name):
        return float(re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE).group(1))

    return [number("quipu:steps_total"), number("quipu:step_seconds_sum"), number("quipu:step_host_seconds_sum"),
            number("quipu:step_enqueue_seconds_sum")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    for name, default in [("requests", 96), ("concurrency", 0), ("input", 1024), ("output", 256), ("shared", 0),
                          ("vocab", 500), ("seed", 1)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--ramp", type=float, default=0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--lengths", choices=["fixed", "sharegpt"], default="fixed")
    parser.add_argument("--body", type=json.loads, default={})
    options = parser.parse_args()
    options.processes = min(options.processes, options.concurrency or options.requests)
    before = steps_of(options.url)
    begin = time.perf_counter()
    with multiprocessing.Pool(options.processes) as pool:
        parts = pool.starmap(run_part, [(options, part) for part in range(options.processes)])
    results = [result for part in parts for result in part]
    # All processes have one clock.
    seconds = max(each["end"] for each in results) - begin
    steps, step_seconds, host_seconds, enqueue_seconds = (new - old for new, old in zip(steps_of(options.url), before))
    good = [each for each in results if "error" not in each and each.get("times")]
    first = [1e3 * each["times"][0] for each in good]
    between = [1e3 * (b - a) for each in good for a, b in zip(each["times"], each["times"][1:])]
    tokens = sum(each.get("tokens", 0) for each in good)
    print(json.dumps({
        "requests": options.requests, "failed": len(results) - len(good),
        "error": next((each["error"][:300] for each in results if "error" in each), None),
        "seconds": round(seconds, 2), "output_tokens_per_s": round(tokens / seconds, 1),
        "ttft_ms": {"p50": percentile(first, 0.5), "p99": percentile(first, 0.99), "each": first if len(first) < 5 else None},
        "itl_ms": {"p50": percentile(between, 0.5), "p99": percentile(between, 0.99)},
        "steps": int(steps), "step_ms": round(1e3 * step_seconds / max(steps, 1), 3),
        "host_us": round(1e6 * host_seconds / max(steps, 1), 1),
        "enqueue_us": round(1e6 * enqueue_seconds / max(steps, 1), 1)}))


if __name__ == "__main__":
    main()
