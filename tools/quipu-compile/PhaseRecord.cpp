//===- PhaseRecord.cpp - What a phase did ---------------------------------===//

#include "tools/quipu-compile/PhaseRecord.h"

#include "ir/Llama/PassStatistics.h"
#include "tools/quipu-compile/FoldedModule.h"
#include "tools/quipu-compile/KernelText.h"
#include "tools/quipu-compile/Phases.h"

using namespace mlir;
using Json = nlohmann::ordered_json;

namespace quipu::tool {

/// The number of ops of each name, in the order in which the names come, without the module itself.
static Json countOperations(ModuleOp module) {
  auto counts = Json::object();
  module->walk([&](Operation *op) {
    if (op == module)
      return;
    Json &count = counts[op->getName().getStringRef().str()];
    count = count.is_null() ? 1 : count.get<uint64_t>() + 1;
  });
  return counts;
}

static Json statisticsOf(const Pass *pass) {
  auto list = Json::array();
  // The statistics of other passes are MLIR's, which have no numbers.
  if (!pass || !pass->getArgument().starts_with("llama-"))
    return list;
  for (const Pass::Statistic *each : pass->getStatistics()) {
    auto &statistic = *static_cast<const PassStatistic *>(each);
    list.push_back({{"name", statistic.name}, {"count", statistic.whole()}, {"description", statistic.description}});
  }
  return list;
}

Json phaseRecord(const std::string &name, double seconds, const Pass *pass, ModuleOp module) {
  Json record = {{"name", name},
                 {"seconds", seconds},
                 {"operations", countOperations(module)},
                 {"statistics", statisticsOf(pass)}};
  record["parts"] = foldedParts(module);
  if (name == kCodegenPhase)
    for (auto kernel : module.getOps<llama::KernelOp>())
      if (kernel.getCodeAttr())
        record["parts"].push_back(
            {{"kind", "code"}, {"name", kernel.getSymName().str()}, {"text", kernelText(kernel, module)}});
  return record;
}

} // namespace quipu::tool
