#!/usr/bin/env bash
# benchmarks/engine-steps.sh PLAN [STREAMS...]: the processor's work for a step of the engine, for each number of streams
# (default: 1 64 256) and each load (engine-steps/EngineSteps.cpp). PLAN: one for a GPU ("quipu compile MODEL --target cuda
# --max-batch 256"). No GPU is needed: a driver in place of NVIDIA's does nothing (engine-steps/IdleCudaDriver.cpp).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
plan=${1:?usage: engine-steps.sh PLAN [STREAMS...]}
shift
build=${QUIPU_BUILD:-$root/build}
cmake --build "$build" --target engine-steps QuipuIdleCuda >/dev/null
[ $# -gt 0 ] || set -- 1 64 256
for load in plain penalties logprobs prompts; do
  for streams in "$@"; do
    QUIPU_CUDA_DRIVER=$build/benchmarks/libQuipuIdleCuda.so "$build/benchmarks/engine-steps" "$plan" "$streams" "$load"
  done
done
