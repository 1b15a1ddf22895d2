//===- GpuCode.h - PTX and machine code of a CUDA plan's kernels ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_GPUCODE_H
#define QUIPU_TOOLS_QUIPU_INSPECT_GPUCODE_H

#include "runtime/plan/PlanFile.h"

#include <string>
#include <vector>

namespace quipu::tool {

/// The directives of the module, then the PTX of the kernel's entries. Throws Error if the plan has no such kernel.
std::string kernelPtx(const PlanFile &plan, const std::string &kernel);

/// The names of a kernel's entries in code.
std::vector<std::string> symbolsOf(const plan::Kernel &kernel);

/// The machine code of the module that has the kernel, with the lines that it comes from, from nvdisasm. Throws Error
/// as kernelSass does.
std::string kernelSassWithLines(const PlanFile &plan, const std::string &kernel);

/// The machine code (SASS) of a kernel's entries, from cuobjdump. Throws Error if the plan has no such kernel or only
/// PTX for it, or there is no cuobjdump.
std::string kernelSass(const PlanFile &plan, const std::string &kernel);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_GPUCODE_H
