//===- CudaKernel.cpp - The emitters of schedules for CUDA --------------------===//

#include "codegen/cuda/CudaKernel.h"

#include "codegen/common/Arguments.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/DenseWeights.h"
#include "codegen/common/LoneOp.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cuda/CudaEmitter.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/SingleOps.h"
#include "codegen/cuda/linear/RowSoftmax.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <algorithm>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

std::string cudaSymbol(StringRef kernelName, StringRef suffix) {
  std::string symbol = (kernelName + suffix).str();
  std::replace(symbol.begin(), symbol.end(), '.', '_');
  return symbol;
}

#include "codegen/cuda/CudaEmitter.cpp.inc"

/// What the kernel computes, for the numbers of rows that its programs have. `scores`: whether it may give
/// probabilities.
static FailureOr<LinearRegion> matchLinear(KernelOp kernel, const GeneratedKernel &generated, bool scores = false) {
  FailureOr<LinearRegion> region = LinearRegion::match(kernel);
  if (failed(region))
    return failure();
  if (region->has<ArgMaxStage>())
    return kernel.emitOpError()
           << "chooses tokens, which a service of the GPU does: leave llama.sample in the program, as "
              "llama-fuse-sample=leave does";
  if (!scores && region->has<LogProbStage>())
    return kernel.emitOpError() << "gives probabilities with schedule " << kernel.getScheduleAttr()
                                << "; on CUDA #llama.cuda_linear_many does: llama-split-scores=kinds=prefill";
  region->rows = generated.rows;
  return region;
}

/// The bodies of a kernel that has one.
static FailureOr<CudaBodies> alone(FailureOr<CudaBody> body) {
  if (failed(body))
    return failure();
  return CudaBodies{std::move(*body)};
}

namespace {

struct LinearFewEmitter : CudaEmitter::ExternalModel<LinearFewEmitter, CudaLinearFewScheduleAttr> {
  FailureOr<CudaBodies> emitBodies(Attribute schedule, CudaBuilder &builder, KernelOp kernel, const KernelUse &,
                                   const GeneratedKernel &generated) const {
    FailureOr<LinearRegion> region = matchLinear(kernel, generated);
    if (failed(region))
      return failure();
    return alone(emitLinearFew(builder, *region, cast<CudaLinearFewScheduleAttr>(schedule), generated));
  }
};

struct LinearRingEmitter : CudaEmitter::ExternalModel<LinearRingEmitter, CudaLinearRingScheduleAttr> {
  FailureOr<CudaBodies> emitBodies(Attribute schedule, CudaBuilder &builder, KernelOp kernel, const KernelUse &use,
                                   const GeneratedKernel &generated) const {
    FailureOr<LinearRegion> region = matchLinear(kernel, generated);
    if (failed(region))
      return failure();
    return alone(
        emitLinearFewRing(builder, *region, cast<CudaLinearRingScheduleAttr>(schedule), use.maxRows, generated));
  }
};

struct LinearManyEmitter : CudaEmitter::ExternalModel<LinearManyEmitter, CudaLinearManyScheduleAttr> {
  FailureOr<CudaBodies> emitBodies(Attribute attribute, CudaBuilder &builder, KernelOp kernel, const KernelUse &use,
                                   const GeneratedKernel &generated) const {
    auto schedule = cast<CudaLinearManyScheduleAttr>(attribute);
    FailureOr<LinearRegion> region = matchLinear(kernel, generated, /*scores=*/true);
    if (failed(region) || failed(checkScores(*region, schedule)))
      return failure();
    CudaBodies bodies;
    auto add = [&](FailureOr<CudaBody> body) {
      if (succeeded(body))
        bodies.push_back(std::move(*body));
      return succeeded(body);
    };
    if (region->norm() && !add(emitNormalise(*region, use.maxRows, generated)))
      return failure();
    if (!add(schedule.getDot() == CudaDot::Wgmma
                 ? emitLinearManyWgmma(builder, *region, schedule, use.maxRows, generated)
                 : emitLinearManyMma(builder, *region, schedule, use.maxRows, generated)))
      return failure();
    if (region->has<LogProbStage>())
      bodies.push_back(emitScores(*region, schedule, generated));
    return bodies;
  }

private:
  /// Probabilities need logits of full precision, and room for what tiles leave of a row.
  static LogicalResult checkScores(LinearRegion &region, CudaLinearManyScheduleAttr schedule) {
    const auto *stage = region.find<LogProbStage>();
    if (!stage)
      return success();
    KernelOp kernel = region.kernel;
    Type logits = LogProbOp(stage->op).getLogits().getType();
    if (!getElementTypeOrSelf(logits).isF32())
      return kernel.emitOpError() << "gives probabilities of sums in f32; the logits are " << logits;
    Attribute wanted = TypeAttr::get(RowSoftmax::workspace(region, schedule));
    auto workspaces = kernel.getWorkspace();
    if (!workspaces || workspaces->size() != (region.norm() ? 2 : 1) || workspaces->getValue().back() != wanted)
      return kernel.emitOpError() << "keeps maxima and sums of its tiles in a last workspace " << wanted
                                  << "; the kernel needs it";
    return success();
  }
};

struct AttentionEmitter : CudaEmitter::ExternalModel<AttentionEmitter, CudaAttentionScheduleAttr> {
  FailureOr<CudaBodies> emitBodies(Attribute attribute, CudaBuilder &builder, KernelOp kernel, const KernelUse &use,
                                   const GeneratedKernel &generated) const {
    auto schedule = cast<CudaAttentionScheduleAttr>(attribute);
    auto attention = onlyOp<AttentionOp>(kernel);
    if (schedule.getRegime() == RowRegime::Few)
      return alone(emitAttentionFew(builder, kernel, attention, schedule, use.maxRows, generated));
    FailureOr<CudaBodies> bodies =
        alone(schedule.getDot() == CudaDot::Wgmma
                  ? emitAttentionManyWgmma(builder, kernel, attention, schedule, generated)
                  : emitAttentionMany(builder, kernel, attention, schedule, use.maxRows, generated));
    CudaAttentionScheduleAttr lone = schedule.getLoneSchedule();
    if (failed(bodies) || !lone)
      return bodies;
    // The two bodies write different rows. The one that reads most per row comes first.
    FailureOr<CudaBody> first = lone.getRegime() == RowRegime::Few
                                    ? emitAttentionLone(builder, kernel, attention, lone, use.maxRows, generated)
                                    : emitAttentionManyLone(builder, kernel, attention, lone, use.maxRows, generated);
    if (failed(first))
      return failure();
    bodies->insert(bodies->begin(), std::move(*first));
    return bodies;
  }
};

struct SingleOpEmitter : CudaEmitter::ExternalModel<SingleOpEmitter, CudaPointwiseScheduleAttr> {
  FailureOr<CudaBodies> emitBodies(Attribute schedule, CudaBuilder &builder, KernelOp kernel, const KernelUse &,
                                   const GeneratedKernel &generated) const {
    return alone(emitSingleOp(builder, kernel, cast<CudaPointwiseScheduleAttr>(schedule), generated));
  }
};

/// The parts of the code: a module for each program and one for the services.
class Parts {
public:
  explicit Parts(ModuleOp code) : code(code) {}

