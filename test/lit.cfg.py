"""The lit suite: FileCheck tests of dialect, frontends, passes, codegen, tools, and end-to-end runs.

Features that a test may REQUIRE (a test that needs one the machine lacks is reported as skipped, with the reason):
  avx2 fma f16c avxvnni avx512 avx512bf16 avx512fp16 avx512vnni amx   what the CPU can do (avx512: everything of
                                                   x86-64-v4; amx: tiles, of bf16 and of integers)
  ptxas                                            NVIDIA's assembler is on the PATH or under /usr/local/cuda
  toolkit_ptxas                                    it is under /usr/local/cuda
  nvdisasm                                         NVIDIA's disassembler is on the PATH or under /usr/local/cuda; it must
                                                   not be older than the assembler
  transformers                                     Python with torch and transformers; QUIPU_TRANSFORMERS_PYTHON names
                                                   the interpreter, python3 is tried otherwise
  gguf_package                                     that Python has gguf and numpy
  llama_cpp                                        llama.cpp's sources and libraries: QUIPU_LLAMA_CPP names the sources,
                                                   QUIPU_LLAMA_CPP_LIBRARIES the other folder (default: build/bin there)
  chromium                                         a Chromium that test/tools/Inputs/browser.py can start
  clients                                          build/clients has what tools/fetch_clients.sh installs
  editors                                          Neovim from 0.11 on, or Emacs with eglot
  smollm2                                          models/smollm2 has what tools/fetch_smollm2.sh fetches
  exhaustive                                       lit has --param exhaustive=1 (tools/test.sh --exhaustive): tests that
                                                   choose among combinations take all of them
Substitutions: %python, %cmake, %build (build folder), %src (source tree), %inputs (test/Inputs), %default_model (the
embedded model's folder), %smollm2 (the fetched model's file), %status N CMD... (runs CMD and succeeds when it exits with
N), %transformers_python, %clients_python, %llama_cpp, %llama_cpp_libraries.
"""

import glob
import os
import shutil
import subprocess

import lit.formats

config.name = "quipu"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.join(config.quipu_source_dir, "test")
config.test_exec_root = os.path.join(config.quipu_build_dir, "test")


def cpu_features():
    """Features by the flags of /proc/cpuinfo, which shows only what the system lets programs use."""
    with open("/proc/cpuinfo") as file:
        lines = [line for line in file if line.startswith("flags")]
    flags = set(lines[0].split(":", 1)[1].split()) if lines else set()
    needs = {
        "avx2": {"avx2", "fma"},
        "fma": {"fma"},
        "f16c": {"f16c"},
        "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
        "avx512bf16": {"avx512f", "avx512_bf16"},
        "avx512fp16": {"avx512f", "avx512_fp16"},
        "avx512vnni": {"avx512f", "avx512_vnni"},
        "avxvnni": {"avx2", "avx_vnni"},
        "amx": {"amx_tile", "amx_bf16", "amx_int8"},
    }
    return [feature for feature, required in needs.items() if required <= flags]


def has_packages(python, *names):
    """Whether the interpreter has all of them; finding them does not pay for importing them."""
    code = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(name) for name in {names!r}))"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


config.available_features.update(cpu_features())
ptxas = shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")
if ptxas:
    config.available_features.add("ptxas")
if shutil.which("/usr/local/cuda/bin/ptxas"):
    config.available_features.add("toolkit_ptxas")
nvdisasm = shutil.which("nvdisasm") or shutil.which("/usr/local/cuda/bin/nvdisasm")
if nvdisasm:
    config.available_features.add("nvdisasm")
transformers_python = os.environ.get("QUIPU_TRANSFORMERS_PYTHON") or config.python
if has_packages(transformers_python, "torch", "transformers"):
    config.available_features.add("transformers")
if has_packages(transformers_python, "gguf", "numpy"):
    config.available_features.add("gguf_package")
clients_python = os.path.join(config.quipu_source_dir, "build/clients/bin/python3")
if has_packages(clients_python, "openai", "lm_eval"):
    config.available_features.add("clients")
llama_cpp = os.environ.get("QUIPU_LLAMA_CPP", "none")
llama_cpp_libraries = os.environ.get("QUIPU_LLAMA_CPP_LIBRARIES") or os.path.join(llama_cpp, "build/bin")
if os.path.exists(os.path.join(llama_cpp_libraries, "libllama.so")):
    config.available_features.add("llama_cpp")

if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
    config.available_features.add("chromium")



def has_editors():
    """Whether every editor that is there reads the settings of docs/ide.md, and one is there."""
    checks = {"nvim": ["--clean", "--headless", "-c", "lua if not vim.lsp.config then vim.cmd('cq') end", "-c", "qa!"],
              "emacs": ["--batch", "-f", "package-initialize", "--eval", "(require 'eglot)"]}
    found = [[name, *arguments] for name, arguments in checks.items() if shutil.which(name)]
    try:
        return bool(found) and not any(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode
                                       for command in found)
    except (OSError, subprocess.TimeoutExpired):
        return False


if has_editors():
    config.available_features.add("editors")

smollm2 = os.path.join(config.quipu_source_dir, "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
if os.path.exists(smollm2):
    config.available_features.add("smollm2")



def kernel_cache():
    """A folder of machine code for all tests, which compile the same few models again and again. It belongs to this
    compiler: what another one left, which it would never take, goes."""
    folders = os.path.join(config.test_exec_root, "kernels")
    program = os.stat(os.path.join(config.quipu_tools_dir, "quipu-compile"))
    own = f"{program.st_size}-{program.st_mtime_ns}"
    for other in os.listdir(folders) if os.path.isdir(folders) else []:
        if other != own:
            shutil.rmtree(os.path.join(folders, other), ignore_errors=True)
    return os.path.join(folders, own)


if lit_config.params.get("exhaustive"):
    config.available_features.add("exhaustive")

# Tests must not see the user's cache of plans, nor a setting that changes messages.
config.environment = {
    "PATH": os.pathsep.join([config.quipu_tools_dir, config.llvm_tools_dir, "/usr/local/bin", "/usr/bin", "/bin"]),
    "HOME": config.test_exec_root,
    "QUIPU_CACHE": os.path.join(config.test_exec_root, "cache"),
    "QUIPU_KERNEL_CACHE": kernel_cache(),
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "QUIPU_PTXAS": ptxas or "none",
}
if nvdisasm:
    config.environment["PATH"] += os.pathsep + os.path.dirname(nvdisasm)
for name in ("LD_LIBRARY_PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

models = sorted(os.path.dirname(path) for path in glob.glob(os.path.join(config.quipu_source_dir, "models/*/config.json")))
config.substitutions += [
    ("%python", config.python),
    ("%cmake", config.cmake),
    ("%build", config.quipu_build_dir),
    ("%src", config.quipu_source_dir),
    ("%inputs", os.path.join(config.test_source_root, "Inputs")),
    ("%smollm2", smollm2),
    ("%default_model", models[0] if models else "no-embedded-model"),
    ("%transformers_python", transformers_python),
    ("%clients_python", clients_python),
    ("%llama_cpp_libraries", llama_cpp_libraries),
    ("%llama_cpp", llama_cpp),
    ("%status", f"{config.python} {os.path.join(config.test_source_root, 'Inputs', 'expect-status.py')}"),
]
