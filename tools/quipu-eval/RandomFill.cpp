//===- RandomFill.cpp - Random weights for the evaluator ------------------===//

#include "tools/quipu-eval/RandomFill.h"

#include "codegen/plan/PlanEnums.h"
#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/RandomWeights.h"

#include <string_view>
#include <vector>

using namespace mlir;

namespace quipu::tool {

llama::WeightFill randomWeights(uint64_t seed, bool varyNorms) {
  return [=](StringRef source, ArrayRef<int64_t> shape, llama::WeightRole role, Type elementType, void *out) {
    auto count = static_cast<size_t>(ShapedType::getNumElements(shape));
    auto columns = static_cast<uint64_t>(shape.back());
    std::string_view name(source.data(), source.size());
    if (role != llama::WeightRole::Norm || !varyNorms) {
      fillRandom(name, seed, codegen::toPlan(role), columns, 0, count, *llama::weightFormatOf(elementType), out);
      return;
    }
    std::vector<float> values(count);
    fillRandom(name, seed, plan::WeightRole::matrix, /*columns=*/16, 0, count, values.data());
    for (float &value : values)
      value += 1;
    encodeBlocks(*llama::weightFormatOf(elementType), values.data(), out, count);
  };
}

} // namespace quipu::tool
