//===- CudaKernel.cpp - Dispatch of kernels to their emitters ----------------===//

#include "codegen/cuda/CudaKernel.h"

#include "codegen/common/Arguments.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/LoneOp.h"
#include "codegen/cuda/Emitters.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

std::string cudaSymbol(StringRef kernelName, StringRef suffix) {
  std::string symbol = (kernelName + suffix).str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return symbol;
}

namespace {

class Generator {
public:
  Generator(ModuleOp code, const CudaTarget &target)
      : code(code), builder(code.getLoc(), code.getBodyRegion(), target) {}

  /// Emits one kernel into the part of its program.
  LogicalResult generate(KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
    int64_t maxRows = use.maxRows;
    enterPart(use.program);
    builder.setLoc(kernel.getLoc());
    Attribute schedule = kernel.getScheduleAttr();
    if (isa<CudaLinearFewScheduleAttr, CudaLinearRingScheduleAttr, CudaLinearManyScheduleAttr>(schedule))
      return generateLinear(kernel, schedule, maxRows, generated);
    if (auto attention = dyn_cast<CudaAttentionScheduleAttr>(schedule))
      return generateAttention(kernel, attention, maxRows, generated);
    if (auto pointwise = dyn_cast<CudaPointwiseScheduleAttr>(schedule))
      return generatePointwise(kernel, pointwise, generated);
    return kernel.emitOpError() << "has schedule " << schedule << ", which is not one for CUDA";
  }

  void generateServices() {
    enterPart("services");
    emitServices(builder);
  }

private:
  void enterPart(StringRef name) {
    ModuleOp &part = parts[name];
    if (!part) {
      part = ModuleOp::create(code.getLoc(), name);
      code.push_back(part);
    }
    builder.setInsertionPointToEnd(part.getBody());
  }

  LogicalResult generateLinear(KernelOp kernel, Attribute schedule, int64_t maxRows, GeneratedKernel &generated) {
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    region->rows = generated.rows;
    if (auto few = dyn_cast<CudaLinearFewScheduleAttr>(schedule))
      return emitLinearFew(builder, *region, few, generated);
    if (auto ring = dyn_cast<CudaLinearRingScheduleAttr>(schedule))
      return emitLinearFewRing(builder, *region, ring, maxRows, generated);
    auto many = cast<CudaLinearManyScheduleAttr>(schedule);
    if (region->norm() && failed(emitNormalise(builder, *region, maxRows, generated)))
      return failure();
    return many.getDot() == CudaDot::Wgmma ? emitLinearManyWgmma(builder, *region, many, maxRows, generated)
                                           : emitLinearManyMma(builder, *region, many, maxRows, generated);
  }

  LogicalResult generateAttention(KernelOp kernel, CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                  GeneratedKernel &generated) {
    auto attention = onlyOp<AttentionOp>(kernel);
    if (!attention || attention.getLse() || !attention.getCausal() || attention.getKeyBegin() || attention.getKeyEnd())
      return kernel.emitOpError() << "has an attention schedule but does not hold exactly one causal llama.attention "
                                  << "over all keys without lse";
    if (schedule.getRegime() == RowRegime::Few)
      return emitAttentionFew(builder, kernel, attention, schedule, maxRows, generated);
    return schedule.getDot() == CudaDot::Wgmma ? emitAttentionManyWgmma(builder, kernel, attention, schedule, generated)
                                               : emitAttentionMany(builder, kernel, attention, schedule, generated);
  }

  LogicalResult generatePointwise(KernelOp kernel, CudaPointwiseScheduleAttr schedule, GeneratedKernel &generated) {
    auto ops = kernel.getBody().front().without_terminator();
    if (!llvm::hasSingleElement(ops))
      return kernel.emitOpError() << "has a pointwise schedule, but the pointwise family generates single ops only";
    auto emit = [&](auto emitter, auto op) { return emitter(builder, kernel, op, schedule, generated); };
    return llvm::TypeSwitch<Operation *, LogicalResult>(&*ops.begin())
        .Case<EmbeddingOp>([&](auto op) { return emit(emitEmbedding, op); })
        .Case<RotaryTableOp>([&](auto op) { return emit(emitRotaryTable, op); })
        .Case<GatherRowsOp>([&](auto op) { return emit(emitGatherRows, op); })
        .Case<RMSNormOp>([&](auto op) { return emit(emitNorm, op); })
        .Case<RotateOp>([&](auto op) { return emit(emitRotate, op); })
        .Case<GateOp>([&](auto op) { return emit(emitGate, op); })
        .Case<AddOp>([&](auto op) { return emit(emitAdd, op); })
        .Case<SplitOp>([&](auto op) { return emit(emitSplit, op); })
        .Case<RepeatKVOp>([&](auto op) { return emit(emitRepeatKv, op); })
        .Case<KVAppendOp>([&](auto op) { return emit(emitAppend, op); })
        .Default([&](Operation *op) { return refuseAlone(kernel, op); });
  }

  ModuleOp code;
  CudaBuilder builder;
  llvm::StringMap<ModuleOp> parts;
};

} // namespace

LogicalResult emitCudaKernels(ModuleOp module, const CudaTarget &target, StringRef only) {
  FailureOr<ModuleOp> code = createCodeModule(module);
  if (failed(code))
    return failure();
  Generator generator(*code, target);
  if (failed(emitKernels(module, *code, only, [&](KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
        return generator.generate(kernel, use, generated);
      })))
    return failure();
  if (only.empty())
    generator.generateServices();
  return success();
}

} // namespace quipu::codegen::cuda
