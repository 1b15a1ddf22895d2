#!/bin/sh
# Fails when a program loads a library of LLVM or MLIR: the runtime must run on machines that have neither.
# Usage: no-llvm.sh PROGRAM...
set -eu

reader=
for candidate in readelf llvm-readelf llvm-readelf-22 /usr/lib/llvm-22/bin/llvm-readelf; do
  if command -v "$candidate" >/dev/null 2>&1; then
    reader=$candidate
    break
  fi
done
if [ -z "$reader" ]; then
  echo "no-llvm.sh: neither readelf nor llvm-readelf found (binutils or llvm-22)" >&2
  exit 2
fi
if [ $# -eq 0 ]; then
  echo "usage: no-llvm.sh PROGRAM..." >&2
  exit 2
fi

status=0
for program in "$@"; do
  if ! dynamic=$("$reader" --dynamic --wide "$program"); then
    echo "$program: cannot be read" >&2
    status=1
    continue
  fi
  case $dynamic in
  *NEEDED*) ;;
  *)
    echo "$program: no dynamic section, or one without needed libraries" >&2
    status=1
    continue
    ;;
  esac
  found=$(printf '%s\n' "$dynamic" | grep NEEDED | grep -iE 'libLLVM|libMLIR|libclang|liblld' || true)
  if [ -n "$found" ]; then
    echo "$program links LLVM or MLIR:" >&2
    printf '%s\n' "$found" >&2
    status=1
  else
    echo "$program: links neither LLVM nor MLIR"
  fi
done
exit $status
