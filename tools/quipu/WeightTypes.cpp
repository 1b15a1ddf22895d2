//===- WeightTypes.cpp - In which types a plan's matrices lie ----------------------------===//

#include "tools/quipu/WeightTypes.h"

#include <set>

namespace quipu::tool {

std::string dtypeText(const plan::Plan &plan) {
  std::string compute = plan::EnumNameDType(plan.config()->compute_dtype());
  // Types are sorted by name, so that the text does not depend on the order of the weights.
  std::set<std::string> types;
  for (const plan::Weight *weight : *plan.weights())
    if (weight->role() == plan::WeightRole::matrix)
      types.insert(weight->format()->str());
  if (types.empty() || types == std::set<std::string>{compute})
    return compute;
  std::string text = compute + " (weights";
  for (const std::string &type : types)
    text += (type == *types.begin() ? " " : ", ") + type;
  return text + ")";
}

} // namespace quipu::tool
