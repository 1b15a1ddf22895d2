#!/usr/bin/env bash
# fake-clients.sh TOOLS DIR PYTHON: in DIR/tree a copy of the script that installs clients, whose pins name a package of our own
# in DIR, so that pip needs no network.
set -euo pipefail
tools=$1 dir=$2 python=$3
info=quipu_fake-1.0.dist-info wheel=quipu_fake-1.0-py3-none-any.whl
mkdir -p "$dir/tree/tools" "$dir/tree/test/serve/Inputs" "$dir/package/$info"
cp "$tools/setup.sh" "$tools/fetch_clients.sh" "$dir/tree/tools/"
printf 'answer = 42\n' >"$dir/package/quipu_fake.py"
printf 'Metadata-Version: 2.1\nName: quipu-fake\nVersion: 1.0\n' >"$dir/package/$info/METADATA"
printf 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >"$dir/package/$info/WHEEL"
printf 'quipu_fake.py,,\n%s/METADATA,,\n%s/WHEEL,,\n%s/RECORD,,\n' "$info" "$info" "$info" >"$dir/package/$info/RECORD"
(cd "$dir/package" && "$python" -m zipfile -c "../$wheel" quipu_fake.py "$info")
echo "$dir/$wheel" >"$dir/tree/test/serve/Inputs/clients-requirements.txt"
