//===- KernelLlvm.cpp - A kernel of a plan as LLVM IR ------------------------------------===//

#include "tools/quipu/inspect/KernelLlvm.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/TemporaryName.h"
#include "tools/common/Process.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/KernelOrigins.h"

#include <optional>
#include <vector>

namespace quipu::tool {

std::string kernelLlvm(const PlanFile &plan, const std::string &kernel, bool withLines) {
  (void)findKernel(plan, kernel);
  if (!Insight::isIn(plan))
    fail(plan.path(),
         ": holds machine code only; --as llvm needs a plan that was compiled with --keep-ir, or the model");
  (void)KernelOrigins(plan).linesOf(kernel);
  TemporaryName name(temporaryFolder(), "quipu-planned-", ".mlir");
  OutputFile file(name.path());
  std::string text = Insight::of(plan).source();
  file.write(text.data(), text.size());
  file.commit();
  std::vector<std::string> command = {compilerPath(), name.path(), "--emit", "llvm", "--kernel", kernel, "-o", "-"};
  if (withLines)
    command.emplace_back("--keep-ir");
  std::optional<std::string> code = captureProcess(command, /*showsErrors=*/true);
  if (!code)
    fail(plan.path(), ": its kernel ", kernel, " could not be lowered to LLVM IR");
  return *code;
}

} // namespace quipu::tool
