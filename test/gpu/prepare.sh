#!/usr/bin/env bash
# test/gpu/prepare.sh [BUILD]: makes build-gpu/, everything that test/gpu/run.sh needs on a machine that has a GPU but
# neither LLVM nor a compiler: the runtime command as installed, and plans and sequences of bodies in one archive.
#
# BUILD is a configured build folder (default: build, by the preset `release`). QUIPU_GPU_PLANS limits the plans to names
# that match a regular expression ("bench/|random/.*bf16"). Plans already there are kept when neither the compiler nor the
# model is newer. QUIPU_GPU_FOLDER is another folder than build-gpu.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$root/build}
out=${QUIPU_GPU_FOLDER:-$root/build-gpu}
only=${QUIPU_GPU_PLANS:-.}

[ -f "$build/build.ninja" ] || (cd "$root" && cmake --preset release >/dev/null)
cmake --build "$build" --target quipu quipu-compile QuipuCodegenTests QuipuRangeRecorder runtime-tests
mkdir -p "$out/plans/sequences"
cmake --install "$build/tools/quipu" --prefix "$out/install" --strip >/dev/null
cp "$build/test/unit/libQuipuRangeRecorder.so" "$out/"
strip -o "$out/install/bin/runtime-tests" "$build/test/unit/runtime-tests"

failed=0
# plan FOLDER/NAME.DTYPE MODEL FLAG...: compiles one plan into the folder of plans.
plan() {
  local name=$1 model=$2 file=$out/plans/$1.qplan
  shift 2
  [[ $name =~ $only ]] || return 0
  [ "$file" -nt "$build/bin/quipu-compile" ] && [ "$file" -nt "$model" ] && return 0
  mkdir -p "$(dirname "$file")"
  if ! "$build/bin/quipu-compile" "$model" --dtype "${name##*.}" -o "$file" "$@"; then
    echo "prepare.sh: $name does not compile" >&2
    rm -f "$file"
    failed=1
  fi
}

cuda=(--target "${QUIPU_GPU_TARGET:-cuda:sm_90a}")
for model in "$root"/test/goldens/*/config.json; do
  model=$(dirname "$model")
  # The short factors of longrope are those of plans within the original context.
  length=()
  [[ $model == *longrope_short ]] && length=(--max-seq 300)
  for dtype in f32 bf16 f16; do
    plan "golden/$(basename "$model").$dtype" "$model" "${cuda[@]}" --max-batch 8 "${length[@]}"
  done
done
stories=$root/models/quipu-stories
for dtype in f32 bf16 f16; do
  plan "golden/quipu-stories.$dtype" "$stories" "${cuda[@]}" --max-batch 8
done
plan cpu/quipu-stories.f32 "$stories" --target cpu:x86-64-v3
for config in "$root"/test/gpu/configs/*.json; do
  # One of them for more sequences than the programs of few rows take.
  sequences=8
  [[ $config == *head_dim_64_gqa.json ]] && sequences=100
  for dtype in f32 bf16 f16; do
    plan "random/$(basename "$config" .json).$dtype" "$config" "${cuda[@]}" --max-batch $sequences
  done
done
plan random/llama-3.2-1b.bf16 "$root/benchmarks/configs/llama-3.2-1b/config.json" "${cuda[@]}" --max-batch 8 \
  --max-seq 4096
plan bench/llama-3.2-1b-32k.bf16 "$root/benchmarks/configs/llama-3.2-1b/config.json" "${cuda[@]}" --max-batch 1 \
  --max-seq 32768
# Deep enough for 8,192 cached positions on the smallest.
for shape in llama-3.2-1b:8704 llama-2-7b:4096 llama-3-8b:4096; do
  plan "bench/${shape%:*}.bf16" "$root/benchmarks/configs/${shape%:*}/config.json" "${cuda[@]}" --max-batch 64 \
    --max-seq "${shape#*:}"
done

# Deterministic ones: the programs of each are compared with each other, and requests alone with requests in a crowd.
for dtype in f32 bf16 f16; do
  for golden in gqa mistral_window biases head_dim_48; do
    plan "bits/$golden.$dtype" "$root/test/goldens/$golden" "${cuda[@]}" --deterministic --max-batch 8
  done
  for config in head_dim_64_gqa head_dim_80_mha head_dim_128_gqa head_dim_128_mqa_tied; do
    plan "bits/random-$config.$dtype" "$root/test/gpu/configs/$config.json" "${cuda[@]}" --deterministic --max-batch 8
  done
  plan "bits/quipu-stories.$dtype" "$stories" "${cuda[@]}" --deterministic --max-batch 32
done
plan bits-mma/quipu-stories.bf16 "$stories" --target cuda:sm_80 --deterministic --max-batch 32
plan bits-mma/random-head_dim_128_gqa.f16 "$root/test/gpu/configs/head_dim_128_gqa.json" --target cuda:sm_80 \
  --deterministic --max-batch 8
for name in golden/gqa golden/mistral_window golden/head_dim_80; do
  plan "one-order/$name.bf16" "$root/test/goldens/${name#golden/}" "${cuda[@]}" --deterministic --max-batch 8
done
plan one-order/random/head_dim_128_gqa.bf16 "$root/test/gpu/configs/head_dim_128_gqa.json" "${cuda[@]}" --deterministic \
  --max-batch 8
plan bench/llama-3-8b-deterministic.bf16 "$root/benchmarks/configs/llama-3-8b/config.json" "${cuda[@]}" --deterministic \
  --max-batch 64 --max-seq 4096

# Models whose files have matrices in blocks, and the same in numbers.
for model in $(python3 "$root/test/gpu/gguf_models.py" "$out/models"); do
  for dtype in f32 bf16 f16; do
    plan "same/$model.gguf.$dtype" "$out/models/$model.gguf" "${cuda[@]}" --max-batch 8 --bundle
    plan "same/$model.folder.$dtype" "$out/models/$model" "${cuda[@]}" --max-batch 8 --bundle
  done
done

# Code that check_sequence.py runs.
QUIPU_KEEP_SEQUENCES=$out/plans/sequences "$build/test/unit/QuipuCodegenTests" --gtest_filter='*BodySequence*' \
  --gtest_brief=1 || failed=1

(cd "$out" && find plans -mindepth 2 \( -name '*.qplan' -o -path '*/sequences/*' \) -print0 |
  tar --null -czf plans.tar.gz -T -)
echo "build-gpu: $(find "$out/plans" -name '*.qplan' | wc -l) plans," \
  "$(du -cm "$out/install" "$out/plans.tar.gz" | tail -1 | cut -f1) MiB to carry (install/ and plans.tar.gz)"
exit $failed
