#!/usr/bin/env bash
# test/gpu/run.sh [--peers SCRIPT] [SECTION...]: everything that must hold on a GPU, from what prepare.sh has made.
#
# Needs an NVIDIA GPU with its driver, and Python with PyTorch, transformers, NumPy and xxhash; compute-sanitizer where
# the section `sanitize` runs. No LLVM. Sections, in this order (default: all):
#
#   kernels   each kernel by itself against PyTorch (check_kernels.py), several shapes and formats, both variants; bodies
#             of several kernels in one (check_sequence.py)
#   models    whole models against transformers (check_models.py): logits, chunks, batches, greedy tokens, both variants;
#             what is scored against logits (check_score.py)
#   bits      deterministic plans: rows of every program against those of the others, bit for bit (check_bits.py), and 200
#             requests together against each of them alone; some against transformers
#   sanitize  compute-sanitizer's memcheck, racecheck and synccheck over a small model
#   times     the kernels of the benchmark shapes, timed one by one
#   profile   steps and waiting of the 7B shape against the time of the whole (check_profile.py)
#   ranges    what profilers see through NVTX (ranges.py); with Nsight Systems, where it is installed, also the GPU's time of
#             each range
#   bench     decode, prefill and scoring of the benchmark shapes (bench.py)
#   pairs     prompts in turns with torch.compile, on a card that is equally warm for both (pairs.py)
#   peers     SCRIPT, which prints one JSON object for each measurement of a peer; PEER_FLAGS are handed to it
#
# Each section ends after its time limit at the latest (QUIPU_GPU_LIMIT: seconds, for all), and then counts as failed. Logs
# go to $OUT, or to build-gpu/logs. BENCH_ONLY is a regular expression on the tests of `bench` ("8b"), and KERNELS_ONLY one
# on the plans of `kernels` ("golden/"), which take some 12 minutes together. The last thing printed is a table of the
# requirements met and missed, over all sections run so far on this machine; exit status 1 when one was missed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${QUIPU_GPU_FOLDER:-$(cd "$here/../.." && pwd)/build-gpu}
logs=${OUT:-$folder/logs}
results=$folder/results.jsonl
peers=
sections=()
while [ $# -gt 0 ]; do
  case $1 in
  --peers) peers=$2 && shift 2 ;;
  kernels | models | bits | sanitize | times | profile | ranges | bench | pairs | peers) sections+=("$1") && shift ;;
  *) echo "run.sh: unknown section '$1'; sections: kernels models bits sanitize times profile ranges bench pairs peers" >&2 && exit 2 ;;
  esac
