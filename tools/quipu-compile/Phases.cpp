//===- Phases.cpp - The phases of a compilation ---------------------------===//

#include "tools/quipu-compile/Phases.h"

#include "codegen/cpu/CpuTarget.h"
#include "codegen/schedule/Passes.h"
#include "passes/Passes.h"
#include "tools/common/Console.h"

namespace quipu::tool {

std::vector<CompilePhase> compilePhases(const std::string &target) {
  std::vector<CompilePhase> phases;
  // Rows of a sequence start at a tile of rows, which is as wide as a vector. Whether the target is one was said
  // before.
  llama::PipelineOptions pipeline;
  if (auto cpu = codegen::parseCpuTarget(target))
    pipeline.rowAlign = cpu->lanes();
  else
    llvm::consumeError(cpu.takeError());
  for (llama::Phase &phase : llama::getDefaultPhases(pipeline)) {
    // Schedules decide layouts and workspaces, which the memory plan has to know.
    if (phase.name == "plan-memory") {
      codegen::LlamaSelectSchedulesOptions options;
      options.target = target;
      phases.push_back(
          {"llama-select-schedules", "every kernel gets a schedule for the target",
           [options](mlir::OpPassManager &manager) { manager.addPass(codegen::createLlamaSelectSchedules(options)); }});
    }
    phases.push_back({"llama-" + phase.name, phase.description, std::move(phase.add)});
  }
  return phases;
}

std::vector<std::string> phaseNames() {
  std::vector<std::string> names = {kImportPhase};
  for (const CompilePhase &phase : compilePhases("cpu"))
    names.push_back(phase.name);
  names.push_back(kCodegenPhase);
  return names;
}

std::string findPhase(const std::string &name) {
  std::string known;
  for (const std::string &candidate : phaseNames()) {
    if (candidate == name || candidate == "llama-" + name)
      return candidate;
    known += (known.empty() ? "" : ", ") + candidate;
  }
  throw UsageError("unknown phase '" + name + "'; phases: " + known);
}

} // namespace quipu::tool
