//===- CudaTarget.h - Which NVIDIA GPU a plan is compiled for ---*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_CUDATARGET_H
#define QUIPU_CODEGEN_CUDA_CUDATARGET_H

#include "ir/Llama/Llama.h"

#include "llvm/Support/Error.h"

#include <string>

namespace quipu::codegen::cuda {

using llama::CudaFeature;

/// What generated code may assume about a GPU. Emitters ask for features and numbers, never for names.
class CudaTarget {
public:
  explicit CudaTarget(llama::CudaTargetAttr attribute);
  /// A GPU of the table in CudaTarget.cpp.
  static std::optional<CudaTarget> find(llvm::StringRef arch);

  /// "sm_80", "sm_86", "sm_89", "sm_90a".
  std::string arch;

  bool has(CudaFeature feature) const { return llvm::is_contained(features, feature); }
  /// Whether the GPU has products of four warps (wgmma) and the tensor copies that bring their operands.
  bool hasWgmma() const { return has(CudaFeature::Wgmma) && has(CudaFeature::TensorCopies); }
  /// Whether the GPU has what a ring of weights needs: bulk copies, barriers for them, and dependent launch.
  bool hasRings() const { return has(CudaFeature::BulkCopies) && has(CudaFeature::DependentLaunch); }

  /// Architecture that the PTX is for. sm_86 and sm_89 get the code of sm_80, which runs on them.
  const std::string &ptxArch() const { return ptxFor; }
  /// Version of the PTX ISA that the code needs, 10 * major + minor.
  int ptxVersion() const { return version; }
  /// Multiprocessors of the chip that schedules are chosen for.
  int multiprocessors() const { return multiprocessorCount; }
  /// Bytes of shared memory that a block may use.
  int sharedBytes() const { return sharedByteCount; }
  /// The same for the GPU of the table that has the least.
  static constexpr int kLeastSharedBytes = 99 * 1024;

  llama::CudaTargetAttr attribute(mlir::MLIRContext *context) const;

  /// The portable target. Every CUDA plan has its PTX beside the code for the plan's own target.
  static CudaTarget fallback() { return *find("sm_80"); }

private:
  CudaTarget() = default;

  std::string ptxFor;
  int version = 0, multiprocessorCount = 0, sharedByteCount = 0;
  llvm::SmallVector<CudaFeature> features;
};

/// Whether the text of `--target` asks for a GPU: `cuda` or `cuda:...`.
bool isCudaTarget(llvm::StringRef text);

/// Parses the text of `--target`: `cuda` (sm_90a), `cuda:sm_80`, `cuda:sm_86`, `cuda:sm_89`, `cuda:sm_90a`.
llvm::Expected<CudaTarget> parseCudaTarget(llvm::StringRef text);

/// The target of `module`. If `text` (an option of a pass) is not empty, it names the target, and the module has it
/// from then on. Otherwise it is the module's own target, or the default, `cuda`. Fails with a diagnostic if the text
/// is not a target.
mlir::FailureOr<CudaTarget> cudaTargetOf(mlir::ModuleOp module, llvm::StringRef text);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CUDATARGET_H
