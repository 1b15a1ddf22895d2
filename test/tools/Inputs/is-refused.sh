#!/bin/sh
# is-refused.sh MODULE: of interest (status 1) is a module whose llama.sample the reference lowering has no pattern for.
quipu-opt "$1" --llama-to-linalg 2>&1 | grep -q "failed to legalize operation 'llama.sample'" && exit 1
exit 0
