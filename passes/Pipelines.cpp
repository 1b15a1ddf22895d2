//===- Pipelines.cpp - The order of the passes ----------------------------===//

#include "ir/Llama/Llama.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace quipu::llama;

std::vector<std::unique_ptr<Pass>> quipu::llama::createGraphPasses() {
  std::vector<std::unique_ptr<Pass>> passes;
  passes.push_back(createExpandPass());
  passes.push_back(createShareKvHeadsPass());
  passes.push_back(createFuseQkvPass());
  passes.push_back(createFuseGateUpPass());
  passes.push_back(createFormKernelsPass());
  return passes;
}

std::unique_ptr<Pass> quipu::llama::createSpecialization(const PipelineOptions &options) {
  SpecializePassOptions specialize;
  specialize.decodeRows = options.decodeRows;
  specialize.prefillRows = options.prefillRows;
  specialize.rowAlign = options.rowAlign;
  specialize.programs.assign(options.programs.begin(), options.programs.end());
  specialize.page = options.page;
  return createSpecializePass(specialize);
}

void quipu::llama::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "llama-default-pipeline", "All phases from the imported module to planned programs, without a target's schedules",
      [](OpPassManager &manager, const PipelineOptions &options) {
        for (std::unique_ptr<Pass> &pass : createGraphPasses())
          manager.addPass(std::move(pass));
        manager.addPass(createSpecialization(options));
        manager.addPass(createPlanMemoryPass());
      });
}
