#!/usr/bin/env bash
# make_corpus.sh: makes the seeds in corpus/ anew, from the inputs of the unit tests (the malformed files among them) and
# from small files of this repository. libFuzzer chooses those that together reach what all of them reach. The unit tests
# are those of build/, and must be built.
#
# Seeds whose name begins with "found-" are inputs that fuzzing has found: they stay. Of the others each target keeps the
# two largest, which reach most, and of the rest the smallest, all together about MAX_BYTES: the whole corpus
# is to stay below 300 KB.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
fuzz=$root/build-fuzz/bin/quipu-fuzz
tests=$root/build/test/unit
MAX_BYTES=16000

cd "$root"
cmake --preset fuzz
cmake --build build-fuzz --target quipu-fuzz
inputs=$(mktemp -d)
trap 'rm -rf "$inputs"' EXIT

cd test
export QUIPU_KEEP_INPUTS=$inputs/tests
"$tests/QuipuConfigTests" --gtest_filter='-Fuzz.*:*LongWords*:*OpensABigFile*'
"$tests/runtime-tests" --gtest_filter='PlanFileTest.*:SessionTest.*:DataFile.*'
unset QUIPU_KEEP_INPUTS
python3 "$here/more_seeds.py" "$inputs/tests"

# make NAME FOLDER...: the corpus of one target.
make() {
  local name=$1 folder chosen size=0
  shift
  mkdir -p "$here/corpus/$name" "$inputs/some/$name" "$inputs/chosen/$name"
  for folder in "$here/corpus/$name" "${@/#/$inputs/tests/}"; do
    [ ! -d "$folder" ] || find "$folder" -maxdepth 1 -type f -size -16 -exec cp -t "$inputs/some/$name" {} +
  done
  QUIPU_FUZZ_TARGET=$name "$fuzz" -set_cover_merge=1 -max_len=32768 -artifact_prefix="$inputs/" "$inputs/chosen/$name" "$inputs/some/$name"
  find "$here/corpus/$name" -type f ! -name 'found-*' -delete
  while read -r bytes chosen; do
    size=$((size + bytes))
    cp "$chosen" "$here/corpus/$name/"
    [ "$size" -le "$MAX_BYTES" ] || break
  done < <(
    find "$inputs/chosen/$name" -type f -printf '%s %p\n' | sort -n >"$inputs/list"
    tail -n 2 "$inputs/list"
    head -n -2 "$inputs/list"
  )
}

make chat_template chat_template
make checkpoint bad.pth a.pth b.pth x.pth consolidated.00.pth
make config config.json
make generation_config generation_config.json
MAX_BYTES=48000 make gguf model.gguf m.gguf small.gguf
make gguf_tokenizer gguf_tokenizer
make http_head http_head
make llama2c model.bin
make params params.json
MAX_BYTES=32000 make plan plan
make plan_file plan_file
make ranks tokenizer.model ranks
make safetensors bad.safetensors x.safetensors model.safetensors
make score_data score_data
make shard_index model.safetensors.index.json
make text_request text_request
make tokenizer_bin tokenizer.bin
make tokenizer_config tokenizer_config.json
make tokenizer_json tokenizer.json
make tokenizer_model tokenizer.model
du -sb "$here/corpus"
