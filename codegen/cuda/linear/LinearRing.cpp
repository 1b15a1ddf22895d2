//===- LinearRing.cpp - The producer of a ring of weights --------------------===//
//
// Blocks get their units in two ways. The first `rounds` units of a block are settled: they follow from the number of
// the block. So the ring fills while the kernel in front still runs. The block draws its other units, one after the
// other, from a counter. The reason: multiprocessors do not get equal shares of the memory's bandwidth. With equal
// shares of the work the fastest would wait for the slowest a fifth of the time.
//
// Draws begin after the wait for the kernel in front. By then no other launch of the same kernel can be running. Each
// draw is made two units before it is needed. So a block's last two draws give no unit, and the number of draws is the
// same in every launch. The last draw of a launch sets the counter back to 0.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/linear/LinearRing.h"

#include "codegen/cuda/linear/LinearEpilogue.h"
#include "codegen/cuda/vocabulary/BulkCopies.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Values = CudaBuilder::Values;
using Predicate = CudaBuilder::Predicate;

RingGeometry::RingGeometry(LinearRegion &region, CudaLinearRingScheduleAttr schedule, const CudaTarget &target)
    : inputs(region.inputs()), warps(schedule.getWarps()), stages(schedule.getStages()),
      depth(std::min(schedule.getDepth(), inputs)) {
  constexpr int64_t kMostBatch = 32, kMostSettled = 6;
  pieces = llvm::divideCeil(inputs, depth);
  units = LinearEpilogue::countTiles(region) * kUnitsOfTile;
  blocks = std::min<int64_t>(units, target.multiprocessors());
  rounds = llvm::divideCeil(units, blocks);
  if (rounds > kMostSettled)
    rounds = llvm::divideCeil(stages, pieces);
  batch = std::min({units, kMostBatch, threads() / kUnitPairs});
  inputOffset = stages * slotBytes();
  sumsOffset = inputOffset + inputBytes();
  squaresOffset = sumsOffset + batch * sumsStride();
  unitsOffset = squaresOffset + warps * 4;
  fullOffset = llvm::alignTo(unitsOffset + stages * 4, Barriers::kBytes);
  emptyOffset = fullOffset + stages * Barriers::kBytes;
  sharedBytes = emptyOffset + stages * Barriers::kBytes;
}

Values RingGeometry::forPieces(CudaBuilder &b, Values carried,
                               llvm::function_ref<Values(int64_t, Value, ValueRange)> body) const {
  int64_t whole = lastDepth() == depth ? pieces : pieces - 1;
  if (whole == 1)
    carried = body(depth, b.i32(0), carried);
  else if (whole > 1)
    carried = b.loop(b.i32(0), b.i32(whole * depth), depth, carried, [&](Value k, ValueRange values) {
      b.keepLoop();
      return body(depth, k, values);
    });
  return whole == pieces ? carried : body(lastDepth(), b.i32(whole * depth), carried);
}

namespace {

class RingProducer {
public:
  RingProducer(CudaBuilder &b, LinearRegion &region, CudaLinearRingScheduleAttr schedule, const RingGeometry &size,
               const CudaFrame &frame, WeightRing &ring, StringRef counter)
      : b(b), region(region), schedule(schedule), size(size), frame(frame), ring(ring), counter(counter) {}

  void emit() {
    lane = b.lane();
    isFirst = b.compare(Predicate::eq, lane, 0);
    constexpr int64_t kHalf = RingGeometry::kUnitPairs;
    rowInTile = b.add(lane, b.select(b.compare(Predicate::slt, lane, kHalf), b.i32(0), b.i32(kHalf)));
    to = b.at(ring.shared, b.mul(lane, size.slotStride()));

    State start{RingPlace::ofWriter(b), RingPlace::ofReader(b), b.i32(0), b.i32(0), {b.i32(0), b.i32(0)}};
    Values state = b.loop(b.i32(0), b.i32(size.rounds), 1, join(start), [&](Value round, ValueRange carried) {
      b.keepLoop();
      Value unit = b.add(frame.block(0), b.mul(round, size.blocks));
      auto settled = [&] { return requestUnit(unit, Values(carried), /*isSettled=*/true); };
      if (size.rounds * size.blocks <= size.units)
        return settled();
      return b.ifElse(b.compare(Predicate::slt, unit, size.units), settled, [&] { return Values(carried); });
    });
    if (size.drawsUnits())
      state = requestDrawn(state);
    RingPlace end = separate(state).fill;
    ring.empty.wait(end.stage, end.parity);
    announce(b.i32(RingGeometry::kNoUnit), end.stage, 0);
  }

private:
  /// What the loops over units and pieces carry.
  struct State {
    /// The place to fill next, and the place of the oldest piece that may be in flight.
    RingPlace fill, oldest;
    /// Number of pieces requested, and of pieces that are known to have arrived (i32).
    Value requested, landed;
    /// The next two numbers that were drawn and not yet used. They are valid in lane 0.
    Value draws[2];
  };
  static Values join(const State &state) {
    return {state.fill.stage, state.fill.parity, state.oldest.stage, state.oldest.parity,
            state.requested,  state.landed,      state.draws[0],     state.draws[1]};
  }
  static State separate(ValueRange values) {
    return {{values[0], values[1]}, {values[2], values[3]}, values[4], values[5], {values[6], values[7]}};
  }

