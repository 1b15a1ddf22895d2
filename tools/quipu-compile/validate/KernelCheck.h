//===- KernelCheck.h - Whether generated code does what kernels say -*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELCHECK_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELCHECK_H

#include "tools/quipu-compile/validate/SmallCompilation.h"

#include <string>

namespace quipu::tool {

/// Why code for the target cannot run here. Empty if it can.
std::string whyKernelsCannotRun(const std::string &target);

/// What was compared, where all is well.
struct KernelCheckResult {
  unsigned kernels = 0, runs = 0;
  /// The greatest difference of an element as a part of its tolerance, and where it was.
  double worst = 0;
  std::string worstKernel;
};

/// Runs the code of each kernel that the programs launch on random inputs, and compares it with the reference lowering
/// of the kernel. All phases of the compilation have run. Throws Error that names the first kernel that is wrong, and,
/// if shorter kernels tell it, the op.
KernelCheckResult checkKernels(const SmallCompilation &compilation, Widths widths);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELCHECK_H