done
if [ ${#sections[@]} -eq 0 ]; then
  sections=(kernels models bits sanitize times profile ranges bench pairs)
  [ -n "$peers" ] && sections+=(peers)
fi

mkdir -p "$logs"
export PATH=$folder/install/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1
if [ -f "$folder/plans.tar.gz" ]; then tar -C "$folder" -xzf "$folder/plans.tar.gz"; fi
plans=$folder/plans
note() { python3 "$here/results.py" "$results" add "$@"; }

# note_status NAME STATUS: for scripts that note their results themselves: what breaks off notes nothing of the rest.
note_status() {
  note "$1" "exit status $2" "0" "$([ "$2" = 0 ] && echo ok || echo FAILED)"
}

# limited SECONDS CMD...: the command, ended after its time.
limited() {
  timeout -k 5 "${QUIPU_GPU_LIMIT:-$1}" "${@:2}"
}

# The shapes and formats whose kernels are checked: head sizes, grouping, biases, both rotary layouts, windows, fused tensors.
kernel_plans=(random/head_dim_64_gqa.{f32,bf16,f16} random/head_dim_80_mha.bf16 random/head_dim_128_mqa_tied.{f32,f16}
  random/head_dim_128_gqa.bf16 random/head_dim_128_8_kv_heads.bf16 golden/gqa.f32 golden/biases.{f32,bf16} golden/interleaved.bf16
  golden/mistral_window.{f32,bf16} golden/gelu_tanh.{f32,bf16} golden/relu.{f32,bf16} golden/qwen2.{f32,bf16} golden/phi3.{f32,bf16} golden/gemma.{f32,bf16}
  golden/mixed_types.{f32,bf16,f16} golden/head_dim_48.f16 golden/bf16.bf16 bench/llama-3-8b.bf16
  bench/llama-3.2-1b-32k.bf16)
all_kernel_plans=("${kernel_plans[@]}")
mapfile -t kernel_plans < <(printf '%s\n' "${kernel_plans[@]}" | grep -E -e "${KERNELS_ONLY:-.}")
if [ ${#kernel_plans[@]} -eq 0 ]; then
  echo "run.sh: KERNELS_ONLY is '$KERNELS_ONLY', which none of these plans matches: ${all_kernel_plans[*]}" >&2
  exit 2
fi

check_kernels() {
  local log=$logs/kernels.log work
  work=$(mktemp -d)
  # shellcheck disable=SC2016
  printf '%s\n' "${kernel_plans[@]}" | limited 780 xargs -P 4 -I{} sh -c \
    'name=$(echo {} | tr / -); flags=
     case $name in *-32k*) flags="--kernels attention --rows 1,8,64,1000" ;; esac # a long context is all that is new
     python3 "$1/check_kernels.py" "$2/{}.qplan" $flags --check-only --log "$3/$name.log" >"$3/$name" 2>&1
     echo $? >"$3/$name.status"' sh "$here" "$plans" "$work"
  local bad=0
  : >"$log"
  for plan in "${kernel_plans[@]}"; do
    local name=${plan/\//-}
    { cat "$work/$name"; cat "$work/$name.log"; } >>"$log" 2>/dev/null
    if [ "$(cat "$work/$name.status" 2>/dev/null)" = 0 ]; then
      grep 'cases of' "$work/$name"
    else
      bad=$((bad + 1))
      if [ -s "$work/$name" ]; then
        { grep 'cases of' "$work/$name"; grep -E 'FAILED|Error' "$work/$name" | cut -c1-220 | head -8; }
      else
        echo "$plan: ended by the section's time limit; $(grep -c . "$work/$name.log" 2>/dev/null) cases before"
        grep FAILED "$work/$name.log" 2>/dev/null | cut -c1-220 | head -4
      fi
    fi
  done
  rm -r "$work"
  note "kernels against PyTorch" "$bad of ${#kernel_plans[@]} plans fail" "0" "$([ $bad = 0 ] && echo ok || echo FAILED)"
  limited 60 python3 "$here/check_sequence.py" "$plans/sequences"
  note_status "bodies of several kernels in one" $?
}

# models_of NAME LIMIT FLAG...: check_models.py, noted as NAME.
models_of() {
  local name=$1 limit=$2 log=$logs/models.log part
  shift 2
  part=$(mktemp)
  if limited "$limit" python3 "$here/check_models.py" "$plans" "$@" >"$part" 2>&1; then
    tail -1 "$part"
    note "$name" "$(tail -1 "$part")" "0 failed" ok
  else
    grep -A6 -E 'FAILED' "$part" | cut -c1-240 | head -40
    tail -3 "$part" | cut -c1-300
    note "$name" "$(tail -1 "$part" | cut -c1-26)" "0 failed" FAILED
  fi
  cat "$part" >>"$log" && rm "$part"
}

check_models() {
  : >"$logs/models.log"
  models_of "models against transformers" 300
  limited 100 python3 "$here/check_same.py" "$plans/same"
  note_status "models in GGUF and in folders" $?
  limited 60 python3 "$here/check_score.py" "$plans"/golden/quipu-stories.{f32,bf16,f16}.qplan &&
    limited 60 python3 "$here/check_score.py" "$plans"/golden/quipu-stories.{bf16,f16}.qplan --variant sm_80
  note_status "scores against logits" $?
  models_of "models, sm_80 variant" 150 --variant sm_80 \
    --only '(gqa|mqa|mha|tied|biases|mistral_window|head_dim_(48|80)|rope_(llama3|yarn|longrope_long)|gelu_tanh|relu|qwen2|phi3|gemma|mixed_types)\.(f32|bf16)|stories.f32'
}

# A GPU has other programs for larger steps.
check_bits() {
  local kind plan step bad=0 runs=0
  for kind in bits bits-mma; do
    limited 150 python3 "$here/check_bits.py" "$plans/$kind" 2>&1 | tee "$logs/$kind.log" | grep -vE ' same$' | cut -c1-240
    note_status "rows of all programs, $kind" "${PIPESTATUS[0]}"
  done
  for plan in bits/quipu-stories.{bf16,f32} bits-mma/quipu-stories.bf16; do
    for step in 48 640; do
      runs=$((runs + 1))
      QUIPU_ENGINE_PLAN=$plans/$plan.qplan QUIPU_ENGINE_STEP=$step limited 100 runtime-tests \
        --gtest_also_run_disabled_tests --gtest_filter='EngineOnModel.*SameBits' >>"$logs/engine-bits.log" 2>&1 ||
        { bad=$((bad + 1)) && echo "$plan in steps of $step: FAILED"; }
    done
  done
  limited 60 python3 "$here/check_models.py" "$plans/one-order" >>"$logs/one-order.log" 2>&1
  note_status "deterministic models against transformers" $?
  note "200 requests as each alone" "$bad of $runs runs fail" "0" "$([ $bad = 0 ] && echo ok || echo FAILED)"
}

# sanitized TOOL NAME CMD...: a line, and the status of the command under compute-sanitizer's tool.
sanitized() {
  local tool=$1 name=$2 log=$logs/sanitize.log flags=() status
  echo "== $tool $name" >>"$log"
  # A symbol that one code module does not hold is looked for in the next: no error of the program.
  [ "$tool" = memcheck ] && flags=(--report-api-errors no)
  limited 90 compute-sanitizer --tool "$tool" --error-exitcode 86 "${flags[@]}" "${@:3}" >>"$log" 2>&1
  status=$?
  if [ $status = 0 ]; then
    echo "$tool $name: clean"
  else
    echo "$tool $name: FAILED ($status)"
    tail -12 "$log" | cut -c1-200
  fi
  return $status
}

# Prompts of several lengths at once; tokens chosen by arg-max, and drawn; both variants.
sanitize() {
  local bad=0 runs=0 plan tool what variant rows
  : >"$logs/sanitize.log"
  ids() { python3 -c "import sys; print(','.join(str(7 * i % 250) for i in range($1)))"; }
  for plan in random/head_dim_64_gqa.bf16 golden/gqa.f32; do
    local source=(--weights random:0) long=600
    case $plan in golden/*) source=() && long=300 ;; esac
    for variant in sm_90a sm_80; do
      for what in logits greedy drawn; do
        local command=(quipu run "$plans/$plan.qplan" "${source[@]}" --variant "$variant" --prompt-tokens "$(ids 40)" -n 6
          --ignore-eos --print-tokens)
        case $what in
        logits)
          command=(quipu logits "$plans/$plan.qplan" "${source[@]}" --variant "$variant" -o /dev/null
            --prompt-tokens "$(ids $long)" --prompt-tokens "$(ids 33)" --prompt-tokens 1)
          ;;
        greedy) command+=(--temperature 0) ;;
        drawn) command+=(--temperature 0.8 --top-p 0.9 --repeat-penalty 1.1 --seed 1) ;;
        esac
        for tool in memcheck racecheck synccheck; do
          runs=$((runs + 1))
          sanitized $tool "$what $plan $variant" "${command[@]}" || bad=$((bad + 1))
        done
      done
    done
  done
  # Steps of a few rows with grouped heads, whose keys come in tiles: of 8 rows in parts, of 13 in one piece.
  plan=random/head_dim_128_8_kv_heads.bf16
  for rows in 8 13; do
    for tool in memcheck racecheck synccheck; do
      runs=$((runs + 1))
      sanitized $tool "$rows rows $plan" quipu logits "$plans/$plan.qplan" --weights random:0 -o /dev/null \
        --prompt-tokens "$(ids 600)" --chunk $rows || bad=$((bad + 1))
    done
  done
  note "compute-sanitizer" "$bad of $runs runs fail" "0" "$([ $bad = 0 ] && echo ok || echo FAILED)"
}

time_kernels() {
  local shape bad=0
  for shape in llama-3.2-1b llama-2-7b llama-3-8b; do
    limited 100 python3 "$here/check_kernels.py" "$plans/bench/$shape.bf16.qplan" --variant sm_90a --time-only \
      --rows 1,8,64,512,2048 --log "$logs/times-$shape.log" 2>&1 | grep -vE 'rotary_table|embed_tokens' | cut -c1-200
    [ "${PIPESTATUS[0]}" = 0 ] || bad=$((bad + 1))
  done
  note "kernels timed" "$bad of 3 shapes fail" "0" "$([ $bad = 0 ] && echo ok || echo FAILED)"
}

profile() {
  limited 120 python3 "$here/check_profile.py" "$plans/bench/llama-2-7b.bf16.qplan" 2>&1 | tee "$logs/profile.log"
  note_status "profile of the 7B shape adds up" "${PIPESTATUS[0]}"
}

ranges() {
  local plan=$plans/golden/quipu-stories.bf16.qplan found=$logs/ranges part
  local command=(quipu run "$plan" "Once upon a time" -n 12 --temperature 0 --ignore-eos)
  rm -f "$found"
  limited 60 env NVTX_INJECTION64_PATH="$folder/libQuipuRangeRecorder.so" QUIPU_TEST_RANGES="$found" "${command[@]}" \
    >/dev/null && python3 "$here/../tools/Inputs/ranges.py" "$found" 1 >"$logs/ranges.txt"
  local status=$?
  for part in '^load load ' '^    load upload the weights' '^phase prefill: ' '^    kernel layers.0.self_attn.qkv' \
    '^phase decode: 1 sequence' '^    step record a graph' '^      kernel layers.7.mlp.down_proj'; do
    grep -q "$part" "$logs/ranges.txt" || { echo "no range '$part'" && status=1; }
  done
  note_status "ranges for profilers" $status
  command -v nsys >/dev/null || { echo "no nsys here" && return; }
  limited 120 nsys profile --trace=cuda,nvtx --cuda-graph-trace=node --force-overwrite=true -o "$logs/ranges-nsys" \
    "${command[@]}" >"$logs/nsys.log" 2>&1 &&
    limited 60 nsys stats --report nvtx_sum,nvtx_kern_sum,cuda_gpu_kern_sum "$logs/ranges-nsys.nsys-rep" \
      >>"$logs/nsys.log" 2>&1 && grep -q 'quipu:layers.0.self_attn.qkv' "$logs/nsys.log" &&
    grep -q decode_gate_up "$logs/nsys.log"
  note_status "ranges and kernels in Nsight Systems" $?
}

bench() {
  # The ceiling for arithmetic is cuBLAS: PyTorch's, where the toolkit has none.
  local cublas
  cublas=$(python3 -c "import glob, site; print(*glob.glob(site.getsitepackages()[0] + '/nvidia/*/lib/libcublas.so.1?'))")
  cublas=${cublas%% *}
  LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}${cublas:+:$(dirname "$cublas")} \
    limited 400 python3 "$here/bench.py" "$plans" "$results" ${BENCH_ONLY:+--only "$BENCH_ONLY"} 2>&1 |
    tee "$logs/bench.log"
  note_status "benchmarks" "${PIPESTATUS[0]}"
}

pairs() {
  limited 240 python3 "$here/pairs.py" "$plans" "$results" 2>&1 | tee "$logs/pairs.log" | grep -E '^[0-9]+b|Error'
  note_status "pairs" "${PIPESTATUS[0]}"
}

run_peers() {
  [ -n "$peers" ] || { echo "no script of peers given (--peers)" && return; }
  # shellcheck disable=SC2086
  limited 560 python3 "$peers" ${PEER_FLAGS:-} >"$logs/peers.log" 2>&1
  note_status "peers" $?
  grep '^{' "$logs/peers.log" | tee -a "$results" | cut -c1-200
}

nvidia-smi --query-gpu=name,driver_version,memory.total,temperature.gpu,clocks.sm --format=csv,noheader
for section in "${sections[@]}"; do
  echo
  echo "== $section"
  begin=$SECONDS
  python3 "$here/results.py" "$results" begin "$section"
  case $section in
  kernels) check_kernels ;;
  models) check_models ;;
  bits) check_bits ;;
  sanitize) sanitize ;;
  times) time_kernels ;;
  profile) profile ;;
  ranges) ranges ;;
  bench) bench ;;
  pairs) pairs ;;
  peers) run_peers ;;
  esac
  echo "-- $section: $((SECONDS - begin)) s"
done
cp "$results" "$logs/results.jsonl" 2>/dev/null
python3 "$here/results.py" "$results" table
