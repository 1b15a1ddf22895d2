//===- SelectCpu.cpp - Schedules for CPUs -----------------------------------===//

#include "codegen/schedule/SelectCpu.h"
#include "codegen/schedule/KernelTunings.h"
#include "codegen/schedule/Select.h"

#include "ir/Llama/Decisions.h"
#include "ir/Llama/SumOrders.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSet.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

class CpuSelector {
public:
  CpuSelector(ModuleOp module, const cpu::CpuTarget &target, const KernelTunings &tunings)
      : module(module), target(target), tunings(tunings), lanes(target.lanes()) {}

  LogicalResult run() {
    interleaved = chooseInterleavedWeights(module, target, tunings.ofAll());
    for (auto weight : module.getOps<WeightOp>())
      keepParts(weight);
    SmallVector<func::FuncOp> programs;
    for (auto program : module.getOps<func::FuncOp>())
      if (program->hasAttr(kProgramAttrName))
        programs.push_back(program);
    if (tunings.ofAll().deterministic)
      prepareOneOrder(programs);
    for (func::FuncOp program : programs)
      schedule(program);
    return success();
  }

private:
  /// Finds what all programs must do alike, so that a row has the same bits in each.
  void prepareOneOrder(ArrayRef<func::FuncOp> programs) {
    hasPairs = llvm::all_of(programs, [&](func::FuncOp program) {
      return !hasTokenLanes(program) || canPack(program, kernelsOf(program).getArrayRef());
    });
    // The weights that are multiplied by many rows. Others, such as that of the logits, have few rows in every program.
    llvm::StringSet<> weights;
    auto forEachProduct = [&](func::FuncOp program, llvm::function_ref<void(KernelOp, LinearOp, StringRef)> visit) {
      SymbolTableCollection symbols;
      program.walk([&](LaunchOp launch) {
        auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
        for (auto linear : kernel.getOps<LinearOp>())
          if (WeightRefOp weight = weightOfProduct(launch, linear))
            visit(kernel, linear, weight.getWeight());
      });
    };
    for (func::FuncOp program : programs) {
      if (!hasTokenLanes(program))
        continue;
      RowCounts rows(program);
      forEachProduct(program, [&](KernelOp, LinearOp linear, StringRef weight) {
        if (rows.of(linear.getResult()) == RowCount::Tokens)
          weights.insert(weight);
      });
    }
    for (func::FuncOp program : programs)
      forEachProduct(program, [&](KernelOp kernel, LinearOp, StringRef weight) {
        if (weights.contains(weight))
          inOrder.insert(kernel);
      });
  }

  static bool hasTokenLanes(func::FuncOp program) {
    return program->getAttrOfType<ProgramAttr>(kProgramAttrName).getRowAlign() > 1;
  }

