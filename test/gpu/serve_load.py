"""Load for a server of OpenAI's interface, and what its users feel: serve_load.py URL [options]

Prompts are random token ids, so no tokenizer is needed, and every answer has as many tokens as it asked for (ignore_eos).
Prints one line of JSON: output tokens a second, time to the first token (TTFT), time between tokens (ITL), both in
milliseconds, and how many requests failed. With the standard library alone; one thread for all connections.

    --requests 96 --concurrency 32 --input 1024 --output 256      always 32 at a time, all of one length
    --requests 1000 --rate 40 --lengths sharegpt                  40 a second arrive (Poisson), lengths as in chats
    --requests 2 --shared 16000 --input 16 --output 8 --concurrency 1   all prompts begin alike
"""

import argparse
import asyncio
import json
import random
import time
import urllib.parse

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


async def run(options):
    url = urllib.parse.urlparse(options.url)
    chooser = random.Random(options.seed)
    shared = [chooser.randrange(3, options.vocab) for _ in range(options.shared)]
    gate = asyncio.Semaphore(options.concurrency or options.requests)
    results, tasks = [], []

    async def one(body, result):
        async with gate:
            await ask(url, body, result)

    begin = time.perf_counter()
    for number in range(options.requests):
        count, output = lengths(options, chooser)
        prompt = shared + [chooser.randrange(3, options.vocab) for _ in range(count)]
        body = {"prompt": prompt, "max_tokens": output, "temperature": 0, "ignore_eos": True, "stream": True,
                "stream_options": {"include_usage": True}}
        results.append({})
        tasks.append(asyncio.create_task(one(body, results[-1])))
        if options.rate:
            await asyncio.sleep(chooser.expovariate(options.rate))
    await asyncio.gather(*tasks)
    return results, max(each["end"] for each in results) - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    for name, default in [("requests", 96), ("concurrency", 0), ("input", 1024), ("output", 256), ("shared", 0),
                          ("vocab", 500), ("seed", 1)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--lengths", choices=["fixed", "sharegpt"], default="fixed")
    options = parser.parse_args()
    results, seconds = asyncio.run(run(options))
    good = [each for each in results if "error" not in each and each.get("times")]
    first = [1e3 * each["times"][0] for each in good]
    between = [1e3 * (b - a) for each in good for a, b in zip(each["times"], each["times"][1:])]
    tokens = sum(each.get("tokens", 0) for each in good)
    print(json.dumps({
        "requests": options.requests, "failed": len(results) - len(good),
        "error": next((each["error"][:300] for each in results if "error" in each), None),
        "seconds": round(seconds, 2), "output_tokens_per_s": round(tokens / seconds, 1),
        "ttft_ms": {"p50": percentile(first, 0.5), "p99": percentile(first, 0.99), "each": first if len(first) < 5 else None},
        "itl_ms": {"p50": percentile(between, 0.5), "p99": percentile(between, 0.99)}}))


if __name__ == "__main__":
    main()
