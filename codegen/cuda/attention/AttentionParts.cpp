//===- AttentionParts.cpp - Parts of the keys in one order --------------------===//

#include "codegen/cuda/attention/AttentionParts.h"

#include "codegen/cuda/attention/AttentionScores.h"

using namespace mlir;

namespace quipu::codegen::cuda {

SoftmaxState::Values SoftmaxState::pack() const {
  Values all(reference);
  all.append(total);
  all.append(sums);
  return all;
}

SoftmaxState SoftmaxState::unpack(ValueRange all, int64_t halves) {
  return {Values(all.take_front(halves)), Values(all.slice(halves, halves)), Values(all.drop_front(2 * halves))};
}

SoftmaxState softmaxOfNoKeys(CudaBuilder &b, int64_t halves, float factor, int64_t sums) {
  using Values = SoftmaxState::Values;
  return {Values(halves, b.f32(kNoScore * factor)), Values(halves, b.f32(0.0f)), Values(sums, b.f32(0.0f))};
}

SoftmaxState withWholeTotals(CudaBuilder &b, SoftmaxState state) {
  for (Value &total : state.total)
    total = b.sumLanes(total, 4);
  return state;
}

SoftmaxState joinParts(CudaBuilder &b, const SoftmaxState &before, const SoftmaxState &part, int64_t width) {
  SoftmaxState joined = before;
  for (size_t half = 0; half < before.reference.size(); ++half) {
    Value reference = b.maxf(before.reference[half], part.reference[half]);
    Value keep = b.exp2(b.subf(before.reference[half], reference));
    Value add = b.exp2(b.subf(part.reference[half], reference));
    auto join = [&](Value old, Value more) { return b.fma(more, add, b.mulf(old, keep)); };
    joined.reference[half] = reference;
    joined.total[half] = join(before.total[half], part.total[half]);
    for (int64_t i = 0; i < width / 4; ++i) {
      int64_t number = AttentionScores::accumulatorOf(half, i, width);
      joined.sums[number] = join(before.sums[number], part.sums[number]);
    }
  }
  return joined;
}

Value beginsPart(CudaBuilder &b, Value tile, int64_t part) {
  return b.compare(CudaBuilder::Predicate::eq, b.rem(tile, part), 0);
}

} // namespace quipu::codegen::cuda
