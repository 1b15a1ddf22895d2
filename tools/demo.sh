#!/usr/bin/env bash
# tools/demo.sh [--model NAME] ["PROMPT"] [OPTIONS OF quipu run]: from a fresh Debian 12 machine to a text.
#
# Installs the packages that are missing (as root, or with sudo), builds the compiler, compiles a model and runs it. A
# second run skips what is done. How long each part took is printed on standard error. Models:
#
#   stories   the embedded model, which tells a story (the default)
#   smollm2   SmolLM2-135M-Instruct, which answers; it is fetched first (94 MB, tools/fetch_smollm2.sh)

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$QUIPU_ROOT"

name=stories
case ${1:-} in
  --model)
    name=${2:?"error: --model needs a name: stories or smollm2"}
    shift 2
    ;;
  --model=*)
    name=${1#*=}
    shift
    ;;
esac
# The sampling of the model card, and a seed that nobody picked. The most likely tokens suit answers better.
case $name in
  stories)
    prompt="Once upon a time"
    options=(--temperature 0.8 --top-p 0.9 --repeat-penalty 1.1 --seed 1 -n 400)
    ;;
  smollm2)
    prompt="Why is the sky blue? Answer in two sentences."
    options=(--temperature 0 -n 400)
    ;;
  *)
    echo "error: --model $name: there is no such model; there are stories and smollm2 (of a model of your own:" \
      "build/bin/quipu run MODEL)" >&2
    exit 2
    ;;
esac
# A prompt and options that are given take the place of these.
if [ $# -gt 0 ]; then
  prompt=$1
  shift
  [ $# -eq 0 ] || options=()
fi
if [ "$name" = smollm2 ] && [[ $prompt = *"<|"* ]]; then
  echo "error: the prompt has <|, with which marks of a conversation begin; the demo sets these itself" >&2
  exit 2
fi

start=$(quipu_now)
quipu_step "install packages" quipu_install "${QUIPU_PACKAGES[@]}"
# The tests need more packages; a build folder that has them keeps them.
tests=()
[ -f build/CMakeCache.txt ] || tests=(-DQUIPU_BUILD_TESTS=OFF)
quipu_step "configure" cmake --preset release "${tests[@]}"
quipu_step "build" cmake --build build --target quipu quipu-compile
case $name in
  stories)
    model=$(quipu_default_model)
    options+=(--echo)
    ;;
  smollm2)
    model=$(tools/fetch_smollm2.sh)
    # A conversation as its chat template writes it. Its marks are tokens only with this option.
    prompt=$'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n'$prompt$'<|im_end|>\n<|im_start|>assistant\n'
    options+=(--parse-special)
    ;;
esac
plan=build/demo-$name.qplan
quipu_step "compile the model" build/bin/quipu compile "$model" -o "$plan"
[ "$name" != smollm2 ] || echo "to talk with it: build/bin/quipu chat $plan" >&2
printf '%-36s%8s s\n\n' "from the start to the first token" "$(quipu_seconds "$start")" >&2
exec build/bin/quipu run "$plan" "$prompt" "${options[@]}" "$@"
