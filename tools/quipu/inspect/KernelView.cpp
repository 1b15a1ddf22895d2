//===- KernelView.cpp - One kernel of a plan, in any form --------------------------------===//

#include "tools/quipu/inspect/KernelView.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/GpuCode.h"
#include "tools/quipu/inspect/KernelLlvm.h"
#include "tools/quipu/inspect/KernelOrigins.h"
#include "tools/quipu/inspect/Listing.h"
#include "tools/quipu/inspect/ModuleText.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/Trace.h"

#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// The form in which the plan has the kernel: "sass" for "asm" of a GPU.
static std::string formOf(const PlanFile &plan, const KernelView &view) {
  bool isCuda = machineForm(plan) == "sass";
  if ((view.form == "ptx" || view.form == "sass") && !isCuda)
    fail(plan.path(), ": is for a CPU; --as ", view.form, " shows kernels of CUDA plans (--target cuda)");
  return view.form == "asm" ? std::string(machineForm(plan)) : view.form;
}

/// The lines of code with the ops that they are made of. Not for "mlir".
static std::vector<ListedLine> linesOf(const PlanFile &plan, const std::string &name, const std::string &form) {
  return form == "llvm" ? readLlvm(kernelLlvm(plan, name, /*withLines=*/true)) : KernelLister(plan).list(name, form);
}

std::string kernelViewText(const PlanFile &plan, const KernelView &view) {
  std::string form = formOf(plan, view);
  if (form == "mlir" && view.withSource)
    return moduleTextWithSource(plan, view.name);
  if (view.withSource)
    return kernelWithSource(plan, view.name, linesOf(plan, view.name, form));
  if (form == "mlir")
    return view.noLocations ? withoutLocations(keptKernelText(plan, view.name)) : keptKernelText(plan, view.name);
  if (form == "llvm")
    return kernelLlvm(plan, view.name, /*withLines=*/false);
  if (form == "ptx")
    return kernelPtx(plan, view.name);
  return form == "sass" ? kernelSass(plan, view.name) : disassembleKernel(plan, view.name);
}

/// The lines of the kernel in the planned module.
static std::vector<ListedLine> moduleLines(const KernelOrigins &origins, const std::string &name) {
  auto [first, last] = origins.linesOf(name);
  std::vector<ListedLine> lines;
  for (uint32_t line = first; line <= last; ++line)
    lines.push_back({origins.sourceLine(line), "", std::nullopt, line});
  return lines;
}

Json kernelViewJson(const PlanFile &plan, const KernelView &view) {
  Json json = kernelJson(findKernel(plan, view.name));
  std::string form = formOf(plan, view);
  json["form"] = form;
  if (!view.withSource) {
    json["text"] = kernelViewText(plan, view);
    return json;
  }
  KernelOrigins origins(plan);
  const Json &kernel = origins.kernel(view.name);
  for (const char *key : {"places", "configs", "weights"})
    json[key] = kernel.at(key);
  Json lines = Json::array();
  for (const ListedLine &line : form == "mlir" ? moduleLines(origins, view.name) : linesOf(plan, view.name, form)) {
    Json item = {{"text", line.text}, {"function", line.function}};
    item["offset"] = line.offset ? Json(*line.offset) : Json(nullptr);
    item["line"] = line.line ? Json(line.line) : Json(nullptr);
    // The frame of a kernel is of no op.
    const Json &op = line.line ? origins.opAt(kernel, line.line) : Json::object();
    item["op"] = op.contains("op") ? op.at("op") : Json(nullptr);
    item["place"] = op.contains("op") ? op.at("place") : Json(nullptr);
    lines.push_back(std::move(item));
  }
  json["lines"] = std::move(lines);
  return json;
}

} // namespace quipu::tool
