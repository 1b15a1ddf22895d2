//===- CpuKernel.cpp - Dispatch of kernels to their emitters -------------------===//

#include "codegen/cpu/CpuKernel.h"

#include "codegen/common/CodeModule.h"
#include "codegen/common/LoneOp.h"
#include "codegen/cpu/CheckSchedule.h"
#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

class Generator {
public:
  Generator(ModuleOp code, const CpuTarget &target) : builder(code.getLoc(), code.getBodyRegion()), target(target) {}

  LogicalResult generate(KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
    builder.setInsertionPointToEnd(builder.getBlock());
    builder.setLoc(kernel.getLoc());
    Attribute schedule = kernel.getScheduleAttr();
    if (failed(checkSchedule(kernel, target)))
      return failure();

    if (auto linear = dyn_cast<CpuLinearScheduleAttr>(schedule))
      return generateLinear(kernel, linear, use.maxRows, generated);
    if (auto attention = dyn_cast<CpuAttentionScheduleAttr>(schedule))
      return generateAttention(kernel, attention, generated);
    if (auto pointwise = dyn_cast<CpuPointwiseScheduleAttr>(schedule))
      return generatePointwise(kernel, pointwise, generated);
    return kernel.emitOpError() << "has schedule " << schedule << ", which is not one for a CPU";
  }

private:
  LogicalResult generateLinear(KernelOp kernel, CpuLinearScheduleAttr schedule, int64_t maxRows,
                               GeneratedKernel &generated) {
    FailureOr<LinearTiles> region = LinearTiles::match(kernel);
    if (failed(region))
      return failure();
    region->rows = generated.rows;
    int64_t tiles = countTiles(region->tiles(schedule.getRun()));
    if (schedule.getRows() == RowRegime::Few) {
      if (RMSNormOp norm = region->norm()) {
        Type element = getElementTypeOrSelf(norm.getResult());
        generated.scratchBytes = llvm::alignTo(maxRows * region->inputs() * bytesOf(element), 64);
      }
      emitLinearFew(builder, *region, schedule, generated.name);
      generated.entries.push_back({generated.name, tiles, RowDim::One, 1});
      return success();
    }
    if (region->norm()) {
      std::string norm = generated.name + ".norm";
      emitLinearManyNorm(builder, *region, schedule, norm);
      generated.entries.push_back({norm, 1, RowDim::Tokens, schedule.getLanes()});
    }
    generated.scratchBytes = llvm::alignTo(linearManyScratchBytes(*region, schedule), 64);
    emitLinearMany(builder, *region, schedule, generated.name);
    generated.entries.push_back({generated.name, tiles, RowDim::One, 1});
    return success();
  }

  LogicalResult generateAttention(KernelOp kernel, CpuAttentionScheduleAttr schedule, GeneratedKernel &generated) {
    auto attention = onlyOp<AttentionOp>(kernel);
    if (!attention || attention.getLse() || !attention.getCausal() || attention.getKeyBegin() || attention.getKeyEnd())
      return kernel.emitOpError() << "has an attention schedule but does not hold exactly one causal llama.attention "
                                  << "over all keys without lse";
    generated.scratchBytes = llvm::alignTo(attentionScratchBytes(attention, schedule), 64);
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

  LogicalResult generatePointwise(KernelOp kernel, CpuPointwiseScheduleAttr schedule, GeneratedKernel &generated) {
    auto ops = kernel.getBody().front().without_terminator();
    if (!llvm::hasSingleElement(ops))
      return kernel.emitOpError() << "has a pointwise schedule, but the pointwise family generates single ops only";
    StringRef symbol = generated.name;
    RowDim rows = generated.rows;
    bool isKnown = true;
    llvm::TypeSwitch<Operation *>(&*ops.begin())
        .Case<EmbeddingOp>([&](auto op) { emitEmbedding(builder, kernel, op, schedule, symbol); })
        .Case<RotaryTableOp>([&](auto op) { emitRotaryTable(builder, kernel, op, schedule, symbol); })
        .Case<GatherRowsOp>([&](auto op) { emitGatherRows(builder, kernel, op, schedule, symbol); })
        .Case<RMSNormOp>([&](auto op) { emitNorm(builder, kernel, op, schedule, rows, symbol); })
        .Case<RotateOp>([&](auto op) { emitRotate(builder, kernel, op, schedule, rows, symbol); })
        .Case<GateOp>([&](auto op) { emitGate(builder, kernel, op, schedule, rows, symbol); })
        .Case<AddOp>([&](auto op) { emitAdd(builder, kernel, op, schedule, rows, symbol); })
        .Case<SplitOp>([&](auto op) { emitSplit(builder, kernel, op, schedule, rows, symbol); })
        .Case<RepeatKVOp>([&](auto op) { emitRepeatKv(builder, kernel, op, schedule, rows, symbol); })
        .Case<KVAppendOp>([&](auto op) { emitAppend(builder, kernel, op, schedule, symbol); })
        .Default([&](Operation *) { isKnown = false; });
    if (!isKnown)
      return refuseAlone(kernel, &*ops.begin());
    generated.entries.push_back({generated.name, 1, rows, schedule.getRowsPerBlock()});
    return success();
  }

  KernelBuilder builder;
  const CpuTarget &target;
};

} // namespace

LogicalResult emitCpuKernels(ModuleOp module, const CpuTarget &target, StringRef only) {
  FailureOr<ModuleOp> code = createCodeModule(module);
  if (failed(code))
    return failure();
  Generator generator(*code, target);
  return emitKernels(module, *code, only, [&](KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
    return generator.generate(kernel, use, generated);
  });
}

} // namespace quipu::codegen::cpu
