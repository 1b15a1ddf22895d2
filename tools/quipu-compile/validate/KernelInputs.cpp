//===- KernelInputs.cpp - Random inputs of a kernel -----------------------===//

#include "tools/quipu-compile/validate/KernelInputs.h"

#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/support/Error.h"
#include "tools/quipu-eval/RandomFill.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/Hashing.h"

#include <cstring>
#include <random>

using namespace mlir;

namespace quipu::tool {

static constexpr uint64_t kSeed = 0;

/// Positions in front of the step: keys of several pages are read.
static constexpr int32_t kFirstPast = 37, kSecondPast = 3;
static constexpr int64_t kPositions = 64;

/// As randomWeights. Rounding to blocks takes long, so that a large matrix has some of the blocks many times.
static void fillQuickly(StringRef source, ArrayRef<int64_t> shape, llama::WeightRole role, Type elementType,
                        void *out) {
  constexpr size_t kRounded = 1 << 16;
  const WeightFormat &format = *llama::weightFormatOf(elementType);
  auto count = size_t(ShapedType::getNumElements(shape));
  if (format.dense || count <= kRounded) {
    randomWeights(kSeed, /*varyNorms=*/true)(source, shape, role, elementType, out);
    return;
  }
  std::vector<char> blocks(format.bytes(kRounded));
  fillRandom(std::string_view(source), kSeed, codegen::toPlan(role), uint64_t(shape.back()), 0, kRounded, format,
             blocks.data());
  std::minstd_rand random(1);
  for (size_t i = 0; i < count / format.blockElements; ++i)
    std::memcpy(static_cast<char *>(out) + i * format.blockBytes,
                blocks.data() + random() % (kRounded / format.blockElements) * format.blockBytes, format.blockBytes);
}

ArrayRef<char> RandomWeightMemory::of(StringRef symbol) {
  std::vector<char> &bytes = memory[symbol.str()];
  if (bytes.empty()) {
    auto weight = module.lookupSymbol<llama::WeightOp>(symbol);
    bytes.resize(size_t(llama::weightBytesOf(cast<RankedTensorType>(weight.getType()))));
    fillWeight(weight, fillQuickly, bytes.data());
  }
  return bytes;
}

int64_t RandomWeightMemory::vocabulary() {
  for (auto weight : module.getOps<llama::WeightOp>())
    if (weight.getRole() == llama::WeightRole::Embedding)
      return cast<RankedTensorType>(weight.getType()).getDimSize(0);
  fail("--validate: the module has no embedding");
}

StepRows makeRows(int64_t first, int64_t second, int64_t align, int64_t vocabulary) {
  StepRows rows;
  std::mt19937 random(3);
  for (auto [count, past, sequence] : {std::tuple(first, kFirstPast, 0), std::tuple(second, kSecondPast, 1)}) {
    for (int32_t i = 0; i < count; ++i) {
      rows.real.push_back(int32_t(rows.tokens.size()));
      rows.tokens.push_back(int32_t(random() % uint64_t(vocabulary)));
      rows.positions.push_back(past + i);
      rows.sequences.push_back(sequence);
    }
    while (rows.tokens.size() % size_t(align)) {
      rows.tokens.push_back(0);
      rows.positions.push_back(-1);
      rows.sequences.push_back(0);
    }
  }
  // The last row of each sequence, and the first row.
  std::vector<int64_t> wanted = {first - 1, 0};
  if (second)
    wanted = {first - 1, first + second - 1, 0};
  for (int64_t place : wanted) {
    rows.realOutputs.push_back(int32_t(place));
    rows.outputs.push_back(rows.real[size_t(place)]);
    rows.targets.push_back(rows.targets.size() == 1 ? -1 : int32_t(random() % uint64_t(vocabulary)));
  }
  return rows;
}

/// Numbers of an element type, with a mean of 0 and a deviation of 1.
static std::vector<float> randomNumbers(size_t count, Type element, std::mt19937 &random) {
  const WeightFormat &format = *llama::weightFormatOf(element);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values) {
    float number = normal(random);
    char bytes[sizeof(float)];
    encodeBlocks(format, &number, bytes, 1);
    decodeBlocks(format, bytes, &value, 1);
  }
  return values;
}

/// Indices that a program gets under a name.
static void setIndices(KernelArgument &argument, StringRef name, const StepRows &rows) {
  std::optional<size_t> number = findValue(kStepInputs, std::string_view(name));
  auto ofReal = [&](const std::vector<int32_t> &all) {
    argument.indices = all;
    for (int32_t row : rows.real)
      argument.realIndices.push_back(all[size_t(row)]);
  };
  switch (number ? StepInput(*number) : StepInput::SampleRules) {
  case StepInput::Tokens:
    return ofReal(rows.tokens);
  case StepInput::Positions:
    return ofReal(rows.positions);
  case StepInput::Sequences:
    return ofReal(rows.sequences);
  case StepInput::OutputRows:
    argument.indices = rows.outputs;
    argument.realIndices = rows.realOutputs;
    return;
  case StepInput::Targets:
    argument.indices = argument.realIndices = rows.targets;
    return;
  default:
    fail("--validate: a kernel takes '", name.str(), "', which is no input for kernels");
  }
}

KernelInputs makeInputs(llama::LaunchOp launch, llama::KernelOp kernel, const llama::RowCounts &counts,
                        const StepRows &rows, RandomWeightMemory &weights) {
  KernelInputs inputs;
  inputs.rows = rows;
  // Kernels of several programs that do the same get the same numbers.
  std::mt19937 random(11);
  auto program = launch->getParentOfType<func::FuncOp>();
  for (Value operand : launch.getOperands()) {
    KernelArgument &argument = inputs.arguments.emplace_back();
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (auto reference = operand.getDefiningOp<llama::WeightRefOp>()) {
      argument.kind = KernelArgument::Kind::Weight;
      argument.weight = weights.of(reference.getWeight());
    } else if (type && type.hasStaticShape()) {
      argument.kind = KernelArgument::Kind::Weight;
    } else if (auto layer = dyn_cast<llama::KVLayerType>(operand.getType())) {
      argument.kind = KernelArgument::Kind::Cache;
      inputs.positions = int64_t(llvm::alignTo(uint64_t(kPositions), uint64_t(layer.getPage())));
      inputs.cache =
          randomNumbers(size_t(2 * kCacheSequences * inputs.positions * layer.getKvHeads() * layer.getHeadDim()),
                        layer.getElementType(), random);
    } else if (type && type.getElementType().isInteger(32)) {
      argument.kind = KernelArgument::Kind::Indices;
      auto input = dyn_cast<BlockArgument>(operand);
      auto name =
          input ? program.getArgAttrOfType<StringAttr>(input.getArgNumber(), llama::kValueNameAttrName) : StringAttr();
      setIndices(argument, name ? name.getValue() : "", rows);
    } else {
      argument.hasOutputRows = counts.of(operand) == llama::RowCount::Outputs;
      size_t count = argument.hasOutputRows ? rows.outputs.size() : rows.real.size();
      argument.values = randomNumbers(count * size_t(type.getDimSize(1)), type.getElementType(), random);
    }
  }
  for (Value result : launch.getResults())
    inputs.resultHasOutputRows.push_back(counts.of(result) == llama::RowCount::Outputs);
  return inputs;
}

} // namespace quipu::tool
