//===- AttentionLeftParts.cpp - Parts of a row in the workspace ---------------===//

#include "codegen/cuda/attention/AttentionLeftParts.h"

#include "codegen/cuda/attention/AttentionScores.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"

using namespace mlir;

namespace quipu::codegen::cuda {

/// Parts whose loads are in flight at once.
static constexpr int64_t kInFlight = 4;

Value AttentionLeftParts::headOf(int64_t half) { return b.add(b.div(place.lane, 4), half % 2 * 8); }

AttentionLeftParts::Addresses AttentionLeftParts::addressesOf(int64_t half, Value number) {
  Value head = b.add(place.firstHead, b.min(headOf(half), b.i32(shape.heads - 1)));
  Value part = b.add(b.mul(head, layout.splits), number);
  Value row = b.at(workspace, b.mul(b.widen(place.row), layout.rowElements() * 4));
  Value feature = b.add(place.firstFeature, b.mul(b.rem(place.lane, 4), 2));
  return {b.at(row, b.mul(b.widen(b.add(b.mul(part, layout.head), feature)), 4)),
          b.at(row, b.add(b.mul(b.widen(part), 8), layout.pairsOffset() * 4))};
}

void AttentionLeftParts::leave(const SoftmaxState &part, Value number) {
  using Predicate = CudaBuilder::Predicate;
  for (int64_t half = 0; half < shape.halves; ++half) {
    Addresses to = addressesOf(half, number);
    b.ifThen(b.compare(Predicate::slt, headOf(half), b.i32(shape.heads)), [&] {
      for (int64_t i = 0; i < shape.features / 4; i += 2) {
        int64_t first = AttentionScores::accumulatorOf(half, i, shape.features);
        b.storeRun(b.getF32Type(), ArrayRef(part.sums).slice(first, 2), b.at(to.sums, 4 * i * 4));
      }
      // All threads of the row have these.
      Value isFirst = arith::OrIOp::create(b, place.firstFeature, b.rem(place.lane, 4));
      b.ifThen(b.compare(Predicate::eq, isFirst, 0),
               [&] { b.storeRun(b.getF32Type(), {part.reference[half], part.total[half]}, to.pair); });
    });
  }
}

SoftmaxState AttentionLeftParts::merge(Value first, Value last) {
  SoftmaxState empty = softmaxOfNoKeys(b, shape.halves, shape.factor, shape.sums);
  CudaBuilder::Values merged =
      b.loop(first, b.add(last, 1), kInFlight, empty.pack(), [&](Value number, ValueRange carried) {
        Value behind = b.sub(last, number);
        SmallVector<SoftmaxState> parts(kInFlight, empty);
        for (int64_t half = 0; half < shape.halves; ++half) {
          Addresses from = addressesOf(half, number);
          for (int64_t i = 0; i < kInFlight; ++i) {
            auto pair = ptx::loadFromL2If(b, behind, i, from.pair, i * 8, {kNoScore * shape.factor, 0.0f});
            parts[i].reference[half] = pair[0];
            parts[i].total[half] = pair[1];
            for (int64_t feature = 0; feature < shape.features / 4; feature += 2) {
              auto sums = ptx::loadFromL2If(b, behind, i, from.sums, (i * layout.head + 4 * feature) * 4, {0.0f, 0.0f});
              llvm::copy(sums, parts[i].sums.begin() + AttentionScores::accumulatorOf(half, feature, shape.features));
            }
          }
        }
        SoftmaxState state = SoftmaxState::unpack(carried, shape.halves);
        for (const SoftmaxState &part : parts)
          state = joinParts(b, state, part, shape.features);
        return state.pack();
      });
  return SoftmaxState::unpack(merged, shape.halves);
}

} // namespace quipu::codegen::cuda
