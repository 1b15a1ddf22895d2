//===- CpuKernel.cpp - The emitters of schedules for CPUs ----------------------===//

#include "codegen/cpu/CpuKernel.h"

#include "codegen/common/CodeModule.h"
#include "codegen/common/LoneOp.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cpu/CheckSchedule.h"
#include "codegen/cpu/CpuEmitter.h"
#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/SingleOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "runtime/abi/KernelAbi.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
#include "codegen/cpu/CpuEmitter.cpp.inc"

namespace {

/// Tiles of a call of a linear kernel over few rows. A call normalises and rounds its inputs first, which takes up to
/// 15 % of the time of a tile.
constexpr int64_t kLeastTilesOfFewRows = 8;

struct LinearEmitter : CpuEmitter::ExternalModel<LinearEmitter, CpuLinearScheduleAttr> {
  LogicalResult checkKernel(Attribute schedule, KernelOp kernel, const CpuTarget &target) const {
    return checkLinear(kernel, cast<CpuLinearScheduleAttr>(schedule), target);
  }

  LogicalResult emitKernel(Attribute attribute, KernelBuilder &builder, KernelOp kernel, const KernelUse &use,
                           GeneratedKernel &generated) const {
    auto schedule = cast<CpuLinearScheduleAttr>(attribute);
    FailureOr<LinearTiles> region = LinearTiles::match(kernel);
    if (failed(region))
      return failure();
    region->rows = generated.rows;
    int64_t tiles = countTiles(region->tiles(schedule));
    if (schedule.getRows() == RowRegime::Few) {
      generated.scratchBytes = linearFewScratchBytes(builder, *region, schedule, use.maxRows);
      emitLinearFew(builder, *region, schedule, generated.name);
      generated.entries.push_back({.symbol = generated.name, .fixed = tiles, .leastBlocks = kLeastTilesOfFewRows});
      if (region->has<ArgMaxStage>()) {
        std::string choice = generated.name + ".choice";
        emitLinearFewChoice(builder, *region, schedule, choice);
        generated.entries.push_back({choice, 1, generated.rows, 1});
      }
      if (region->has<LogProbStage>()) {
        std::string scores = generated.name + ".scores";
        emitLinearFewScores(builder, *region, schedule, scores);
        generated.entries.push_back({scores, 1, generated.rows, 1});
      }
      return success();
    }
    if (region->quantize()) {
      std::string quantize = generated.name + ".quantize";
      emitLinearManyQuantize(builder, *region, schedule, quantize);
      generated.entries.push_back({quantize, 1, RowDim::Tokens, schedule.getLanes()});
    } else if (region->norm()) {
      std::string norm = generated.name + ".norm";
      emitLinearManyNorm(builder, *region, schedule, norm);
      generated.entries.push_back({norm, 1, RowDim::Tokens, schedule.getLanes()});
    }
    generated.scratchBytes = llvm::alignTo(linearManyScratchBytes(builder, *region, schedule), kArenaAlignment);
    emitLinearMany(builder, *region, schedule, generated.name);
    generated.entries.push_back(
        {.symbol = generated.name, .fixed = tiles, .leastBlocks = linearManyLeastBlocks(builder, *region, schedule)});
    return success();
  }
};

struct AttentionEmitter : CpuEmitter::ExternalModel<AttentionEmitter, CpuAttentionScheduleAttr> {
  LogicalResult checkKernel(Attribute schedule, KernelOp kernel, const CpuTarget &target) const {
    return checkAttention(kernel, cast<CpuAttentionScheduleAttr>(schedule), target);
  }

  LogicalResult emitKernel(Attribute attribute, KernelBuilder &builder, KernelOp kernel, const KernelUse &,
                           GeneratedKernel &generated) const {
    auto schedule = cast<CpuAttentionScheduleAttr>(attribute);
    auto attention = onlyOp<AttentionOp>(kernel);
    generated.scratchBytes = llvm::alignTo(attentionScratchBytes(attention, schedule), kArenaAlignment);
    GeneratedEntry entry{generated.name, static_cast<int64_t>(attention.getNumKvHeads()), RowDim::Tokens, 1};
    if (schedule.getRows() == RowRegime::Few) {
      emitAttentionFew(builder, kernel, attention, schedule, generated.name);
    } else {
      emitAttentionMany(builder, kernel, attention, schedule, generated.name);
      entry.rowsPerBlock = schedule.getLanes();
    }
    generated.entries.push_back(entry);
    return success();
  }
};

struct SingleOpEmitter : CpuEmitter::ExternalModel<SingleOpEmitter, CpuPointwiseScheduleAttr> {
  LogicalResult checkKernel(Attribute schedule, KernelOp kernel, const CpuTarget &target) const {
    return checkPointwise(kernel, cast<CpuPointwiseScheduleAttr>(schedule), target);
  }

  LogicalResult emitKernel(Attribute attribute, KernelBuilder &builder, KernelOp kernel, const KernelUse &,
                           GeneratedKernel &generated) const {
    auto schedule = cast<CpuPointwiseScheduleAttr>(attribute);
    if (failed(emitSingleOp(builder, kernel, schedule, generated.rows, generated.name)))
      return failure();
    generated.entries.push_back({generated.name, 1, generated.rows, schedule.getRowsPerBlock()});
    return success();
  }
};

} // namespace

void registerEmitters(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LlamaDialect *) {
    CpuLinearScheduleAttr::attachInterface<LinearEmitter>(*context);
    CpuAttentionScheduleAttr::attachInterface<AttentionEmitter>(*context);
    CpuPointwiseScheduleAttr::attachInterface<SingleOpEmitter>(*context);
  });
}

LogicalResult emitCpuKernels(ModuleOp module, const CpuTarget &target, StringRef only) {
  FailureOr<ModuleOp> code = createCodeModule(module);
  if (failed(code))
    return failure();
  KernelBuilder builder(code->getLoc(), code->getBodyRegion());
  return emitKernels(module, *code, only, [&](KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
    auto emitter = dyn_cast<CpuEmitter>(kernel.getScheduleAttr());
    if (!emitter)
      return LogicalResult(kernel.emitOpError()
                           << "has schedule " << kernel.getScheduleAttr() << ", which is not one for a CPU");
    builder.setInsertionPointToEnd(code->getBody());
    builder.setLoc(mainOpOf(kernel)->getLoc());
    return LogicalResult::success(succeeded(emitter.checkKernel(kernel, target)) &&
                                  succeeded(emitter.emitKernel(builder, kernel, use, generated)));
  });
}

} // namespace quipu::codegen::cpu
