//===- TokenLanes.cpp - Features of rows that lie in lanes --------------------===//

#include "codegen/cpu/TokenLanes.h"

using namespace mlir;

namespace quipu::codegen::cpu {

void storeFeatures(KernelBuilder &b, const ActivationLayout &layout, Value tileBase, ArrayRef<int64_t> features,
                   ArrayRef<Value> values, Value first) {
  if (layout.pack == 1) {
    for (auto [feature, value] : llvm::zip_equal(features, values))
      b.storeF32(value, layout.element,
                 b.at(tileBase, b.mul(b.add(first, feature), layout.lanes * layout.elementBytes())));
    return;
  }
  for (size_t i = 0; i < features.size(); ++i) {
    if (features[i] % 2)
      continue;
    auto partner = llvm::find(features, features[i] + 1);
    assert(partner != features.end() && "schedules choose even runs for pairs");
    Value odd = values[partner - features.begin()];
    Value pair = vector::InterleaveOp::create(b, b.roundTo(layout.element, values[i]), b.roundTo(layout.element, odd));
    // Feature k of an even k starts at k * lanes elements, since a pair takes 2 * lanes.
    b.store(pair, b.at(tileBase, b.mul(b.add(first, features[i]), layout.lanes * layout.elementBytes())), 2);
  }
}

} // namespace quipu::codegen::cpu
