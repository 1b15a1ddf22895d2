//===- Assembler.h - PTX to a cubin -----------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H
#define QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H

#include "codegen/cuda/CudaTarget.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu::codegen::cuda {

/// What made a cubin.
struct Cubin {
  std::vector<char> bytes;
  /// "/usr/local/cuda/bin/ptxas", "nvJitLink 13.0".
  std::string assembler;
  /// What it said (ptxas -v: registers, spills, shared memory of each kernel).
  std::string log;
};

/// A cubin. If there is no cubin, the reason: "this machine has no assembler for NVIDIA GPUs".
struct Assembly {
  std::optional<Cubin> cubin;
  std::string obstacle;
};

/// Assembles PTX with ptxas (named by QUIPU_PTXAS, on PATH, or under /usr/local/cuda) or else with libnvJitLink. Those
/// that were found and are too old for the target are passed over. No cubin when none is left, or QUIPU_PTXAS is
/// "none"; an error when one refuses the code, or the named one cannot be had.
llvm::Expected<Assembly> assemblePtx(const std::string &ptx, const CudaTarget &target);

/// Where assemblers may be, in the order in which they are tried: the programs are there, of the libraries' names the
/// first that can be loaded counts.
struct AssemblerPlaces {
  std::vector<std::string> programs;
  std::vector<std::string> nvJitLink;
};
/// Of this machine.
AssemblerPlaces assemblerPlaces();

/// As assemblePtx does when QUIPU_PTXAS is not set.
llvm::Expected<Assembly> assembleWithFirst(const std::string &ptx, const CudaTarget &target,
                                           const AssemblerPlaces &places);

/// A sentence for each kernel that has too few registers and keeps values in memory, from the assembler's log.
std::vector<std::string> spillsOf(const Cubin &cubin);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_TOOLCHAIN_ASSEMBLER_H