  /// From then on the builder writes at the end of the part.
  void enter(StringRef name, CudaBuilder &builder) {
    ModuleOp &part = parts[name];
    if (!part) {
      part = ModuleOp::create(code.getLoc(), name);
      code.push_back(part);
    }
    builder.setInsertionPointToEnd(part.getBody());
  }

private:
  ModuleOp code;
  llvm::StringMap<ModuleOp> parts;
};

} // namespace

void registerEmitters(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LlamaDialect *) {
    CudaLinearFewScheduleAttr::attachInterface<LinearFewEmitter>(*context);
    CudaLinearRingScheduleAttr::attachInterface<LinearRingEmitter>(*context);
    CudaLinearManyScheduleAttr::attachInterface<LinearManyEmitter>(*context);
    CudaAttentionScheduleAttr::attachInterface<AttentionEmitter>(*context);
    CudaPointwiseScheduleAttr::attachInterface<SingleOpEmitter>(*context);
  });
}

LogicalResult emitCudaKernels(ModuleOp module, const CudaTarget &target, StringRef only) {
  FailureOr<ModuleOp> code = createCodeModule(module);
  if (failed(code))
    return failure();
  CudaBuilder builder(code->getLoc(), code->getBodyRegion(), target);
  Parts parts(*code);
  auto emit = [&](KernelOp kernel, const KernelUse &use, GeneratedKernel &generated) {
    auto emitter = dyn_cast<CudaEmitter>(kernel.getScheduleAttr());
    if (!emitter)
      return LogicalResult(kernel.emitOpError()
                           << "has schedule " << kernel.getScheduleAttr() << ", which is not one for CUDA");
    if (failed(expectDenseWeights(kernel)))
      return LogicalResult(failure());
    parts.enter(use.program, builder);
    builder.setLoc(kernel.getLoc());
    FailureOr<CudaBodies> bodies = emitter.emitBodies(builder, kernel, use, generated);
    if (failed(bodies))
      return LogicalResult(failure());
    for (const CudaBody &body : *bodies) {
      OpLocation location(builder, kernel);
      emitEntry(builder, kernel, body);
      generated.entries.push_back(body.entry);
    }
    return success();
  };
  if (failed(emitKernels(module, *code, only, emit)))
    return failure();
  if (only.empty()) {
    parts.enter("services", builder);
    builder.setLoc(NameLoc::get(builder.getStringAttr("services")));
    emitServices(builder);
  }
  return success();
}

} // namespace quipu::codegen::cuda
