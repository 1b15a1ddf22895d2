//===- ArgMax.cpp - The most likely token of each row, on a CPU -----------------===//

#include "codegen/cpu/ArgMax.h"

#include "codegen/common/OpLocation.h"
#include "codegen/cpu/Emitters.h"

#include <limits>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// The order of a logit that is NaN or infinite. Also an index that no logit has.
static constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();

Type BestOfTiles::workspace(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return RankedTensorType::get({ShapedType::kDynamic, 2 * countOf(region, schedule)},
                               IntegerType::get(schedule.getContext(), 32));
}

Value BestOfTiles::reduce(vector::CombiningKind kind, Value vector) {
  return vector::ReductionOp::create(b, kind, vector);
}

Value BestOfTiles::lowestIndex(Value orders, Value order, Value indices) {
  int64_t count = lanesOf(orders);
  Value isBest = b.compare(arith::CmpIPredicate::eq, orders, b.splat(order, count));
  return reduce(vector::CombiningKind::MINSI, b.select(isBest, indices, b.splat(b.i32(kLargest), count)));
}

BestLogit BestOfTiles::of(Value logits, Value first) {
  int64_t count = lanesOf(logits);
  auto all = [&](int32_t value) { return b.splat(b.i32(value), count); };
  // This makes 0 of -0, which is equal to it.
  Value sum = b.addf(logits, b.splat(0.0f, count));
  Value bits = arith::BitcastOp::create(b, b.vectorOf(b.getI32Type(), count), sum);
  // Of two negative floats the larger one has the lower bits.
  Value sign = arith::ShRSIOp::create(b, bits, all(31));
  Value orders = arith::XOrIOp::create(b, bits, b.both(sign, all(kLargest)));
  constexpr int32_t kExponent = 0x7f800000;
  Value isNoNumber = b.compare(arith::CmpIPredicate::eq, b.both(bits, all(kExponent)), all(kExponent));
  orders = b.select(isNoNumber, all(kLargest), orders);

  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(count)));
  Value places = arith::ConstantOp::create(b, b.getI32VectorAttr(numbers));
  Value order = reduce(vector::CombiningKind::MAXSI, orders);
  Value firstIndex = arith::TruncIOp::create(b, b.getI32Type(), first);
  return {order, b.add(firstIndex, lowestIndex(orders, order, places))};
}

BestLogit BestOfTiles::better(const BestLogit &a, const BestLogit &c) {
  Value isLarger = b.compare(arith::CmpIPredicate::sgt, c.order, a.order);
  return {b.select(isLarger, c.order, a.order), b.select(isLarger, c.index, a.index)};
}

void BestOfTiles::store(const BestLogit &best, Value row, Value tile) {
  b.store(best.order, b.at(row, b.mul(tile, kBytes)), kBytes);
  b.store(best.index, b.at(row, b.mul(b.add(tile, tiles), kBytes)), kBytes);
}

Value BestOfTiles::choose(Value row) {
  auto load = [&](Value tile) {
    return b.load(b.vectorOf(b.getI32Type(), lanes), b.at(row, b.mul(tile, kBytes)), kBytes);
  };
  Value least = b.splat(b.i32(std::numeric_limits<int32_t>::min()), lanes);
  Value largest = b.splat(b.i32(kLargest), lanes);
  Value orders = b.loop(b.i64(0), b.i64(tiles), lanes, {least}, [&](Value tile, ValueRange carried) {
    return KernelBuilder::Values{b.max(carried[0], load(tile))};
  })[0];
  Value order = reduce(vector::CombiningKind::MAXSI, orders);
  Value orderInAll = b.splat(order, lanes);
  Value indices = b.loop(b.i64(0), b.i64(tiles), lanes, {largest}, [&](Value tile, ValueRange carried) {
    Value isBest = b.compare(arith::CmpIPredicate::eq, load(tile), orderInAll);
    Value index = b.select(isBest, load(b.add(tile, tiles)), largest);
    return KernelBuilder::Values{b.min(carried[0], index)};
  })[0];
  Value token = reduce(vector::CombiningKind::MINSI, indices);
  return b.select(b.compare(arith::CmpIPredicate::eq, order, kLargest), b.i32(-1), token);
}

void emitLinearFewChoice(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  OpLocation location(b, region.find<ArgMaxStage>()->op);
  KernelFrame frame(b, region.kernel, symbol);
  BestOfTiles best(b, region, schedule);
  b.loop(frame.begin, frame.end, 1, [&](Value row) {
    Value token = best.choose(b.at(frame.workspace(0), b.mul(row, best.rowBytes())));
    b.store(token, b.at(frame.result(1), b.mul(row, 4)), 4);
  });
}

} // namespace quipu::codegen::cpu
