//===- ValueTable.cpp - Inputs and outputs of a program -------------------------===//

#include "codegen/plan/ValueTable.h"

#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/ProgramValues.h"

using namespace mlir;

namespace quipu::codegen {

static FailureOr<std::unique_ptr<plan::ProgramValueT>> describe(func::FuncOp program, StringAttr name, Type type,
                                                                std::span<const KnownValue> known) {
  std::optional<size_t> number = findValue(known, std::string_view(name.getValue()));
  if (!number) {
    InFlightDiagnostic error = program.emitOpError() << "has a value " << name << ", which the runtime does not know; "
                                                     << "it knows ";
    llvm::interleaveComma(known, error, [&](const KnownValue &value) { error << value.name; });
    return error;
  }
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<plan::ValueType> element = tensor ? valueType(tensor.getElementType()) : std::nullopt;
  if (!element || tensor.getRank() < 1 || tensor.getRank() > 2 || (tensor.getRank() == 2 && tensor.isDynamicDim(1)))
    return program.emitOpError() << "has a value " << name << " of type " << type
                                 << "; values of a program are rows of i32, f32, f64 or sample rules";
  auto value = std::make_unique<plan::ProgramValueT>();
  value->name = name.str();
  value->type = *element;
  value->rows = known[*number].rows;
  value->columns = static_cast<uint64_t>(tensor.getRank() == 2 ? tensor.getDimSize(1) : 1);
  return value;
}

FailureOr<ValueTable> ValueTable::of(func::FuncOp program) {
  ValueTable table;
  auto add = [&](Value value, StringAttr name, std::span<const KnownValue> known, Values &values,
                 llvm::DenseMap<Value, uint64_t> &numbers) -> LogicalResult {
    if (!name)
      return success();
    auto described = describe(program, name, value.getType(), known);
    if (failed(described))
      return failure();
    numbers.try_emplace(value, values.size());
    values.push_back(std::move(*described));
    return success();
  };
  for (BlockArgument argument : program.getArguments())
    if (failed(add(argument, program.getArgAttrOfType<StringAttr>(argument.getArgNumber(), llama::kValueNameAttrName),
                   kStepInputs, table.inputs, table.inputNumbers)))
      return failure();
  for (auto [number, value] : llvm::enumerate(program.getBody().front().getTerminator()->getOperands()))
    if (failed(add(value,
                   program.getResultAttrOfType<StringAttr>(static_cast<unsigned>(number), llama::kValueNameAttrName),
                   kStepOutputs, table.outputs, table.outputNumbers)))
      return failure();
  return table;
}

static std::optional<uint64_t> lookup(const llvm::DenseMap<Value, uint64_t> &numbers, Value value) {
  auto found = numbers.find(value);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

std::optional<uint64_t> ValueTable::inputOf(BlockArgument argument) const { return lookup(inputNumbers, argument); }
std::optional<uint64_t> ValueTable::outputOf(Value result) const { return lookup(outputNumbers, result); }

} // namespace quipu::codegen
