#!/usr/bin/env bash
# tools/fetch_clients.sh: installs the Python packages openai and lm_eval, with which test/serve/clients.test uses a server, and
# prints the path of the interpreter that has them.
#
# Their versions, and those of all packages that they need, are pinned (test/serve/Inputs/clients-requirements.txt). They go to
# build/clients, a virtual environment, where the tests look for them (600 MB). It gets pins.txt when all of it is there;
# with the same pins there nothing is done.

# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

if [ $# -gt 0 ]; then
  echo "error: tools/fetch_clients.sh takes no arguments" >&2
  exit 2
fi
folder=$QUIPU_ROOT/build/clients
pins=$QUIPU_ROOT/test/serve/Inputs/clients-requirements.txt

have_pip() { python3 -m pip --version >/dev/null 2>&1 || quipu_install ca-certificates python3 python3-pip; }

# install: with the machine's pip, because Debian's environments have none of their own without another package. Modules are
# compiled when they are used, since most never are.
install() {
  python3 -m venv --clear --without-pip "$folder" &&
    python3 -m pip --python "$folder/bin/python3" install --disable-pip-version-check --retries 5 --no-deps --no-compile \
      --requirement "$pins" &&
    cp "$pins" "$folder/pins.txt"
}

if ! cmp -s "$pins" "$folder/pins.txt" || ! "$folder/bin/python3" -c '' 2>/dev/null; then
  quipu_step "install pip" have_pip
  quipu_step "install openai and lm_eval" install
fi
echo "$folder/bin/python3"
