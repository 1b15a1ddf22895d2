//===- CudaKernel.h - From scheduled kernels to GPU code --------*- C++ -*-===//
//
// The CUDA code generator: every `llama.kernel` of a module, scheduled by llama-select-schedules for a CUDA target,
// becomes global functions in one module of llvm/nvvm/arith/scf code, which LLVM compiles to PTX, and ptxas or
// nvJitLink, where there is one, to a cubin.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_CUDAKERNEL_H
#define QUIPU_CODEGEN_CUDA_CUDAKERNEL_H

#include "codegen/cuda/CudaTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace quipu::codegen {

/// Emits the kernels of `module` that its programs launch and the service kernels into a module beside them (codeOf),
/// and gives each kernel its #llama.code. The code has a module for each program and one for the services ("parts"), so
/// that they can be compiled at the same time. With `only`, that kernel and nothing else. The pass llama-emit-cuda. The
/// dialects of the code must be loaded.
mlir::LogicalResult emitCudaKernels(mlir::ModuleOp module, const CudaTarget &target, llvm::StringRef only = {});

/// Adds the passes that lower the parts of emitted code to the LLVM dialect: those of llama-lower-cuda.
void addCudaLowering(mlir::OpPassManager &passes);

/// All parts in one module.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> joinCudaParts(mlir::ModuleOp code);

/// Makes `context` ready for translateCudaToLLVM.
void prepareCudaTranslation(mlir::MLIRContext &context);

/// Translates a lowered part to LLVM IR for `target` and optimises it. May run in several threads, with an LLVM context
/// each.
llvm::Expected<std::unique_ptr<llvm::Module>> translateCudaToLLVM(mlir::ModuleOp part, const CudaTarget &target,
                                                                  llvm::LLVMContext &context);

/// PTX text of an optimised module.
llvm::Expected<std::string> emitPtx(llvm::Module &module, const CudaTarget &target);

/// What made a cubin.
struct Cubin {
  std::vector<char> bytes;
  /// "/usr/local/cuda/bin/ptxas", "nvJitLink 13.0".
  std::string assembler;
  /// What it said (ptxas -v: registers, spills, shared memory of each kernel).
  std::string log;
};

/// A cubin, or why there is none: "this machine has no assembler for NVIDIA GPUs".
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

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_CUDA_CUDAKERNEL_H