  /// Requests the pieces of a unit. The wait for the kernel in front comes between two pieces of a settled unit.
  Values requestUnit(Value unit, Values carried, bool isSettled) {
    Value row = b.add(b.mul(b.div(unit, RingGeometry::kUnitsOfTile), 16),
                      b.mul(b.rem(unit, RingGeometry::kUnitsOfTile), RingGeometry::kUnitPairs));
    // Rows beyond N repeat the last one; the epilogue drops them.
    row = b.min(b.add(row, rowInTile), b.i32(region.outputs() - 1));
    Value from = b.at(frame.argument(region.linear.getWeight()), b.mul(b.widen(row), size.inputs * 2));
    return size.forPieces(b, carried, [&](int64_t depth, Value k, ValueRange values) {
      State state = separate(values);
      if (isSettled)
        waitForPrevious(state);
      ring.empty.wait(state.fill.stage, state.fill.parity);
      waitForOldest(state, isSettled);
      announce(unit, state.fill.stage, RingGeometry::kUnitRows * depth * 2);
      b.warpBarrier();
      // A lane requests a row.
      b.ifThen(b.compare(Predicate::slt, lane, RingGeometry::kUnitRows), [&] {
        copyBytes(b, b.at(to, b.mul(state.fill.stage, size.slotBytes())), b.at(from, b.mul(b.widen(k), 2)),
                  b.i32(depth * 2), ring.full.at(state.fill.stage));
      });
      state.fill = state.fill.next(b, size.stages);
      state.requested = b.add(state.requested, 1);
      return join(state);
    });
  }

  /// Number of pieces that are requested before the kernel in front has finished.
  int64_t early() { return size.stages - schedule.getAfterWait(); }

  void waitForPrevious(State &state) {
    Values draws = b.ifElse(
        b.compare(Predicate::eq, state.requested, early()),
        [&] {
          frame.waitForPrevious();
          return size.drawsUnits() ? Values{draw(), draw()} : Values{state.draws[0], state.draws[1]};
        },
        [&] { return Values{state.draws[0], state.draws[1]}; });
    llvm::copy(draws, state.draws);
  }

  /// Waits for the oldest piece if too many pieces are in flight.
  void waitForOldest(State &state, bool isSettled) {
    Value most = b.i32(schedule.getInFlight());
    if (isSettled)
      most =
          b.select(b.compare(Predicate::slt, state.requested, early()), b.i32(schedule.getInFlightBeforeWait()), most);
    Values after = b.ifElse(
        b.compare(Predicate::sge, b.sub(state.requested, state.landed), most),
        [&] {
          ring.full.wait(state.oldest.stage, state.oldest.parity);
          RingPlace next = state.oldest.next(b, size.stages);
          return Values{next.stage, next.parity, b.add(state.landed, 1)};
        },
        [&] { return Values{state.oldest.stage, state.oldest.parity, state.landed}; });
    state.oldest = {after[0], after[1]};
    state.landed = after[2];
  }

  /// Stores the number of the unit beside the buffer, and tells the barrier how many bytes will arrive.
  void announce(Value unit, Value stage, int64_t bytes) {
    b.ifThen(isFirst, [&] {
      b.store(unit, b.at(ring.shared, b.add(b.mul(stage, 4), size.unitsOffset)), 4);
      ring.full.arriveExpecting(bytes, stage);
    });
  }

  Values requestDrawn(ArrayRef<Value> initial) {
    return b.repeat(initial, [&](ValueRange carried) -> std::pair<Value, Values> {
      State state = separate(carried);
      Value unit = b.add(b.shuffleFrom(state.draws[0], b.i32(0)), size.rounds * size.blocks);
      Value exists = b.compare(Predicate::slt, unit, size.units);
      Values next = b.ifElse(
          exists,
          [&] {
            state.draws[0] = state.draws[1];
            state.draws[1] = draw();
            return requestUnit(unit, join(state), /*isSettled=*/false);
          },
          [&] { return Values(carried); });
      return {exists, next};
    });
  }

  /// Draws the next number, counted from 0 (i32, valid in lane 0). Every block draws two numbers that give no unit.
  Value draw() {
    int64_t draws = size.units - size.rounds * size.blocks + 2 * size.blocks;
    Value address = LLVM::AddressOfOp::create(b, b.pointerType(1), counter);
    return ptx::countIfZero(b, lane, address, b.i32(draws - 1));
  }

  CudaBuilder &b;
  LinearRegion &region;
  CudaLinearRingScheduleAttr schedule;
  const RingGeometry &size;
  const CudaFrame &frame;
  WeightRing &ring;
  StringRef counter;
  Value lane, isFirst;
  /// The lane's row of a unit, counted from the first row of the unit's pairs. Address in buffer 0 where this row goes.
  Value rowInTile, to;
};

} // namespace

void emitRingProducer(CudaBuilder &b, LinearRegion &region, CudaLinearRingScheduleAttr schedule,
                      const RingGeometry &size, const CudaFrame &frame, WeightRing &ring, StringRef counter) {
  RingProducer(b, region, schedule, size, frame, ring, counter).emit();
}

} // namespace quipu::codegen::cuda
