//===- RowSoftmax.cpp - Probabilities of given tokens -----------------------===//

#include "codegen/cuda/linear/RowSoftmax.h"

#include "codegen/common/Logarithm.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/linear/ManyTiles.h"

#include <limits>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Predicate = CudaBuilder::Predicate;
using Values = CudaBuilder::Values;

/// Where a maximum begins. It is finite, so that the difference of a logit of minus infinity is no NaN.
static constexpr float kLowest = std::numeric_limits<float>::lowest();
/// Bytes of a number, and of a part: its maximum and its sum.
static constexpr int64_t kBytes = 4, kPartBytes = 2 * kBytes;

int64_t RowSoftmax::countParts(LinearRegion &region, CudaLinearManyScheduleAttr schedule) {
  return columnTiles(schedule, region.outputs()) * (schedule.getRows() / rowsOfQuad(schedule));
}

Type RowSoftmax::workspace(LinearRegion &region, CudaLinearManyScheduleAttr schedule) {
  return RankedTensorType::get({ShapedType::kDynamic, rowBytes(countParts(region, schedule)) / kBytes},
                               Float32Type::get(schedule.getContext()));
}

Value RowSoftmax::rowOf(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, int64_t parts, Value row) {
  auto last = static_cast<unsigned>(KernelOp(region.kernel).getWorkspace()->size() - 1);
  return b.at(frame.workspace(last), b.mul(b.widen(row), rowBytes(parts)));
}

RowSoftmax::Part RowSoftmax::none() { return {b.f32(kLowest), b.f32(0.0f)}; }

void RowSoftmax::keepTarget(Value target, Value feature, ArrayRef<Value> logits, Value exists, Value row) {
  Value place = b.sub(target, feature);
  // Without signs a negative place is a large one.
  Value isHere = b.compare(Predicate::ult, place, static_cast<int64_t>(logits.size()));
  b.ifThen(exists ? b.both(isHere, exists) : isHere, [&] {
    Value logit = logits.front();
    for (auto [i, other] : llvm::enumerate(logits.drop_front()))
      logit = b.select(b.compare(Predicate::eq, place, static_cast<int64_t>(i) + 1), other, logit);
    b.store(logit, b.at(rowOf(row), countParts(region, schedule) * kPartBytes), kBytes);
  });
}

RowSoftmax::Part RowSoftmax::add(const Part &part, Value tile, Value present, const EpilogueValues &values) {
  PairValues sums = epilogue.logits(tile, values);
  Value target = epilogue.target(values), exists = values.valid;
  if (present)
    exists = exists ? b.both(exists, present) : present;
  Value first = b.add(b.mul(tile, 16), values.pair);
  Values logits;
  auto take = [&](Value feature, ArrayRef<Value> run) {
    if (run.empty())
      return;
    keepTarget(target, feature, run, exists, values.row);
    for (auto [i, logit] : llvm::enumerate(run)) {
      Value counts = present;
      if (region.outputs() % 16) {
        Value inWeight = b.compare(Predicate::slt, b.add(feature, static_cast<int64_t>(i)), region.outputs());
        counts = counts ? b.both(counts, inWeight) : inWeight;
      }
      logits.push_back(counts ? b.select(counts, logit, b.f32(-std::numeric_limits<float>::infinity())) : logit);
    }
  };
  take(first, sums.first);
  take(b.add(first, 8), sums.second);
  Value largest = part.largest;
  for (Value logit : logits)
    largest = b.maxf(largest, logit);
  Value sum = b.mulf(part.sum, b.exp(b.subf(part.largest, largest)));
  for (Value logit : logits)
    sum = b.addf(sum, b.exp(b.subf(logit, largest)));
  return {largest, sum};
}

void RowSoftmax::store(const Part &part, Value tile, const EpilogueValues &values) {
  constexpr int64_t kQuad = 4;
  Value largest = b.maxLanes(part.largest, kQuad);
  Value sum = b.sumLanes(b.mulf(part.sum, b.exp(b.subf(part.largest, largest))), kQuad);
  Value stores = b.compare(Predicate::eq, b.rem(b.lane(), kQuad), 0);
  b.ifThen(values.valid ? b.both(stores, values.valid) : stores, [&] {
    Value number = b.div(tile, rowsOfQuad(schedule) / 16);
    b.storeRun(b.getF32Type(), {largest, sum}, b.at(rowOf(values.row), b.mul(b.widen(number), kPartBytes)));
  });
}

/// A warp for each row.
class ScoresBody {
public:
  static constexpr int64_t kWarps = 8;

  ScoresBody(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule, const CudaFrame &frame)
      : b(b), region(region), frame(frame), parts(RowSoftmax::countParts(region, schedule)) {}

  void emit() {
    OpLocation location(b, region.find<LogProbStage>()->op);
    frame.letNextStart();
    Value row = b.add(b.mul(frame.block(1), kWarps), b.warp());
    frame.waitForPrevious();
    b.ifThen(b.compare(Predicate::slt, row, region.rowCount(frame)), [&] { score(row); });
  }

private:
  void score(Value row) {
    Value parts = RowSoftmax::rowOf(b, region, frame, this->parts, row);
    Values ofLane =
        b.loop(b.lane(), b.i32(this->parts), 32, {b.f32(kLowest), b.f32(0.0f)}, [&](Value number, ValueRange before) {
          Values part = b.loadRun(b.getF32Type(), 2, b.at(parts, b.mul(b.widen(number), kPartBytes)));
          Value largest = b.maxf(before[0], part[0]);
          return Values{largest, b.addf(scaled(before[1], before[0], largest), scaled(part[1], part[0], largest))};
        });
    Value largest = b.maxLanes(ofLane[0]), sum = b.sumLanes(scaled(ofLane[1], ofLane[0], largest));
    b.ifThen(b.compare(Predicate::eq, b.lane(), 0), [&] {
      LogProbOp op = region.find<LogProbStage>()->op;
      Value place = b.mul(b.widen(row), kBytes);
      Value target = b.loadI32(b.at(frame.argument(op.getTargets()), place));
      Value logit = b.loadF32(b.getF32Type(), b.at(parts, this->parts * kPartBytes));
      Value score = b.subf(b.subf(logit, largest), logarithm(b, sum));
      Value hasTarget = b.compare(Predicate::sge, target, 0);
      b.storeF32(b.select(hasTarget, score, b.f32(0.0f)), b.getF32Type(), b.at(frame.result(0), place));
    });
  }

  /// A sum of exp(logit - from) as one of exp(logit - to).
  Value scaled(Value sum, Value from, Value to) { return b.mulf(sum, b.exp(b.subf(from, to))); }

  CudaBuilder &b;
  LinearRegion &region;
  const CudaFrame &frame;
  int64_t parts;
};

CudaBody emitScores(LinearRegion &region, CudaLinearManyScheduleAttr schedule, const GeneratedKernel &generated) {
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name, ".scores");
  entry.rows = region.rows;
  entry.threads = 32 * ScoresBody::kWarps;
  entry.rowsPerBlock = ScoresBody::kWarps;
  return CudaBody{entry, [region, schedule](CudaBuilder &b, const CudaFrame &frame) mutable {
                    ScoresBody(b, region, schedule, frame).emit();
                  }};
}

} // namespace quipu::codegen::cuda
