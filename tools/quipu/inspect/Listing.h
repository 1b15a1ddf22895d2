//===- Listing.h - The instructions of a kernel, with their lines -----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
#define QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/inspect/ListedLines.h"

#include <map>
#include <optional>
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

/// Lists each kernel in the best form that there is: of a GPU "sass", or else "ptx".
class BestForms {
public:
  explicit BestForms(const PlanFile &plan) : plan(plan), lister(plan) {}

  /// Nothing if there is no form. `form`: what it is in.
  std::optional<std::vector<ListedLine>> list(const std::string &kernel, std::string_view &form);

  /// Why the first kernel without machine code has none: it is code for any GPU, or no program is installed that lists
  /// it. Empty if all have it.
  const std::string &problem() const { return firstProblem; }

private:
  std::optional<std::vector<ListedLine>> tryForm(const std::string &kernel, std::string_view form);

  const PlanFile &plan;
  KernelLister lister;
  std::string firstProblem;
};

/// The form in which the plan's machine code is listed: "asm" or "sass".
std::string_view machineForm(const PlanFile &plan);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
