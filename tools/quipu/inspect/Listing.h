//===- Listing.h - The instructions of a kernel, with their lines -----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
#define QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/inspect/ListedLines.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// Lists kernels of a plan that was compiled with --keep-ir.
class KernelLister {
public:
  explicit KernelLister(const PlanFile &plan) : plan(plan) {}

  /// The code of a kernel. `form`: "asm", "sass" or "ptx". Throws Error if the plan has no code in this form, or a
  /// program is missing that lists it.
  std::vector<ListedLine> list(const std::string &kernel, std::string_view form);

private:
  const PlanFile &plan;
  /// What nvdisasm prints of a module. It takes seconds for a large one, and lists all kernels of it.
  std::map<const plan::CodeModule *, std::string> sass;
};

/// The form in which the plan's machine code is listed: "asm" or "sass".
std::string_view machineForm(const PlanFile &plan);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
