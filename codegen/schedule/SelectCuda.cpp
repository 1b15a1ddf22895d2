//===- SelectCuda.cpp - Schedules for GPUs ------------------------------------===//
//
// Walks programs: orders the rows of weights as kernels read them, then gives each kernel a schedule. The bound on the
// program's rows decides most (RowBounds.h). SelectCudaLinear.cpp and SelectCudaAttention.cpp say how.
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/SelectCuda.h"

#include "codegen/common/DenseWeights.h"
#include "codegen/common/LinearRegion.h"
#include "codegen/schedule/KernelTunings.h"
#include "codegen/schedule/Select.h"
#include "ir/Llama/Decisions.h"
#include "ir/Llama/RowPairing.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Threads of a block of a pointwise kernel.
constexpr int64_t kPointwiseThreads = 256;

class CudaSelector {
public:
  CudaSelector(ModuleOp module, const cuda::CudaTarget &target, const KernelTunings &tunings)
      : module(module), context(module.getContext()), target(target), tunings(tunings) {}

  LogicalResult run() {
    for (auto kernel : module.getOps<KernelOp>())
      if (failed(expectDenseWeights(kernel)))
        return failure();
    for (auto program : module.getOps<func::FuncOp>())
      if (program->hasAttr(kProgramAttrName) && failed(schedule(program)))
        return failure();
    return success();
  }

private:
  LogicalResult schedule(func::FuncOp program) {
    SmallVector<LaunchOp> launches(program.getOps<LaunchOp>());
    llvm::SetVector<KernelOp> kernels;
    for (LaunchOp launch : launches) {
      kernels.insert(kernelOf(launch));
      if (failed(pairRows(launch)))
        return failure();
    }
    passOnTypes(program, launches);
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    for (KernelOp kernel : kernels) {
      CudaProgram facts{target,
                        tunings.of(kernel),
                        tunings.isTuned(kernel),
                        attribute.getMinRows(),
                        attribute.getMaxRows(),
                        attribute.getKind() == ProgramKind::Decode,
                        maxSequences()};
      kernel.setFunctionType(FunctionType::get(context, kernel.getBody().getArgumentTypes(), kernel.getResultTypes()));
      if (failed(scheduleKernel(kernel, facts)))
        return failure();
      QUIPU_DECISION(kernel) << "@" << kernel.getSymName() << ": " << kernel.getScheduleAttr();
    }
    return success();
  }

  int64_t maxSequences() {
    int64_t most = 1;
    for (auto program : module.getOps<func::FuncOp>())
      if (auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
          attribute && attribute.getKind() == ProgramKind::Decode)
        most = std::max<int64_t>(most, attribute.getMaxRows());
    return most;
  }

  LogicalResult scheduleKernel(KernelOp kernel, const CudaProgram &program) {
    if (find<LinearOp>(kernel))
      return scheduleCudaLinear(kernel, program);
    if (auto attention = find<AttentionOp>(kernel))
      return scheduleCudaAttention(kernel, attention, program);
    QUIPU_CHOICE(Chosen, kernel, "threads", "threads = " + Twine(kPointwiseThreads))
        << "it has neither a product nor attention, so that a block of any size does";
    kernel.setScheduleAttr(CudaPointwiseScheduleAttr::get(context, kPointwiseThreads));
    return success();
  }

  /// Gives references and arguments of kernels the types that weights now have.
  void passOnTypes(func::FuncOp program, ArrayRef<LaunchOp> launches) {
    program.walk([&](WeightRefOp reference) {
      reference.getResult().setType(cast<RankedTensorType>(weightOf(reference).getType()));
    });
    for (LaunchOp launch : launches)
      for (auto [argument, operand] : llvm::zip_equal(kernelOf(launch).getBody().getArguments(), launch.getOperands()))
        argument.setType(operand.getType());
  }

