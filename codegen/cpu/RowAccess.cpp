//===- RowAccess.cpp - Activations as pointwise kernels see them -------------===//

#include "codegen/cpu/RowAccess.h"

using namespace mlir;

namespace quipu::codegen::cpu {

Value addressOf(KernelBuilder &b, const ActivationLayout &layout, Value base, Value row, Value k) {
  if (!layout.lanes)
    return b.at(base, b.add(b.mul(row, layout.strideBytes()), layout.featureOffset(b, k)));
  Value tile = b.mul(b.div(row, layout.lanes), layout.strideBytes());
  Value lane = b.mul(b.rem(row, layout.lanes), layout.pack * layout.elementBytes());
  return b.at(base, b.add(b.add(tile, lane), layout.featureOffset(b, k)));
}

void forEachRow(KernelBuilder &b, const KernelFrame &frame, int64_t rowsPerBlock, RowDim rows,
                llvm::function_ref<void(Value)> body) {
  Value all = rows == RowDim::Outputs ? frame.outputs : frame.tokens;
  Value last = b.min(b.mul(frame.end, rowsPerBlock), all);
  b.loop(b.mul(frame.begin, rowsPerBlock), last, 1, body);
}

RowAccess::RowAccess(KernelBuilder &b, Type type, Value base, Value block) : b(b), layout(type) {
  start = b.at(base, b.mul(block, layout.strideBytes()));
}

RowAccess::Values RowAccess::load(Value k, int64_t count) {
  auto at = [&](Value feature) { return b.at(start, layout.featureOffset(b, feature)); };
  if (!isTile())
    return {b.loadF32(layout.element, at(k), count)};
  Values values;
  for (int64_t i = 0; i < count; i += layout.pack) {
    Value place = at(b.add(k, i));
    if (layout.pack == 1) {
      values.push_back(b.loadF32(layout.element, place, layout.lanes));
      continue;
    }
    Value both = b.load(b.vectorOf(layout.element, 2 * layout.lanes), place, layout.elementBytes());
    auto apart = vector::DeinterleaveOp::create(b, both);
    values.push_back(b.widenToF32(apart.getRes1()));
    values.push_back(b.widenToF32(apart.getRes2()));
  }
  return values;
}

void RowAccess::store(Value k, ArrayRef<Value> values) {
  auto at = [&](Value feature) { return b.at(start, layout.featureOffset(b, feature)); };
  if (!isTile())
    return b.storeF32(values.front(), layout.element, at(k));
  for (int64_t i = 0; i < static_cast<int64_t>(values.size()); i += layout.pack) {
    Value place = at(b.add(k, i));
    if (layout.pack == 1)
      b.storeF32(values[i], layout.element, place);
    else
      b.store(vector::InterleaveOp::create(b, b.roundTo(layout.element, values[i]),
                                           b.roundTo(layout.element, values[i + 1])),
              place, layout.elementBytes());
  }
}

std::pair<RowAccess::Values, RowAccess::Values> RowAccess::loadPairs(Value k, int64_t count) {
  Values both = load(k, 2 * count), first, second;
  if (!isTile()) {
    auto apart = vector::DeinterleaveOp::create(b, both.front());
    return {{apart.getRes1()}, {apart.getRes2()}};
  }
  for (size_t i = 0; i < both.size(); i += 2) {
    first.push_back(both[i]);
    second.push_back(both[i + 1]);
  }
  return {first, second};
}

void RowAccess::storePairs(Value k, ArrayRef<Value> first, ArrayRef<Value> second) {
  if (!isTile())
    return store(k, {vector::InterleaveOp::create(b, first.front(), second.front())});
  Values both;
  for (auto [a, c] : llvm::zip_equal(first, second))
    both.append({a, c});
  store(k, both);
}

RowAccess::Values RowAccess::loadConstants(const WeightOperand &constants, Value base, Value k, int64_t count) {
  WeightOperand::Run run = constants.run(base, k);
  if (!isTile())
    return {run.vector(0, count)};
  Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(run.broadcast(i, layout.lanes));
  return values;
}

int64_t RowAccess::countFor(ArrayRef<RowAccess> activations, int64_t extent, int64_t lanes) {
  if (!activations.front().isTile())
    return widestVector(extent, lanes);
  return llvm::any_of(activations, [](const RowAccess &access) { return access.layout.pack == 2; }) ? 2 : 1;
}

} // namespace quipu::codegen::cpu
