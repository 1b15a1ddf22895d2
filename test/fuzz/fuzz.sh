#!/usr/bin/env bash
# fuzz.sh BUILD TARGET SECONDS: runs libFuzzer on one target. Begins with the corpus and with what earlier runs of this
# build have kept. A finding lies in BUILD/findings/TARGET afterwards. Exit status 1 when there is one.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: fuzz.sh BUILD TARGET SECONDS" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 target=$2 seconds=$3
mkdir -p "$build/kept/$target" "$build/findings/$target"
export QUIPU_FUZZ_TARGET=$target
export ASAN_OPTIONS=abort_on_error=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
# An input that takes 20 seconds, or 2 GiB, is a finding.
"$build/bin/quipu-fuzz" -max_total_time="$seconds" -max_len=32768 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
  -use_value_profile=1 -artifact_prefix="$build/findings/$target/" "$build/kept/$target" "$here/corpus/$target"
