//===- Listing.cpp - The instructions of a kernel, with their lines ----------------------===//

#include "tools/quipu/inspect/Listing.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/GpuCode.h"
#include "tools/quipu/inspect/PlanNames.h"

namespace quipu::tool {

std::string_view machineForm(const PlanFile &plan) {
  return plan.plan().target()->device()->string_view() == "cuda" ? "sass" : "asm";
}

std::vector<ListedLine> KernelLister::list(const std::string &kernel, std::string_view form) {
  if (form == "ptx")
    return readPtx(kernelPtx(plan, kernel));
  if (form == "sass") {
    const plan::Kernel &found = findKernel(plan, kernel);
    const plan::CodeModule *module = findCubin(plan, found);
    auto text = sass.find(module);
    if (text == sass.end())
      text = sass.emplace(module, sassWithLines(plan, module, kernel)).first;
    return readNvdisasm(text->second, symbolsOf(found));
  }
  return readObjdump(disassembleKernel(plan, kernel, /*withLines=*/true));
}

std::optional<std::vector<ListedLine>> BestForms::list(const std::string &kernel, std::string_view &form) {
  form = machineForm(plan);
  std::optional<std::vector<ListedLine>> lines = tryForm(kernel, form);
  if (lines || form != "sass")
    return lines;
  form = "ptx";
  return tryForm(kernel, form);
}

std::optional<std::vector<ListedLine>> BestForms::tryForm(const std::string &kernel, std::string_view form) {
  try {
    return lister.list(kernel, form);
  } catch (const Error &error) {
    if (firstProblem.empty())
      firstProblem = error.what();
    return std::nullopt;
  }
}

} // namespace quipu::tool
