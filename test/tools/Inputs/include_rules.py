"""include_rules.py SOURCE: which folder may include which. The arrows of docs/architecture.md are these."""

import pathlib
import re
import sys

CUDA_EMITTERS = ["codegen/cuda/Emitters.h", "codegen/cuda/SingleOps.h", "codegen/cuda/vocabulary"]

# A folder may include itself, what lies in it, and these. The longest name that a file lies in counts.
RULES = {
    "runtime/support": [],
    "runtime/abi": ["runtime/support"],
    "runtime": ["runtime"],
    # Many requests: ids alone, no texts but the rules of sampling.
    "runtime/engine": ["runtime/abi", "runtime/core", "runtime/support", "runtime/text"],
    # What is made of sessions and tokenizers.
    "runtime/score": ["runtime/abi", "runtime/chat", "runtime/core", "runtime/support", "runtime/text"],
    "ir": ["runtime/abi"],
    "passes": ["ir", "runtime/abi"],
    "frontends": ["ir", "runtime/abi", "runtime/support"],
    # Writers of other formats need no dialect.
    "frontends/convert": ["frontends", "runtime/abi", "runtime/support"],
    "codegen/common": ["codegen", "ir", "runtime/abi", "runtime/support"],
    "codegen/schedule": ["codegen", "ir"],
    "codegen/cpu": ["codegen/Passes.h", "codegen/common", "ir", "runtime/abi", "runtime/support"],
    "codegen/cuda": ["codegen/Passes.h", "codegen/common", "ir", "runtime/abi", "runtime/support"],
    # Kernels are written in the vocabulary, which knows none of them, and families of kernels do not know each other.
    "codegen/cuda/vocabulary": ["codegen/common", "codegen/cuda/Convergent.h", "codegen/cuda/CudaTarget.h", "ir", "runtime/abi"],
    "codegen/cuda/linear": ["codegen/common", *CUDA_EMITTERS, "ir", "runtime/abi"],
    "codegen/cuda/attention": ["codegen/common", *CUDA_EMITTERS, "ir", "runtime/abi"],
    "codegen/cuda/pointwise": ["codegen/common", *CUDA_EMITTERS, "ir", "runtime/abi"],
    "codegen/cuda/services": ["codegen/common", *CUDA_EMITTERS, "ir", "runtime/abi"],
    # What takes the emitted code to a cubin knows no kernel.
    "codegen/cuda/toolchain": ["codegen/common", "codegen/cuda/Convergent.h", "codegen/cuda/CudaTarget.h", "ir", "runtime/support"],
    "codegen/plan": ["codegen/common", "frontends/common", "ir", "runtime/abi", "runtime/support"],
    "codegen": ["ir"],
    "tools/common": ["runtime/support"],
    # No MLIR: what needs the compiler starts quipu-compile, whose options it knows.
    "tools/quipu": ["frontends", "runtime", "tools/common", "tools/quipu-compile/Options.h"],
    "tools": ["codegen", "frontends", "ir", "passes", "runtime", "tools"],
}


def lies_in(path, folder):
    return path == folder or path.startswith(folder + "/")


source = pathlib.Path(sys.argv[1])
used = set()
wrong = []
for path in sorted(path for top in sorted({rule.split("/")[0] for rule in RULES}) for path in (source / top).rglob("*")):
    if path.suffix not in (".h", ".cpp"):
        continue
    name = str(path.relative_to(source))
    rule = max((rule for rule in RULES if lies_in(name, rule)), key=len)
    used.add(rule)
    for included in re.findall(r'^#include "([^"]+[.]h)"', path.read_text(), re.M):
        if included.split("/")[0] not in {rule.split("/")[0] for rule in RULES}:
            continue
        if not any(lies_in(included, folder) for folder in [rule, *RULES[rule]]):
            wrong.append(f"{name} includes {included}; {rule} may include {', '.join(RULES[rule]) or 'itself'}")
# A rule for a folder that is gone would hold for nothing.
wrong += [f"{rule}: no such folder" for rule in set(RULES) - used]
print("\n".join(wrong) or "all includes follow the rules")
sys.exit(bool(wrong))
