# shellcheck shell=bash
#
# Shared by demo.sh, test.sh and fetch_*.sh; sourced, not run. Installs what the build needs on Debian 12 when it is missing, and
# times the parts of a script.
#
#   quipu_step NAME CMD...    runs CMD with its output in a log file; prints NAME and the seconds it took, or the log's
#                             end and stops the script when it failed
#   quipu_install PACKAGES... installs the Debian packages that are not installed yet

set -euo pipefail

QUIPU_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
QUIPU_LOGS=$QUIPU_ROOT/build/logs
mkdir -p "$QUIPU_LOGS"

# What building the compiler takes; test.sh adds to it.
# shellcheck disable=SC2034
QUIPU_PACKAGES=(
  ca-certificates ccache clang-22 cmake flatbuffers-compiler libboost1.81-dev libc6-dev libcli11-dev libedit-dev libflatbuffers-dev liblld-22-dev
  libminizip-dev libmlir-22-dev libpcre2-dev libstdc++-12-dev libutf8proc-dev libxxhash-dev lld-22 llvm-22-dev
  llvm-22-tools mlir-22-tools ninja-build nlohmann-json3-dev node-d3-axis node-d3-scale node-d3-zoom node-dagre-layout python3 python3-pip python3-setuptools zlib1g-dev)

quipu_now() { date +%s.%N; }

# quipu_seconds START: seconds since START, with one decimal.
quipu_seconds() { awk -v a="$1" -v b="$(quipu_now)" 'BEGIN { printf "%.1f", b - a }'; }

quipu_step() {
  local name=$1 log
  shift
  log=$QUIPU_LOGS/${name//[^A-Za-z0-9]/-}.log
  local start status=0
  start=$(quipu_now)
  printf '%-36s' "$name ..." >&2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  printf '%8s s\n' "$(quipu_seconds "$start")" >&2
  if [ "$status" -ne 0 ]; then
    printf 'error: %s failed (exit status %s); the end of %s:\n' "$name" "$status" "$log" >&2
    tail -n 60 "$log" >&2
    return "$status"
  fi
}

quipu_install() {
  local missing=() package sudo=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "error: these Debian packages are missing, and this is neither root nor is there sudo: ${missing[*]}" >&2
      return 1
    }
    sudo=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update
  # ccache and the like recommend much that nothing here uses.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
    --no-install-recommends "${missing[@]}"
}

# The embedded model: the only folder of models/ that holds a config.json.
quipu_default_model() {
  local configs=("$QUIPU_ROOT"/models/*/config.json)
  if [ ! -f "${configs[0]}" ] || [ "${#configs[@]}" -ne 1 ]; then
    echo "error: expected exactly one models/*/config.json, found: ${configs[*]}" >&2
    return 1
  fi
  dirname "${configs[0]}"
}
