#!/usr/bin/env bash
# tools/test.sh: everything that must hold, from a fresh Debian 12 machine on.
#
# Installs the packages that are missing (as root, or with sudo), builds all, fetches what tests use (a model, clients of servers;
# without them some tests are skipped), runs the GoogleTest programs and the lit
# suite, builds runtime and frontends with AddressSanitizer and UndefinedBehaviorSanitizer and runs their tests again,
# checks the format of the C++ files, runs clang-tidy over those that changed, and prints "N passed, N failed, N skipped"
# as its last line. Exit status 1 when anything failed.
#
#   --tidy-since REV      clang-tidy over the files that differ from REV (default: the commit before the last one)
#   --fuzz SECONDS        nothing of the above: runs libFuzzer on every target of test/fuzz/, all in that time
#   --exhaustive          lit tests that choose among combinations of shapes, types and targets take all of them
#   --sanitize-compiler   the compiler too is built with the sanitizers, and its tests run again (takes half an hour more)

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$QUIPU_ROOT"

tidy_since=HEAD~1
sanitize_compiler=no
exhaustive=()
fuzz_seconds=
while [ $# -gt 0 ]; do
  case $1 in
    --tidy-since)
      tidy_since=${2:?"error: --tidy-since needs a revision"}
      git rev-parse --quiet --verify "$tidy_since^{commit}" >/dev/null || {
        echo "error: --tidy-since $tidy_since: git knows no such revision" >&2
        exit 2
      }
      shift
      ;;
    --sanitize-compiler) sanitize_compiler=yes ;;
    --exhaustive) exhaustive=(--exhaustive) ;;
    --fuzz)
      fuzz_seconds=${2:?"error: --fuzz needs a number of seconds"}
      [[ $fuzz_seconds =~ ^[1-9][0-9]*$ ]] || {
        echo "error: --fuzz $fuzz_seconds: must be a number of seconds from 1 up" >&2
        exit 2
      }
      shift
      ;;
    *)
      echo "error: unknown option $1; tools/test.sh has --tidy-since REV, --exhaustive, --sanitize-compiler and --fuzz SECONDS" >&2
      exit 2
      ;;
  esac
  shift
done

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

# What tests use and Debian does not have. Where it cannot be had, those tests are skipped, each with the reason; it must not cost
# them all.
fetch_optional() {
  timeout 240 "$1" || echo "$1 failed: tests that need it are skipped"
}

check_format() {
  git ls-files -z -- '*.h' '*.cpp' | xargs -0 -r clang-format-22 --dry-run -Werror
}

# A clone of depth one has no commit before the last: then all files are new, and none is looked at.
changed_sources() {
  git rev-parse --quiet --verify "$tidy_since^{commit}" >/dev/null || return 0
  git diff --name-only --diff-filter=d "$tidy_since" -- '*.cpp'
}

# The commands of a build without precompiled headers and joined files; generated headers are those of the real build.
check_tidy() {
  local files
  mapfile -t files < <(changed_sources)
  [ "${#files[@]}" -gt 0 ] || return 0
  cmake --preset release -B build-tidy -DQUIPU_BUILD_TESTS=ON -DCMAKE_UNITY_BUILD=OFF \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON
  printf '%s\0' "${files[@]}" |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy-22 -p build-tidy --quiet --extra-arg="-I$QUIPU_ROOT/build"
}

# Each target gets the same share of the time; as many run at once as there are processors. A target is one test.
fuzz_all() {
  local targets share
  mapfile -t targets < <(basename -a test/fuzz/corpus/*/)
  share=$((fuzz_seconds * $(nproc) / ${#targets[@]}))
  [ "$share" -gt 0 ] || share=1
  # shellcheck disable=SC2016
  printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c '
    status=0
    test/fuzz/fuzz.sh build-fuzz "$1" "$2" >"$3/fuzz-$1.log" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
      echo "1 0 0" >>"$4"
    else
      echo "FAILED fuzz: $1; the end of $3/fuzz-$1.log:"
      tail -n 40 "$3/fuzz-$1.log"
      echo "0 1 0" >>"$4"
    fi' _ {} "$share" "$QUIPU_LOGS" "$counts"
}

if [ -n "$fuzz_seconds" ]; then
  quipu_step "install packages" quipu_install "${QUIPU_PACKAGES[@]}" libclang-rt-22-dev libgtest-dev libgmock-dev
  quipu_step "configure (fuzzing)" cmake --preset fuzz
  quipu_step "build (fuzzing)" cmake --build build-fuzz --target quipu-fuzz
  run_suite "fuzzing" fuzz_all
  finished=yes
  exit
fi

quipu_step "install packages" quipu_install "${QUIPU_PACKAGES[@]}" clang-format-22 clang-tidy-22 libclang-rt-22-dev libgtest-dev \
  libgmock-dev chromium fonts-dejavu-core git
quipu_step "configure" cmake --preset release -DQUIPU_BUILD_TESTS=ON
quipu_step "build" cmake --build build
quipu_step "fetch a model" fetch_optional tools/fetch_smollm2.sh
quipu_step "fetch clients of servers" fetch_optional tools/fetch_clients.sh
run_suite "tests" tools/run-tests.py --build build "${exhaustive[@]}" --counts "$counts"

if [ "$sanitize_compiler" = yes ]; then
  quipu_step "configure (sanitizers, compiler)" cmake --preset asan -DQUIPU_BUILD_COMPILER=ON
  quipu_step "build (sanitizers, compiler)" cmake --build build-asan
  # Of the lit suite what runs the compiler's parts. Whole runs are the release build's: they would take hours.
  run_suite "tests (sanitizers, compiler)" tools/run-tests.py --build build-asan --sanitized-compiler --label "asan " \
    --counts "$counts" build-asan/test/{ir,passes,codegen}
else
  quipu_step "configure (sanitizers)" cmake --preset asan -DQUIPU_BUILD_COMPILER=OFF
  quipu_step "build (sanitizers)" cmake --build build-asan --target unit-tests
  run_suite "tests (sanitizers)" tools/run-tests.py --build build-asan --no-lit --label "asan " --counts "$counts"
fi

echo
check "format" check_format
check "clang-tidy of changed files" check_tidy

finished=yes
