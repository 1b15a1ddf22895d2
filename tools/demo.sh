#!/usr/bin/env bash
# tools/demo.sh ["PROMPT"] [OPTIONS OF quipu run]: from a fresh Debian 12 machine to a story.
#
# Installs the packages that are missing (as root, or with sudo), builds the compiler, compiles the embedded model and
# lets it tell a story. A second run skips what is done. How long each part took is printed on standard error.

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$QUIPU_ROOT"

# The prompt and the sampling of the model card, and a seed that nobody picked; options that are given take their place.
prompt="Once upon a time"
options=(--temperature 0.8 --top-p 0.9 --repeat-penalty 1.1 --seed 1 -n 400)
if [ $# -gt 0 ]; then
  prompt=$1
  shift
  [ $# -eq 0 ] || options=()
fi

start=$(quipu_now)
quipu_step "install packages" quipu_install "${QUIPU_PACKAGES[@]}"
# The tests need more packages; a build folder that has them keeps them.
tests=()
[ -f build/CMakeCache.txt ] || tests=(-DQUIPU_BUILD_TESTS=OFF)
quipu_step "configure" cmake --preset release "${tests[@]}"
quipu_step "build" cmake --build build --target quipu quipu-compile
model=$(quipu_default_model)
plan=build/demo.qplan
quipu_step "compile the model" build/bin/quipu compile "$model" -o "$plan"
printf '%-36s%8s s\n\n' "from the start to the first token" "$(quipu_seconds "$start")" >&2
exec build/bin/quipu run "$plan" "$prompt" --echo "${options[@]}" "$@"