  /// Gives the fused weight (and bias) of a launch the order of rows that the kernel's epilogue wants.
  LogicalResult pairRows(LaunchOp launch) {
    KernelOp kernel = kernelOf(launch);
    if (!find<LinearOp>(kernel))
      return success();
    FailureOr<LinearRegion> region = LinearRegion::match(kernel);
    if (failed(region))
      return failure();
    // The kernel takes its result apart. These are the rows of each part, and so of each source of the weight.
    SmallVector<int64_t> partRows = region->combinedRows();
    if (partRows.empty())
      return success();
    FailureOr<SmallVector<SourceRowsAttr>> order = orderOfSources(*region);
    if (failed(order))
      return failure();
    for (Value operand : {region->linear.getWeight(), region->linear.getBias()}) {
      if (!operand)
        continue;
      Value value = launch.getOperands()[cast<BlockArgument>(operand).getArgNumber()];
      auto reference = value.getDefiningOp<WeightRefOp>();
      if (!reference)
        return kernel.emitOpError() << "has a fused weight that is no llama.weight";
      if (failed(orderRows(weightOf(reference), *order, partRows)))
        return failure();
    }
    return success();
  }

  /// How the rows of each source lie: gate and up of a gated MLP lie beside each other, and the rows of a head are
  /// ordered by rotary pairs.
  FailureOr<SmallVector<SourceRowsAttr>> orderOfSources(LinearRegion &region) {
    SmallVector<SourceRowsAttr> order;
    auto add = [&](RowPairing pairing, int64_t groupRows = 0) {
      order.push_back(SourceRowsAttr::get(context, pairing, groupRows));
    };
    if (region.has<GateStage>()) {
      if (auto features = static_cast<uint64_t>(region.outputs() / 2); features % kPairRun)
        return region.kernel.emitOpError()
               << "has " << features << " features of a gated MLP (intermediate_size); CUDA kernels need a multiple of "
               << kPairRun;
      add(RowPairing::First);
      add(RowPairing::Second);
      return order;
    }
    if (auto head = static_cast<uint64_t>(region.headDim()); head % kPairTileRows)
      return region.kernel.emitOpError() << "has heads of " << head
                                         << " elements (head_dim); CUDA kernels need a multiple of " << kPairTileRows;
    for (const LinearSection &section : region.sections) {
      const auto *rotate = section.find<RotateStage>();
      rotate ? add(pairingOf(RotateOp(rotate->op).getLayout()), region.headDim()) : add(RowPairing::Plain);
    }
    return order;
  }

  LogicalResult orderRows(WeightOp weight, ArrayRef<SourceRowsAttr> order, ArrayRef<int64_t> partRows) {
    if (weight.getSources().size() != order.size())
      return weight.emitOpError() << "has " << weight.getSources().size() << " sources where the kernel pairs rows of "
                                  << order.size() << "; only projections joined by the fuse passes run on CUDA";
    if (SmallVector<int64_t> found(*weight.getRows()); ArrayRef<int64_t>(found) != partRows)
      return weight.emitOpError() << "has sources of " << ArrayRef<int64_t>(found)
                                  << " rows where the kernel takes rows apart into " << partRows
                                  << "; each source must be one of these parts";
    auto type = cast<RankedTensorType>(weight.getType());
    auto paired = RankedTensorType::get(type.getShape(), type.getElementType(), PairedRowsAttr::get(context, order));
    if (type == paired)
      return success();
    weight.setTypeAttr(TypeAttr::get(paired));
    QUIPU_DECISION(weight) << "rows of @" << weight.getSymName() << " lie as " << paired;
    return success();
  }

  KernelOp kernelOf(LaunchOp launch) {
    return symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
  }
  WeightOp weightOf(WeightRefOp reference) {
    return symbols.lookupNearestSymbolFrom<WeightOp>(reference, reference.getWeightAttr());
  }

  ModuleOp module;
  MLIRContext *context;
  const cuda::CudaTarget &target;
  const KernelTunings &tunings;
  SymbolTableCollection symbols;
};

} // namespace

LogicalResult selectCudaSchedules(ModuleOp module, const cuda::CudaTarget &target, const KernelTunings &tunings) {
  return CudaSelector(module, target, tunings).run();
}

} // namespace quipu::codegen
