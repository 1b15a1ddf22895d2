//===- LogProb.cpp - Probabilities of given tokens, on a CPU --------------------===//

#include "codegen/cpu/LogProb.h"

#include "codegen/common/Logarithm.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cpu/Emitters.h"

#include <limits>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Where a maximum begins. It is finite, so that the difference of a logit of minus infinity is no NaN.
static constexpr float kLowest = std::numeric_limits<float>::lowest();

Type SoftmaxOfTiles::workspace(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return RankedTensorType::get({ShapedType::kDynamic, 2 * countOf(region, schedule) + 1},
                               Float32Type::get(schedule.getContext()));
}

void SoftmaxOfTiles::keep(ArrayRef<Value> logits, Value row, Value tile) {
  Value largest = b.f32(kLowest), sum = b.f32(0.0f);
  for (Value vector : logits)
    largest = b.maxf(largest, b.maxLanes(vector));
  for (Value vector : logits)
    sum = b.addf(sum, b.sumLanes(b.exp(b.subf(vector, b.splat(largest, lanesOf(vector))))));
  b.store(largest, b.at(row, b.mul(tile, kBytes)), kBytes);
  b.store(sum, b.at(row, b.mul(b.add(tile, tiles), kBytes)), kBytes);
}

void SoftmaxOfTiles::keepTarget(Value logits, Value first, Value target, Value row) {
  int64_t count = lanesOf(logits);
  Value place = b.sub(target, first);
  // Without signs a negative place is a large one.
  b.ifThen(b.compare(arith::CmpIPredicate::ult, place, count), [&] {
    Value logit = vector::ExtractOp::create(
        b, logits, OpFoldResult(arith::IndexCastOp::create(b, b.getIndexType(), place).getResult()));
    b.store(logit, placeOfTarget(row), kBytes);
  });
}

Value SoftmaxOfTiles::score(Value row, Value target) {
  auto load = [&](Value tile) { return b.loadF32(b.getF32Type(), b.at(row, b.mul(tile, kBytes)), lanes); };
  Value maxima = b.loop(b.i64(0), b.i64(tiles), lanes, {b.splat(kLowest, lanes)}, [&](Value tile, ValueRange carried) {
    return KernelBuilder::Values{b.maxf(carried[0], load(tile))};
  })[0];
  Value largest = b.maxLanes(maxima), inAll = b.splat(largest, lanes);
  Value sums = b.loop(b.i64(0), b.i64(tiles), lanes, {b.splat(0.0f, lanes)}, [&](Value tile, ValueRange carried) {
    Value factor = b.exp(b.subf(load(tile), inAll));
    return KernelBuilder::Values{b.fma(load(b.add(tile, tiles)), factor, carried[0])};
  })[0];
  Value logit = b.load(b.getF32Type(), placeOfTarget(row), kBytes);
  Value score = b.subf(b.subf(logit, largest), logarithm(b, b.sumLanes(sums)));
  return b.select(b.compare(arith::CmpIPredicate::sge, target, 0), score, b.f32(0.0f));
}

void emitLinearFewScores(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  OpLocation location(b, region.find<LogProbStage>()->op);
  KernelFrame frame(b, region.kernel, symbol);
  SoftmaxOfTiles softmax(b, region, schedule);
  LogProbOp op = region.find<LogProbStage>()->op;
  b.loop(frame.begin, frame.end, 1, [&](Value row) {
    Value target = b.loadI32(b.at(frame.argument(op.getTargets()), b.mul(row, 4)));
    Value score = softmax.score(b.at(frame.workspace(0), b.mul(row, softmax.rowBytes())), target);
    b.store(score, b.at(frame.result(0), b.mul(row, 4)), 4);
  });
}

} // namespace quipu::codegen::cpu
