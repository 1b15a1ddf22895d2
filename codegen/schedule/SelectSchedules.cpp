//===- SelectSchedules.cpp - Chooses how each kernel is generated ------------===//
//
// The choice is a function of the target and of what the kernel computes, nothing else: it can be read in the IR and
// tested without running code. docs/performance.md has the measurements behind the numbers.
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/KernelTunings.h"
#include "codegen/schedule/Select.h"

#include "ir/Llama/Decisions.h"
#include "ir/Llama/SumOrders.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

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
    // Without the option the module says the target.
    if (target.empty())
      return success();
    llvm::Expected<Target> parsed = parseTarget(target);
    if (!parsed)
      return errorHandler(llvm::toString(parsed.takeError()));
    if (llvm::Error error = checkScheduleOptions(options(), *parsed))
      return errorHandler(llvm::toString(std::move(error)));
    if (llvm::Error error = KernelTunings::parse(options(), *parsed).takeError())
      return errorHandler(llvm::toString(std::move(error)));
    return success();
  }

  void runOnOperation() override {
    LlamaSelectSchedulesOptions tuning = options();
    FailureOr<Target> chosen = targetOf(getOperation());
    if (failed(chosen))
      return signalPassFailure();
    // Options may come from a program too.
    if (llvm::Error error = checkScheduleOptions(tuning, *chosen)) {
      getOperation().emitError() << llvm::toString(std::move(error));
      return signalPassFailure();
    }
    llvm::Expected<KernelTunings> tunings = KernelTunings::parse(tuning, *chosen);
    if (!tunings) {
      getOperation().emitError() << llvm::toString(tunings.takeError());
      return signalPassFailure();
    }
    if (const auto *gpu = std::get_if<cuda::CudaTarget>(&*chosen)) {
      if (failed(selectCudaSchedules(getOperation(), *gpu, *tunings)))
        return signalPassFailure();
    } else if (failed(selectCpuSchedules(getOperation(), std::get<cpu::CpuTarget>(*chosen), *tunings))) {
      return signalPassFailure();
    }
    if (failed(decideDeterminism(*chosen)) || failed(tunings->check(getOperation())))
      return signalPassFailure();
    for (auto kernel : getOperation().getOps<llama::KernelOp>())
      if (Attribute schedule = kernel.getScheduleAttr())
        count(schedule);
  }

private:
  /// Notes on the module that a row has the same bits in all programs, if it has.
  LogicalResult decideDeterminism(const Target &chosen) {
    ModuleOp module = getOperation();
    module->removeAttr(llama::kDeterministicAttrName);
    std::string why = llama::whySumsDiffer(module);
    if (why.empty()) {
      module->setAttr(llama::kDeterministicAttrName, UnitAttr::get(module.getContext()));
      return success();
    }
    QUIPU_DECISION(module) << "answers may depend on what else a step computes: " << why;
    if (!deterministic)
      return success();
    return module.emitError() << "cannot be deterministic for " << nameOf(chosen) << ": " << why
                              << "; choose another format or target, or leave the option deterministic out";
  }

  void count(Attribute schedule) {
    using namespace llama;
    auto countRows = [](RowRegime rows, auto &few, auto &many) { ++(rows == RowRegime::Few ? few : many); };
    llvm::TypeSwitch<Attribute>(schedule)
        .Case([&](CpuLinearScheduleAttr linear) { countRows(linear.getRows(), numLinearFew, numLinearMany); })
        .Case([&](CudaLinearRingScheduleAttr) { ++numLinearRing; })
        .Case([&](CudaLinearFewScheduleAttr) { ++numLinearFew; })
        .Case([&](CudaLinearManyScheduleAttr) { ++numLinearMany; })
        .Case([&](CpuAttentionScheduleAttr attention) {
          countRows(attention.getRows(), numAttentionFew, numAttentionMany);
        })
        .Case([&](CudaAttentionScheduleAttr attention) {
          countRows(attention.getRegime(), numAttentionFew, numAttentionMany);
        })
        .Case<CpuPointwiseScheduleAttr, CudaPointwiseScheduleAttr>([&](auto) { ++numPointwise; });
  }

  /// What the option asks for, or else what the module says.
  FailureOr<Target> targetOf(ModuleOp module) {
    bool isCuda = target.empty() ? isa_and_nonnull<llama::CudaTargetAttr>(module->getAttr(llama::kTargetAttrName))
                                 : cuda::isCudaTarget(target);
    if (isCuda) {
      FailureOr<cuda::CudaTarget> gpu = cuda::cudaTargetOf(module, target);
      return failed(gpu) ? FailureOr<Target>() : FailureOr<Target>(*gpu);
    }
    FailureOr<cpu::CpuTarget> processor = cpu::cpuTargetOf(module, target);
    return failed(processor) ? FailureOr<Target>() : FailureOr<Target>(*processor);
  }

private:
  LlamaSelectSchedulesOptions options() {
    return {.run = run,
            .vectors = vectors,
            .rowTiles = rowTiles,
            .fewRun = fewRun,
            .streams = streams,
            .prefetch = prefetch,
            .interleave = interleave,
            .deterministic = deterministic,
            .rows = rows,
            .warps = warps,
            .ahead = ahead,
            .ring = ring,
            .ringDepth = ringDepth,
            .ringStages = ringStages,
            .ringAfterWait = ringAfterWait,
            .ringInFlightBeforeWait = ringInFlightBeforeWait,
            .ringInFlight = ringInFlight,
            .stages = stages,
            .cluster = cluster,
            .weightFirst = weightFirst,
            .splits = splits,
            .keys = keys,
            .tuned = llvm::to_vector_of<std::string>(tuned),
            .positions = positions,
            .target = target};
  }
};

} // namespace
} // namespace quipu::codegen