  llvm::SetVector<KernelOp> kernelsOf(func::FuncOp program) {
    SymbolTableCollection symbols;
    llvm::SetVector<KernelOp> kernels;
    program.walk([&](LaunchOp launch) {
      kernels.insert(symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr()));
    });
    return kernels;
  }

  /// A weight of several sources stays in its parts. And its rows may lie interleaved.
  void keepParts(WeightOp weight) {
    SmallVector<int64_t> rows = weight.getRowCounts();
    auto type = cast<RankedTensorType>(weight.getType());
    int64_t interleave = interleaved.contains(weight.getSymName()) ? lanes : 1;
    if ((rows.size() < 2 && interleave == 1) || type.getEncoding())
      return;
    auto parts = RankedTensorType::get(type.getShape(), type.getElementType(),
                                       RowPartsAttr::get(module.getContext(), rows, interleave));
    weight.setTypeAttr(TypeAttr::get(parts));
    partsOf[weight.getSymName()] = parts;
  }

  /// Pairs of bf16 can be packed when every activation has an even width, no rotary tile ends inside a pair, and
  /// whoever multiplies bf16 multiplies pairs of it.
  bool canPack(func::FuncOp program, ArrayRef<KernelOp> kernels) {
    if (!target.hasBf16Dot()) {
      QUIPU_DECISION(program) << "pairs of bf16 are not packed: " << target.requested << " has no dot product of them";
      return false;
    }
    for (KernelOp kernel : kernels) {
      bool even = true;
      kernel.walk([&](Operation *op) {
        for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
          if (isActivation(type) && cast<RankedTensorType>(type).getDimSize(1) % 2)
            even = false;
        if (auto rotate = dyn_cast<RotateOp>(op))
          even &= rotate.getHeadDim() % 4 == 0;
        if (auto repeat = dyn_cast<RepeatKVOp>(op))
          even &= repeat.getHeadDim() % 2 == 0;
        auto multiplies = [](Type activation, Type other) { return !activation.isBF16() || other.isBF16(); };
        if (auto linear = dyn_cast<LinearOp>(op)) {
          auto rounded = linear.getInput().getDefiningOp<QuantizeOp>();
          Value input = rounded ? rounded.getInput() : linear.getInput();
          even &= multiplies(getElementTypeOrSelf(input), getElementTypeOrSelf(linear.getWeight()));
        }
        if (auto attention = dyn_cast<AttentionOp>(op)) {
          KVLayerType cache = attention.getKv().getType();
          even &= cache.getHeadDim() % 2 == 0;
          even &= multiplies(getElementTypeOrSelf(attention.getQuery()), cache.getElementType());
        }
      });
      if (!even) {
        QUIPU_DECISION(program, kernel) << "pairs of bf16 are not packed: @" << kernel.getSymName()
                                        << " has odd rows or heads, or multiplies bf16 by another type";
        return false;
      }
    }
    return true;
  }

  Type layoutFor(Value value, bool tokenLanes, const RowCounts &rows) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!tokenLanes || rows.of(value) == RowCount::Outputs)
      return type;
    int64_t pack = packed && type.getElementType().isBF16() ? 2 : 1;
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 TokenLanesAttr::get(module.getContext(), lanes, pack));
  }

  void schedule(func::FuncOp program) {
    bool tokenLanes = hasTokenLanes(program);
    llvm::SetVector<KernelOp> kernels = kernelsOf(program);
    packed = tokenLanes && hasPairs && canPack(program, kernels.getArrayRef());

    setLayouts(program, kernels.getArrayRef(), tokenLanes);
    passOnWeightTypes(program);
    for (KernelOp kernel : kernels) {
      Block &body = kernel.getBody().front();
      kernel.setFunctionType(
          FunctionType::get(module.getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
      scheduleKernel(kernel, tokenLanes);
      QUIPU_DECISION(kernel) << "@" << kernel.getSymName() << ": " << kernel.getScheduleAttr() << ": "
                             << (tokenLanes ? "activations of tokens lie in lanes, those of output rows in rows"
                                            : "activations lie in rows");
    }
  }

  /// Gives the activations of a program and its kernels their layout.
  void setLayouts(func::FuncOp program, ArrayRef<KernelOp> kernels, bool tokenLanes) {
    RowCounts rows(program);
    // All layouts are found before any type changes.
    SmallVector<std::pair<Value, Type>> changes;
    auto collect = [&](Value value) {
      if (isActivation(value.getType()))
        changes.emplace_back(value, layoutFor(value, tokenLanes, rows));
    };
    auto collectBlock = [&](Block &block) {
      for (Value argument : block.getArguments())
        collect(argument);
      for (Operation &op : block)
        for (Value result : op.getResults())
          collect(result);
    };
    for (KernelOp kernel : kernels)
      collectBlock(kernel.getBody().front());
    collectBlock(program.getBody().front());
    for (auto [value, type] : changes)
      value.setType(type);

    Block &programBody = program.getBody().front();
    program.setFunctionType(FunctionType::get(module.getContext(), programBody.getArgumentTypes(),
                                              programBody.getTerminator()->getOperandTypes()));
  }

  /// Gives references to fused weights, and arguments of kernels, the types that the weights now have.
  void passOnWeightTypes(func::FuncOp program) {
    SymbolTableCollection symbols;
    program.walk([&](WeightRefOp reference) {
      auto parts = partsOf.find(reference.getWeight());
      if (parts != partsOf.end())
        reference.getResult().setType(parts->second);
    });
    program.walk([&](LaunchOp launch) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
      for (auto [argument, operand] : llvm::zip_equal(kernel.getBody().getArguments(), launch.getOperands()))
        argument.setType(operand.getType());
    });
  }

  DotKind chooseDot(KernelOp kernel, AttentionOp attention, bool tokenLanes) {
    StringRef noPairs =
        !target.hasBf16Dot() ? "the target has no dot products of bf16 (avx512bf16)"
        : !getElementTypeOrSelf(attention.getQuery()).isBF16() || !attention.getKv().getType().getElementType().isBF16()
            ? "queries and cached keys are not both bf16"
        : !hasPairs || (tokenLanes && !packed) ? "pairs of bf16 are not packed"
                                               : "";
    if (noPairs.empty()) {
      QUIPU_CHOICE(Chosen, kernel, "dot", "dot = bf16") << "one instruction multiplies pairs of bf16 and adds";
      return DotKind::Bf16;
    }
    QUIPU_CHOICE(Refused, kernel, "dot", "dot = bf16") << noPairs;
    QUIPU_CHOICE(Chosen, kernel, "dot", "dot = fma") << "numbers are multiplied as f32";
    return DotKind::Fma;
  }

  void scheduleKernel(KernelOp kernel, bool tokenLanes) {
    MLIRContext *context = module.getContext();
    if (auto linear = find<LinearOp>(kernel))
      return scheduleCpuLinear(kernel, linear,
                               {target, tunings.of(kernel), tunings.isTuned(kernel), tokenLanes, packed, hasPairs,
                                inOrder.contains(kernel)});
    if (auto attention = find<AttentionOp>(kernel)) {
      kernel.setScheduleAttr(CpuAttentionScheduleAttr::get(context, tokenLanes ? RowRegime::Many : RowRegime::Few,
                                                           lanes, attention.getKv().getType().getPage(),
                                                           chooseDot(kernel, attention, tokenLanes)));
      return;
    }
    // An op that selects rows gives them one by one, also where its input lies in lanes.
    TypeRange types =
        kernel.getResultTypes().empty() ? TypeRange(kernel.getArgumentTypes()) : TypeRange(kernel.getResultTypes());
    bool many = llvm::any_of(types, [](Type type) { return bool(getTokenLanes(type)); });
    kernel.setScheduleAttr(
        CpuPointwiseScheduleAttr::get(context, many ? RowRegime::Many : RowRegime::Few, lanes, many ? lanes : 1));
  }

  ModuleOp module;
  const cpu::CpuTarget &target;
  const KernelTunings &tunings;
  int64_t lanes;
  bool packed = false;
  /// Pairs of bf16 may be multiplied. Where a row is to have the same bits in all programs, all of them do so or none.
  bool hasPairs = true;
  /// Kernels whose products are to be added in the order of the inputs.
  llvm::DenseSet<KernelOp> inOrder;
  llvm::StringMap<Type> partsOf;
  /// Weights whose rows lie interleaved.
  llvm::StringSet<> interleaved;
};

} // namespace

LogicalResult selectCpuSchedules(ModuleOp module, const cpu::CpuTarget &target, const KernelTunings &tunings) {
  return CpuSelector(module, target, tunings).run();
}

} // namespace quipu::codegen
