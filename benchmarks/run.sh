#!/usr/bin/env bash
# benchmarks/run.sh [CONFIG]: speed of a shape in bf16 and f32 with random weights, beside this machine's ceilings.
#
# CONFIG is a folder of benchmarks/configs (default: smollm2-135m). Uses build/bin, which tools/demo.sh builds.
# Further flags of `quipu bench` may follow: benchmarks/run.sh llama-3.2-1b -p 256 -n 32 -r 3.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shape=${1:-smollm2-135m}
[ $# -gt 0 ] && shift
config=$root/benchmarks/configs/$shape/config.json
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for dtype in bf16 f32; do
  plan=$scratch/$shape-$dtype.qplan
  "$root/build/bin/quipu" compile "$config" --dtype "$dtype" -o "$plan"
  echo "## $shape, $dtype"
  "$root/build/bin/quipu" bench "$plan" --weights random:0 -p 256 -n 64 "$@"
  echo
done
