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

/// The module with the kernel's machine code. Null if the plan has only PTX for it.
const plan::CodeModule *findCubin(const PlanFile &plan, const plan::Kernel &kernel);

/// The machine code (SASS) of a module, with the lines that it comes from, from nvdisasm. `kernel`: for messages.
/// Throws Error if `module` is null, there is no nvdisasm, or it cannot read the code.
std::string sassWithLines(const PlanFile &plan, const plan::CodeModule *module, const std::string &kernel);

/// The machine code of a kernel's entries alone, from cuobjdump, or else from nvdisasm. Throws Error if the plan has no
/// such kernel or only PTX for it, or there is neither of the two programs.
std::string kernelSass(const PlanFile &plan, const std::string &kernel);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_GPUCODE_H
