#!/usr/bin/env bash
# benchmarks/tokenize.sh [TEXT]: megabytes of text that become ids in a minute of processor time, for each kind of
# tokenizer. What a short text takes is taken off: reading the tokenizer.
#
# TEXT is a file of some megabytes. Without one it is the pages of this repository, many times: words that come again are
# fast, so a text of your own says more. Uses build/bin, which tools/demo.sh builds, and the tokenizers of the tests.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
text=${1:-$scratch/text}
if [ $# -eq 0 ]; then
  cat "$root"/{README,CONTRIBUTING}.md "$root"/docs/*.md >"$scratch/pages"
  for _ in {1..100}; do cat "$scratch/pages"; done >"$text"
fi
echo x >"$scratch/short"

# seconds TOKENIZER FILE: processor time.
seconds() {
  local TIMEFORMAT='%U %S'
  { time "$root/build/bin/quipu" tokenize "$root/benchmarks/configs/llama-3-8b/config.json" --tokenizer "$1" --file "$2" \
    --count >/dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }'
}

bytes=$(stat -c %s "$text")
printf '%-28s%8s %s\n' "$bytes bytes" "MB/min" "seconds"
for tokenizer in "$root"/test/tokenizers/*/tokenizer.{json,model,bin} "$root/models/quipu-stories/tokenizer.model"; do
  [ -f "$tokenizer" ] || continue
  short=$(seconds "$tokenizer" "$scratch/short")
  whole=$(seconds "$tokenizer" "$text")
  awk -v name="$(basename "$(dirname "$tokenizer")")/$(basename "$tokenizer")" -v s="$short" -v w="$whole" -v b="$bytes" \
    'BEGIN { t = w - s; if (t < 0.01) t = 0.01; printf "%-28s%8.0f %.2f\n", name, b / 1e6 / t * 60, t }'
done
