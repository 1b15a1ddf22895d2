//===- Disassemble.h - Machine code of a plan's kernel ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_DISASSEMBLE_H
#define QUIPU_TOOLS_QUIPU_INSPECT_DISASSEMBLE_H

#include "runtime/plan/PlanFile.h"

#include <string>

namespace quipu::tool {

/// The kernel of this name. If there is none, throws Error that lists the kernels of the plan.
const plan::Kernel &findKernel(const PlanFile &plan, const std::string &kernel);

/// Code of a plan at a path that other programs can read. Nothing is left on disk.
class CodeDescriptor {
public:
  explicit CodeDescriptor(const plan::CodeModule &module);
  ~CodeDescriptor();
  CodeDescriptor(const CodeDescriptor &) = delete;
  CodeDescriptor &operator=(const CodeDescriptor &) = delete;

  std::string path() const;

private:
  int fd;
};

/// The instructions of a kernel's entries, from llvm-objdump or objdump. `withLines`: also where their lines begin, if
/// the code says it. Throws Error if the plan has no such kernel (it lists the kernels), or no disassembler is
/// installed.
std::string disassembleKernel(const PlanFile &plan, const std::string &kernel, bool withLines = false);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_DISASSEMBLE_H
