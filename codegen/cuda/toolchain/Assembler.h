//===- Assembler.h - PTX to a cubin -----------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H
#define QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H

#include "codegen/cuda/CudaTarget.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu::codegen::cuda {

/// The assembler that made a cubin.
struct Cubin {
  std::vector<char> bytes;
  /// "/usr/local/cuda/bin/ptxas", "nvJitLink 13.0".
  std::string assembler;
  /// What it printed (ptxas -v: registers, spills, shared memory of each kernel).
  std::string log;
};

/// A cubin. If there is no cubin, why not: "this machine has no assembler for NVIDIA GPUs".
struct Assembly {
  std::optional<Cubin> cubin;
  std::string obstacle;
};

/// Assembles PTX with ptxas (named by QUIPU_PTXAS, on PATH, or under /usr/local/cuda) or else with libnvJitLink. An
/// assembler that is too old for the target is skipped. There is no cubin if no assembler is left, or QUIPU_PTXAS is
/// "none". It is an error if an assembler refuses the code, or the named one cannot be run.
llvm::Expected<Assembly> assemblePtx(const std::string &ptx, const CudaTarget &target);

/// What assemblePtx() assembles this target's code with: "ptxas 13.0.88", "nvJitLink 13.0". Empty if it makes no cubin,
/// so that the driver compiles the code.
llvm::Expected<std::string> assemblerName(const CudaTarget &target);

/// Where assemblers may be, in the order in which they are tried. The programs exist. Of the libraries' names the first
/// that can be loaded counts.
struct AssemblerPlaces {
  std::vector<std::string> programs;
  std::vector<std::string> nvJitLink;
};
/// Of this machine.
AssemblerPlaces assemblerPlaces();

/// Does what assemblePtx does when QUIPU_PTXAS is not set.
llvm::Expected<Assembly> assembleWithFirst(const std::string &ptx, const CudaTarget &target,
                                           const AssemblerPlaces &places);

/// A sentence for each kernel that has too few registers, so that it keeps values in memory (spills). It is taken from
/// the assembler's log.
std::vector<std::string> spillsOf(const Cubin &cubin);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H
