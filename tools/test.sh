#!/usr/bin/env bash
# tools/test.sh: everything that must hold, from a fresh Debian 12 machine on.
#
# Installs the packages that are missing (as root, or with sudo), builds all, runs the GoogleTest programs and the lit
# suite, builds runtime and frontends with AddressSanitizer and UndefinedBehaviorSanitizer and runs their tests again,
# checks the format of the C++ files, and prints "N passed, N failed, N skipped" as its last line. Exit status 1 when
# anything failed.

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$QUIPU_ROOT"

counts=$QUIPU_LOGS/counts
: >"$counts"

# The last line is printed however the script ends; a step that stops it counts as one failed test.
finished=no
finish() {
  local passed failed skipped
  [ "$finished" = yes ] || echo "0 1 0" >>"$counts"
  read -r passed failed skipped < <(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$counts")
  echo "$passed passed, $failed failed, $skipped skipped"
  if [ "$failed" -ne 0 ] || [ "$passed" -eq 0 ]; then exit 1; fi
}
trap finish EXIT

# run_suite NAME CMD...: a test run whose output is shown; it adds its counts itself.
run_suite() {
  local name=$1 start
  shift
  echo
  echo "== $name"
  start=$(quipu_now)
  "$@" </dev/null || true
  printf '%-36s%8s s\n' "$name" "$(quipu_seconds "$start")" >&2
}

# A check without tests of its own counts as one test.
check() {
  local name=$1 status=0
  shift
  quipu_step "$name" "$@" || status=$?
  if [ "$status" -eq 0 ]; then echo "1 0 0" >>"$counts"; else echo "0 1 0" >>"$counts"; fi
}

check_format() {
  git ls-files -z -- '*.h' '*.cpp' | xargs -0 -r clang-format-22 --dry-run -Werror
}

quipu_step "install packages" quipu_install "${QUIPU_PACKAGES[@]}" clang-format-22 libclang-rt-22-dev libgtest-dev \
  libgmock-dev git
quipu_step "configure" cmake --preset release -DQUIPU_BUILD_TESTS=ON
quipu_step "build" cmake --build build
run_suite "tests" tools/run-tests.py --build build --counts "$counts"

quipu_step "configure (sanitizers)" cmake --preset asan -DQUIPU_BUILD_COMPILER=OFF
quipu_step "build (sanitizers)" cmake --build build-asan --target unit-tests
run_suite "tests (sanitizers)" tools/run-tests.py --build build-asan --no-lit --label "asan " --counts "$counts"

echo
check "format" check_format

finished=yes
