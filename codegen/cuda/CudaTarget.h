//===- CudaTarget.h - Which NVIDIA GPU a plan is compiled for ---*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_CUDATARGET_H
#define QUIPU_CODEGEN_CUDA_CUDATARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace quipu::codegen::cuda {

/// A compute capability as code generation sees it.
struct CudaTarget {
  /// "sm_80", "sm_86", "sm_89", "sm_90a".
  std::string arch;
  /// 80, 86, 89, 90.
  int capability = 80;

  /// TMA, wgmma, mbarrier transactions and programmatic dependent launch.
  bool isHopper() const { return capability == 90; }
  /// Architecture that the PTX is for. Code for sm_86 and sm_89 is sm_80's: it runs on them and uses nothing newer.
  std::string ptxArch() const { return isHopper() ? arch : "sm_80"; }
  /// Version of the PTX ISA that the code needs, 10 * major + minor.
  int ptxVersion() const { return isHopper() ? 86 : 80; }
  /// Multiprocessors of the chip that schedules are chosen for.
  int multiprocessors() const { return isHopper() ? 132 : 108; }
  /// Bytes of shared memory that a block may use.
  int sharedBytes() const { return isHopper() ? 227 * 1024 : capability == 80 ? 163 * 1024 : kLeastSharedBytes; }
  /// The same on the smallest of the GPUs.
  static constexpr int kLeastSharedBytes = 99 * 1024;

  /// The portable target whose PTX every CUDA plan carries beside the code for its own.
  static CudaTarget fallback() { return {"sm_80", 80}; }
};

/// Whether the text of `--target` asks for a GPU: `cuda` or `cuda:...`.
bool isCudaTarget(llvm::StringRef text);

/// Parses the text of `--target`: `cuda` (sm_90a), `cuda:sm_80`, `cuda:sm_86`, `cuda:sm_89`, `cuda:sm_90a`.
llvm::Expected<CudaTarget> parseCudaTarget(llvm::StringRef text);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CUDATARGET_H
