//===- KernelLlvm.h - A kernel of a plan as LLVM IR --------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_KERNELLLVM_H
#define QUIPU_TOOLS_QUIPU_INSPECT_KERNELLLVM_H

#include "runtime/plan/PlanFile.h"

#include <string>

namespace quipu::tool {

/// The optimised LLVM IR of a kernel. A plan does not hold it: the compiler lowers the kernel again from the planned
/// module that --keep-ir keeps, which has target, types and schedules. `withLines`: with debug information, whose lines
/// are those of Insight::source. Throws Error if the plan keeps no module of the kernel.
std::string kernelLlvm(const PlanFile &plan, const std::string &kernel, bool withLines);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_KERNELLLVM_H
