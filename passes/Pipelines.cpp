//===- Pipelines.cpp - The order of the passes ----------------------------===//

#include "ir/Llama/Llama.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace quipu::llama;

std::vector<Phase> quipu::llama::getDefaultPhases(const PipelineOptions &options) {
  SpecializePassOptions specialize;
  specialize.decodeRows = options.decodeRows;
  specialize.prefillRows = options.prefillRows;
  specialize.rowAlign = options.rowAlign;
  specialize.programs.assign(options.programs.begin(), options.programs.end());
  specialize.page = options.page;

  return {
      {"expand", "gated MLPs, the LM head and rotary embeddings are split into primitives",
       [](OpPassManager &manager) { manager.addPass(createExpandPass()); }},
      {"share-kv-heads", "repeated key/value heads are stored once",
       [](OpPassManager &manager) { manager.addPass(createShareKvHeadsPass()); }},
      {"fuse-qkv", "query, key and value projections are joined",
       [](OpPassManager &manager) { manager.addPass(createFuseQkvPass()); }},
      {"fuse-gate-up", "gate and up projections are joined",
       [](OpPassManager &manager) { manager.addPass(createFuseGateUpPass()); }},
      {"form-kernels", "ops are grouped into kernels",
       [](OpPassManager &manager) { manager.addPass(createFormKernelsPass()); }},
      {"specialize", "programs for few and for many rows get kernels of their own",
       [specialize](OpPassManager &manager) { manager.addPass(createSpecializePass(specialize)); }},
      {"plan-memory", "results and workspaces get places in one arena",
       [](OpPassManager &manager) { manager.addPass(createPlanMemoryPass()); }},
  };
}

void quipu::llama::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "llama-default-pipeline", "All phases from the imported module to planned programs, without a target's schedules",
      [](OpPassManager &manager, const PipelineOptions &options) {
        for (const Phase &phase : getDefaultPhases(options))
          phase.add(manager);
      });
}
