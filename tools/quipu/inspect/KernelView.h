//===- KernelView.h - One kernel of a plan, in any form ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_KERNELVIEW_H
#define QUIPU_TOOLS_QUIPU_INSPECT_KERNELVIEW_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// What --kernel, --as, --with-source and --no-locations ask for.
struct KernelView {
  /// `form`: "mlir", "llvm", "asm", "ptx" or "sass". Of a GPU "asm" is "sass".
  std::string name, form = "mlir";
  bool withSource = false, noLocations = false;
};

/// The view as text. Throws Error if the plan has no such kernel, or does not have it in this form.
std::string kernelViewText(const PlanFile &plan, const KernelView &view);

/// The kernel as it is in `inspect --json`, with "form" and the "text" of the view; with sources "places", "configs",
/// "weights" and, in place of the text, "lines": [{"text", "function", "offset", "line", "op", "place"}].
nlohmann::ordered_json kernelViewJson(const PlanFile &plan, const KernelView &view);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_KERNELVIEW_H
