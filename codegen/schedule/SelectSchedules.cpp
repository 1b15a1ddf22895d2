//===- SelectSchedules.cpp - Chooses how each kernel is generated ------------===//
//
// The choice is a function of the target and of what the kernel computes, nothing else: it can be read in the IR and
// tested without running code. docs/performance.md has the measurements behind the numbers.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Diagnose.h"
#include "codegen/schedule/Select.h"

using namespace mlir;

namespace quipu::codegen {

#define GEN_PASS_DEF_LLAMASELECTSCHEDULES
#include "codegen/Passes.h.inc"

namespace {

struct SelectSchedulesPass : impl::LlamaSelectSchedulesBase<SelectSchedulesPass> {
  using LlamaSelectSchedulesBase::LlamaSelectSchedulesBase;

  LogicalResult initializeOptions(StringRef text,
                                  function_ref<LogicalResult(const llvm::Twine &)> errorHandler) override {
    if (failed(LlamaSelectSchedulesBase::initializeOptions(text, errorHandler)))
      return failure();
    if (llvm::Error error = checkScheduleOptions(options()))
      return errorHandler(llvm::toString(std::move(error)));
    return success();
  }

  void runOnOperation() override {
    LlamaSelectSchedulesOptions tuning = options();
    // Options may come from a program too.
    if (llvm::Error error = checkScheduleOptions(tuning))
      return refuse(std::move(error));
    if (cuda::isCudaTarget(target)) {
      FailureOr<cuda::CudaTarget> parsed = valueOrDiagnose(cuda::parseCudaTarget(target), getOperation());
      if (failed(parsed) || failed(selectCudaSchedules(getOperation(), *parsed, tuning)))
        signalPassFailure();
      return;
    }
    FailureOr<cpu::CpuTarget> parsed = valueOrDiagnose(cpu::parseCpuTarget(target), getOperation());
    if (failed(parsed))
      return signalPassFailure();
    selectCpuSchedules(getOperation(), *parsed, tuning);
  }

private:
  LlamaSelectSchedulesOptions options() {
    return {.run = run,
            .vectors = vectors,
            .rowTiles = rowTiles,
            .fewRun = fewRun,
            .prefetch = prefetch,
            .rows = rows,
            .warps = warps,
            .ahead = ahead,
            .ring = ring,
            .ringDepth = ringDepth,
            .ringStages = ringStages,
            .ringHeld = ringHeld,
            .ringFirst = ringFirst,
            .ringUnderWay = ringUnderWay,
            .stages = stages,
            .cluster = cluster,
            .weightFirst = weightFirst,
            .splits = splits,
            .keys = keys,
            .positions = positions,
            .target = target};
  }

  void refuse(llvm::Error error) {
    getOperation().emitError() << llvm::toString(std::move(error));
    signalPassFailure();
  }
};

} // namespace
} // namespace quipu::codegen
