//===- KernelParams.cpp - What a kernel expects of its steps ------------------===//

#include "codegen/plan/KernelParams.h"

#include "codegen/common/Arguments.h"
#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/ProgramValues.h"

#include "runtime/abi/DataType.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// The input of a step that an op reads through the operand. Nothing if it is not an input of a step.
std::optional<StepInput> inputOf(OpOperand &use) {
  Value value = use.get();
  auto positionsOrSequences = [&](auto op) {
    return value == op.getPositions()   ? std::optional(StepInput::Positions)
           : value == op.getSequences() ? std::optional(StepInput::Sequences)
                                        : std::nullopt;
  };
  return llvm::TypeSwitch<Operation *, std::optional<StepInput>>(use.getOwner())
      .Case<EmbeddingOp>([](auto) { return StepInput::Tokens; })
      .Case<RotaryTableOp, RotaryOp>([](auto) { return StepInput::Positions; })
      .Case<GatherRowsOp>([](auto) { return StepInput::OutputRows; })
      .Case<LogProbOp>([](auto) { return StepInput::Targets; })
      .Case<KVAppendOp, AttentionOp>(positionsOrSequences)
      .Default([](Operation *) { return std::nullopt; });
}

class Params {
public:
  explicit Params(KernelOp kernel) : kernel(kernel) {}

  FailureOr<std::vector<std::unique_ptr<plan::ParamT>>> list() {
    for (BlockArgument argument : kernel.getBody().getArguments())
      if (failed(addArgument(argument)))
        return failure();
    for (Type type : kernel.getResultTypes())
      if (failed(addRows(plan::ParamKind::result, type)))
        return failure();
    if (auto workspaces = kernel.getWorkspace())
      for (Type type : workspaces->getAsValueRange<TypeAttr>())
        if (failed(addRows(plan::ParamKind::workspace, type)))
          return failure();
    return std::move(params);
  }

private:
  LogicalResult addArgument(BlockArgument argument) {
    Type type = argument.getType();
    if (isa<KVLayerType>(type)) {
      add(plan::ParamKind::kv_layer);
      return success();
    }
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.hasStaticShape())
      return addWeight(tensor);
    if (tensor && tensor.getElementType().isInteger(32)) {
      for (OpOperand &use : argument.getUses())
        if (std::optional<StepInput> input = inputOf(use)) {
          add(plan::ParamKind::input).input = knownValue(*input).name;
          params.back()->dtype = plan::DType::i32;
          return success();
        }
      return kernel.emitOpError() << "has argument " << argument.getArgNumber() << " of " << type
                                  << ", which none of its ops reads as tokens, positions, sequences, rows or targets";
    }
    return addRows(plan::ParamKind::activation, type);
  }

  /// A weight in parts is several arguments, one for each part.
  LogicalResult addWeight(RankedTensorType type) {
    const WeightFormat *format = weightFormatOf(type.getElementType());
    if (!format)
      return kernel.emitOpError() << "takes a weight " << type << "; weights in a plan are of " << weightFormatNames();
    int64_t rows = type.getDimSize(0), rowBytes = llama::weightBytesOf(type) / rows;
    SmallVector<int64_t> parts = {rows};
    if (auto separate = dyn_cast_or_null<RowPartsAttr>(type.getEncoding()))
      parts.assign(separate.getRows().begin(), separate.getRows().end());
    for (int64_t part : parts) {
      plan::ParamT &param = add(plan::ParamKind::weight);
      param.format = format->name;
      param.bytes = rowBytes * part;
      param.interleave = static_cast<uint32_t>(interleaveOf(type));
    }
    return success();
  }

  /// A tensor with a row for each of the step's.
  LogicalResult addRows(plan::ParamKind kind, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    // A row of tokens is one of them.
    bool isOne = tensor && tensor.getRank() == 1;
    if (!tensor || tensor.getRank() > 2 || !tensor.isDynamicDim(0) || (!isOne && tensor.isDynamicDim(1)))
      return kernel.emitOpError() << "takes or gives " << type << ", which has no rows of a fixed length";
    std::optional<plan::DType> dtype = toPlan(tensor.getElementType());
    if (!dtype)
      return kernel.emitOpError() << "takes or gives " << type << "; elements in a plan are f32, f16, bf16 or i32";
    plan::ParamT &param = add(kind);
    param.dtype = *dtype;
    param.bytes = static_cast<uint64_t>(isOne ? 1 : tensor.getDimSize(1)) * dtypeSize(*dtype);
    return success();
  }

  plan::ParamT &add(plan::ParamKind kind) {
    params.push_back(std::make_unique<plan::ParamT>());
    params.back()->kind = kind;
    return *params.back();
  }

  KernelOp kernel;
  std::vector<std::unique_ptr<plan::ParamT>> params;
};

} // namespace

FailureOr<std::vector<std::unique_ptr<plan::ParamT>>> paramsOf(KernelOp kernel) { return Params(kernel).list(); }

uint32_t rowAlignOf(KernelOp kernel) {
  int64_t rows = 1;
  for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))
    if (TokenLanesAttr layout = getTokenLanes(type))
      rows = std::max(rows, layout.getLanes());
  return static_cast<uint32_t>(rows);
}

} // namespace quipu::codegen
