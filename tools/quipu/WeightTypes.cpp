//===- WeightTypes.cpp - In which types a plan's matrices lie ----------------------------===//

#include "tools/quipu/WeightTypes.h"
#include "runtime/abi/SourceSlice.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

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

std::string expansionText(const plan::Plan &plan) {
  std::set<std::string> from, to;
  uint64_t stored = 0, bytes = 0;
  for (const plan::Weight *weight : *plan.weights())
    for (const plan::Source *source : *weight->sources()) {
      const WeightFormat &format = formatOf(*source), &memory = formatOf(*weight);
      if (!format.block || !memory.dense)
        continue;
      SourceSlice slice = SourceSlice::of(*source);
      stored += format.bytes(slice.elements());
      bytes += memory.bytes(slice.elements());
      from.emplace(format.name);
      to.emplace(memory.name);
    }
  if (from.empty())
    return "";
  auto join = [](const std::set<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  return concat("weights of ", join(from), " (", binaryBytes(double(stored)), ") expanded to ", join(to), " (",
                binaryBytes(double(bytes)), ")");
}

} // namespace quipu::tool
