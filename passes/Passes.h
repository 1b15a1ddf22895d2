//===- Passes.h - Passes from llama to llama --------------------*- C++ -*-===//
//
// The passes are documented in Passes.td, their order in Pipelines.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_PASSES_H
#define QUIPU_PASSES_PASSES_H

#include "ir/Llama/PassStatistics.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

#include <memory>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace quipu::llama {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

/// Options of the default pipeline; those of the passes of the same name.
struct PipelineOptions : public mlir::PassPipelineOptions<PipelineOptions> {
  Option<int64_t> decodeRows{*this, "decode-rows", llvm::cl::desc("Most rows of a step of the decode program"),
                             llvm::cl::init(8)};
  Option<int64_t> prefillRows{*this, "prefill-rows", llvm::cl::desc("Most rows of a step of the prefill program"),
                              llvm::cl::init(256)};
  Option<int64_t> rowAlign{*this, "row-align",
                           llvm::cl::desc("Rows of a sequence start at a multiple of this in a prefill program"),
                           llvm::cl::init(16)};
  ListOption<std::string> programs{
      *this, "programs",
      llvm::cl::desc("Programs to make instead of decode and prefill: KIND:MIN-MAX or KIND:NAME:MIN-MAX, ...")};
  Option<int64_t> page{*this, "page",
                       llvm::cl::desc("Positions in a page of the key/value cache; 0 keeps the imported number"),
                       llvm::cl::init(0)};
};

/// The passes that do the same for every target, in order. Behind them come createSpecialization, then, in a driver
/// that generates code, llama-select-schedules of its target, then llama-plan-memory: schedules decide layouts and
/// workspaces, which the memory plan has to know.
std::vector<std::unique_ptr<mlir::Pass>> createGraphPasses();

/// llama-specialize with those of the options that it has.
std::unique_ptr<mlir::Pass> createSpecialization(const PipelineOptions &options);

/// Registers `llama-default-pipeline`.
void registerPipelines();

} // namespace quipu::llama

#endif // QUIPU_PASSES_PASSES_H
