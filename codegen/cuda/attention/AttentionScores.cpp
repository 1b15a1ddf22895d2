//===- AttentionScores.cpp - The running softmax of many rows ---------------===//

#include "codegen/cuda/attention/AttentionScores.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void AttentionScores::enterRun(Value commonPosition, Value lastPosition) {
  common = commonPosition;
  if (window)
    first = b.sub(lastPosition, *window - 1);
}

AttentionScores::Values AttentionScores::mask(Value tile, ArrayRef<Value> scores, function_ref<Value()> findLane,
                                              function_ref<Value(int64_t)> rowOf) {
  Value partly = b.compare(Predicate::slt, common, b.add(tile, keys - 1));
  if (window)
    partly = arith::OrIOp::create(b, partly, b.compare(Predicate::slt, tile, first));
  return b.ifElse(
      partly,
      [&] {
        Values masked(scores);
        Value lane = findLane();
        for (int64_t half = 0; half < halves; ++half) {
          Value row = rowOf(half);
          Value position = b.select(rows.inRun(row), rows.position(row), b.i32(-1));
          // Number of the last key that the row sees, counted from the thread's first key of the tile.
          Value span = b.sub(b.sub(position, tile), b.mul(b.rem(lane, 4), 2));
          for (int64_t i = 0; i < keys / 4; ++i) {
            int64_t key = i / 2 * 8 + i % 2;
            Value &score = masked[scoreOf(half, i)];
            // In a window, as unsigned numbers: 0 <= distance < window.
            Value seen =
                window ? b.compare(Predicate::ult, b.sub(span, key), *window) : b.compare(Predicate::sge, span, key);
            score = b.select(seen, score, b.f32(kMaskedScore));
          }
        }
        return masked;
      },
      [&] { return Values(scores); });
}

AttentionScores::Growth AttentionScores::findGrowth(ArrayRef<Value> scores, ArrayRef<Value> references) {
  Growth growth;
  Value isTooFar = b.compare(Predicate::ne, b.i32(0), 0);
  for (int64_t half = 0; half < halves; ++half) {
    Value score = scores[scoreOf(half, 0)];
    for (int64_t i = 1; i < keys / 4; ++i)
      score = b.maxf(score, scores[scoreOf(half, i)]);
    Value above = b.fma(score, b.f32(factor), b.negf(references[half]));
    above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, above, b.f32(kGrowth));
    isTooFar = arith::OrIOp::create(b, isTooFar, above);
    growth.greatest.push_back(score);
  }
  growth.isTooFar = NVVM::VoteSyncOp::create(b, b.getI1Type(), b.i32(-1), isTooFar, NVVM::VoteSyncKind::any);
  return growth;
}

Value AttentionScores::raise(Value reference, Value greatest) {
  Value score = b.maxLanes(greatest, 4);
  Value above = b.fma(score, b.f32(factor), b.negf(reference));
  Value isTooFar = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, above, b.f32(kGrowth));
  return b.select(isTooFar, b.mulf(score, b.f32(factor)), reference);
}

} // namespace quipu::codegen::cuda
