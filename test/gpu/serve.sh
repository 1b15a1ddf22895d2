#!/usr/bin/env bash
# test/gpu/serve.sh [PLAN]: serves a plan with random weights on a GPU and measures what users feel (serve_load.py): time until
# the server is ready, 32 requests of 1,024 tokens at a time, 1,000 requests of chats' lengths at several arrival rates, and a
# long prompt that was computed before. Needs build-gpu/ of prepare.sh. PLAN: build-gpu/llama-3-8b.qplan, which is
#
#     quipu compile benchmarks/configs/llama-3-8b/config.json --target cuda --dtype bf16 --max-batch 64 --max-seq 8192
#
# Prints a line of JSON for each load. QUIPU_SERVE_RATES: arrivals a second ("0": all at once). QUIPU_SERVE_OPTIONS: more options
# of quipu serve.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH=$root/build-gpu/install/bin:$PATH
plan=${1:-$root/build-gpu/llama-3-8b.qplan}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

vocab=$(quipu inspect "$plan" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["config"]["vocab_size"])')
python3 "$here/make_tokenizer.py" "$work/tokenizer.bin" "$vocab"

begin=$(date +%s.%N)
quipu serve "$plan" --weights random:1 --tokenizer "$work/tokenizer.bin" --port 0 --max-waiting 2048 ${QUIPU_SERVE_OPTIONS:-} \
  >"$work/url" 2>"$work/log" &
server=$!
until grep -q http "$work/url"; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.02
done
url=$(cat "$work/url")
until python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/health")' "$url" 2>/dev/null; do
  sleep 0.02
done
echo "ready after $(python3 -c "import time; print(round(time.time() - $begin, 2))") s (random weights are made at the start)"

load() {
  echo "-- $1"
  shift
  python3 "$here/serve_load.py" "$url" --vocab "$vocab" "$@"
}
load "warm up" --requests 64 --input 300 --output 32
load "one at a time, 1024/256" --requests 3 --concurrency 1 --seed 2
load "32 at a time, 1024/256, all begin at once" --requests 128 --concurrency 32 --seed 3
load "32 at a time, 1024/256, the first ones over two seconds" --requests 192 --concurrency 32 --ramp 2 --seed 5
load "64 at a time, 16/256: decode" --requests 64 --concurrency 64 --input 16 --seed 6
load "the same with penalties" --requests 64 --concurrency 64 --input 16 --seed 7 \
  --body '{"temperature": 1, "top_p": 0.95, "presence_penalty": 0.5, "frequency_penalty": 0.5, "repetition_penalty": 1.1}'
load "the same with log-probabilities" --requests 64 --concurrency 64 --input 16 --seed 8 --body '{"logprobs": 5}'
for rate in ${QUIPU_SERVE_RATES:-0 20 40 60}; do
  load "1,000 requests of chats' lengths, $rate a second (0: at once)" --requests 1000 --lengths sharegpt --rate "$rate" --seed "4$rate"
done
load "a prompt of 8,000 tokens, then the same beginning again" --requests 2 --concurrency 1 --shared 8000 --input 16 --output 8
