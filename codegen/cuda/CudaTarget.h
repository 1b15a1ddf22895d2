//===- CudaTarget.h - Which NVIDIA GPU a plan is compiled for ---*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_CUDATARGET_H
#define QUIPU_CODEGEN_CUDA_CUDATARGET_H

#include "ir/Llama/Llama.h"

#include "llvm/Support/Error.h"

#include <string>

namespace quipu::codegen::cuda {

using llama::CudaFeature;

/// What generated code may take for granted of a GPU. It is asked by feature and by number, never by name.
class CudaTarget {
public:
  explicit CudaTarget(llama::CudaTargetAttr attribute);
  /// A GPU of the table in CudaTarget.cpp.
  static std::optional<CudaTarget> find(llvm::StringRef arch);

  /// "sm_80", "sm_86", "sm_89", "sm_90a".
  std::string arch;

  bool has(CudaFeature feature) const { return llvm::is_contained(features, feature); }
  /// Everything that products of four warps need: their operands come as tensor copies.
  bool hasWgmma() const { return has(CudaFeature::Wgmma) && has(CudaFeature::TensorCopies); }
  /// Everything that a ring of buffers needs, which fills while the kernel in front still runs.
  bool hasRings() const { return has(CudaFeature::BulkCopies) && has(CudaFeature::DependentLaunch); }

  /// Architecture that the PTX is for. Code for sm_86 and sm_89 is sm_80's: it runs on them and uses nothing newer.
  const std::string &ptxArch() const { return ptxFor; }
  /// Version of the PTX ISA that the code needs, 10 * major + minor.
  int ptxVersion() const { return version; }
  /// Multiprocessors of the chip that schedules are chosen for.
  int multiprocessors() const { return multiprocessorCount; }
  /// Bytes of shared memory that a block may use.
  int sharedBytes() const { return sharedByteCount; }
  /// The same on the smallest of the GPUs.
  static constexpr int kLeastSharedBytes = 99 * 1024;

  llama::CudaTargetAttr attribute(mlir::MLIRContext *context) const;

  /// The portable target whose PTX every CUDA plan carries beside the code for its own.
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

/// The target of `module`: the one that `text`, an option of a pass, asks for, which is the module's from then on;
/// where it is empty, the module's own, or else the default, `cuda`. Fails with a diagnostic where the text is no
/// target.
mlir::FailureOr<CudaTarget> cudaTargetOf(mlir::ModuleOp module, llvm::StringRef text);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CUDATARGET_H
