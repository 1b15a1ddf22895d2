//===- LinearFew.cpp - Linear kernels for a handful of rows ------------------===//
//
// Reading the weight takes most of the time. A block computes 16 rows of the weight times up to `tokens` rows of the
// input. Its warps divide K. The weight goes from memory to registers and is used once. The input comes from L2 through
// shared memory:
//
//   request the first `ahead` pieces of the weight     (constant: before waiting for the kernel in front)
//   wait for the kernel in front
//   request the first rounds of the input, and what the epilogue will read
//   for each unit of K that is the warp's
//     sums += weight . (input * gain), squares += input^2; request the piece of the weight that takes the place
//   add up the warps' sums, scale by 1 / rms, epilogue
//
// A unit of K is what four lanes load with 16 bytes each. Let g = lane / 4 and q = lane % 4. A lane has chunk q of rows
// g and g + 8 of the weight and of row g of the input. In mma.m16n8k16 the weight is operand A and the input is operand
// B. The two halves of a chunk are the operands of two products. Their k are permuted, in the same way on both sides,
// so the sums are right. Columns of B do not mix. So shared memory of rows that do not exist may be uninitialised.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/OpLocation.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/linear/LinearEpilogue.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {
namespace {

/// Sizes that are known when the kernel is generated. Names with Bytes, Offset and Stride are in bytes of shared
/// memory.
struct Geometry {
  Geometry(LinearRegion &region, CudaLinearFewScheduleAttr schedule, const CudaTarget &target);

  int64_t inputs, tokens, warps;
  Type weight, source, input, gain;
  bool mma;
  /// Elements of the weight that a lane loads at once; elements of K in a unit.
  int64_t chunk, unit;
  /// Units of a warp: the first `longWarps` warps have units + 1, the others `units`. `mostUnits` is the greater of the
  /// two.
  int64_t units, longWarps, mostUnits;
  /// Units whose weights a thread has in flight.
  int64_t depth;
  /// The input is copied in rounds of `roundUnits` units. `buffers` rounds are in shared memory at once. A row of a
  /// round has `pieces` pieces of 16 bytes.
  int64_t roundUnits, rounds, buffers, pieces, tokenStride, bufferBytes;
  int64_t gainBytes, gainOffset, sumsOffset, squaresOffset, sharedBytes;

  /// Elements of a row of a warp's sums: 16 sums, and 4 to spread the rows over the banks.
  static constexpr int64_t kSumsStride = 20;

  /// Blocks that a multiprocessor shall run at once. Together they have 512 threads, so that a thread can have 128
  /// registers.
  static int64_t residentBlocks(int64_t warps) { return std::max<int64_t>(16 / warps, 1); }

  /// Whether unit number `index` of a warp may end behind the warp's part of K.
  bool isPartial(int64_t index) const {
    bool ragged = inputs % unit;
    return (index == mostUnits - 1 && (longWarps || ragged)) || (index == mostUnits - 2 && longWarps && ragged);
  }
  bool isEven() const { return !longWarps && inputs % unit == 0 && mostUnits % roundUnits == 0; }

private:
  void placeRounds(int64_t unitsOfRound);
};

Geometry::Geometry(LinearRegion &region, CudaLinearFewScheduleAttr schedule, const CudaTarget &target)
    : inputs(region.inputs()), tokens(schedule.getTokens()), warps(schedule.getWarps()),
      weight(getElementTypeOrSelf(region.linear.getWeight())), source(getElementTypeOrSelf(region.source())),
      input(getElementTypeOrSelf(region.linear.getInput())), mma(schedule.getDot() == CudaDot::Mma) {
  if (RMSNormOp norm = region.norm())
    gain = getElementTypeOrSelf(norm.getWeight());
  chunk = 16 / bytesOf(weight);
  unit = 4 * chunk;
  int64_t all = llvm::divideCeil(inputs, unit);
  units = all / warps;
  longWarps = all % warps;
  mostUnits = units + (longWarps ? 1 : 0);
  depth = std::clamp<int64_t>(schedule.getAhead() / 2, 1, mostUnits);
  gainBytes = gain ? llvm::alignTo(mostUnits * unit * bytesOf(gain), 16) : 0;

  // A round has as many units as a warp copies with one instruction for each row. It has fewer if otherwise
  // residentBlocks() blocks would not fit in shared memory. The main loop consumes whole rounds.
  int64_t equalShare = target.sharedBytes() / residentBlocks(warps);
  for (int64_t limit : {equalShare, int64_t(target.sharedBytes())})
    for (int64_t count = std::clamp<int64_t>(512 / (unit * bytesOf(source)), 1, depth); count > 0; --count) {
      if (mostUnits > depth && depth % count)
        continue;
      placeRounds(count);
      if (sharedBytes <= limit)
        return;
    }
}

void Geometry::placeRounds(int64_t unitsOfRound) {
  roundUnits = unitsOfRound;
  rounds = llvm::divideCeil(mostUnits, roundUnits);
  buffers = std::min<int64_t>(rounds, 2);
  pieces = roundUnits * unit * bytesOf(source) / 16;
  // Eight lanes read 16 bytes each of two rows at a time. The stride makes them read from different banks.
  int64_t stride = pieces;
  bool wide = chunk * bytesOf(source) == 32;
  while (wide ? stride % 2 != 1 : stride % 8 != 4)
    ++stride;
  tokenStride = 16 * stride;
  bufferBytes = tokens * tokenStride;
  gainOffset = warps * buffers * bufferBytes;
  sumsOffset = gainOffset + warps * gainBytes;
  squaresOffset = sumsOffset + warps * tokens * kSumsStride * 4;
  sharedBytes = squaresOffset + warps * tokens * 4;
}

class FewBody {
public:
  FewBody(CudaBuilder &b, LinearRegion &region, CudaLinearFewScheduleAttr schedule, const Geometry &size,
          const CudaFrame &frame)
      : b(b), region(region), size(size), frame(frame), epilogue(b, region, frame),
        scaleAfter(schedule.getScaleAfter()) {}

  void emit() {
    frame.letNextStart();
    placeThread();
    SmallVector<Slot> slots;
    for (int64_t i = 0; i < size.depth; ++i)
      slots.push_back(loadWeights(i));
    copyGain();

    frame.waitForPrevious();
    prepareRows();
    for (int64_t i = 0; i < size.buffers; ++i) {
      copyRound(b.i32(i));
      b.commitCopies();
    }
    SmallVector<Item, 0> items = prepareItems();
    if (region.norm() && !scaleAfter)
      computeScales();
    State state = multiply(std::move(slots));
    storeSums(state);
    b.barrier();
    for (Item &item : items)
      finish(item);
  }

private:
  using Values = CudaBuilder::Values;
  /// The lane's chunks of one unit of the weight: row g (low) and row g + 8 (high).
  struct Slot {
    Value low, high;
  };
  /// What the loop over units carries.
  struct State {
    SmallVector<Slot> slots;
    /// mma: fragments of C, `kChains` of each group of eight columns. fma: of each row of the input the sums of rows g
    /// and g + 8 of the weight.
    Values sums;
    /// Sums of squares: of row g of each group of eight, or of each row; each in several parts.
    Values squares;
  };
  /// A pair of weight rows and a row of the input that a thread finishes.
  struct Item {
    Value pair, token, row, exists;
    EpilogueOperands operands;
  };

  int64_t threads() { return 32 * size.warps; }
  int64_t groups() { return size.tokens / 8; }
  /// Independent sums (chains) of a group of columns. With several a product need not wait for the one before it. With
  /// a norm two are enough, because products wait for the norm anyway.
  int64_t chains() { return size.tokens > 8 || region.norm() ? 2 : 4; }
  static constexpr int64_t kSquareParts = 4;
  int64_t squareRows() { return size.mma ? groups() : size.tokens; }
  int64_t squareParts() { return size.mma ? kSquareParts : 1; }
  bool sumsSquares() { return region.norm() && scaleAfter; }

  //===--------------------------------------------------------------------===//
  // Place
  //===--------------------------------------------------------------------===//

  void placeThread() {
    lane = b.lane();
    warp = b.warp();
    g = b.div(lane, 4);
    q = b.rem(lane, 4);
    tile = frame.block(0);
    shared = b.shared();
    ring = b.at(shared, b.mul(warp, size.buffers * size.bufferBytes));
    Value firstUnit = b.mul(warp, size.units), count = b.i32(size.units);
    if (size.longWarps) {
      firstUnit = b.add(firstUnit, b.min(warp, b.i32(size.longWarps)));
      Value isLong = b.compare(arith::CmpIPredicate::slt, warp, size.longWarps);
      count = b.select(isLong, b.i32(size.units + 1), b.i32(size.units));
    }
    kBegin = b.mul(firstUnit, size.unit);
    kEnd = b.min(b.add(kBegin, b.mul(count, size.unit)), b.i32(size.inputs));

    Value weight = frame.argument(region.linear.getWeight());
    auto rowStart = [&](int64_t offset) {
      Value row = b.add(b.add(b.mul(tile, 16), g), offset);
      // Rows beyond N repeat the last one; the epilogue drops them.
      if (region.outputs() % 16)
        row = b.min(row, b.i32(region.outputs() - 1));
      return b.at(weight, b.mul(b.widen(row), size.inputs * bytesOf(size.weight)));
    };
    lowRow = rowStart(0);
    highRow = rowStart(8);
    kLane = b.add(kBegin, b.mul(q, size.chunk));
    lowStart = b.at(lowRow, b.mul(kLane, bytesOf(size.weight)));
    highStart = b.at(highRow, b.mul(kLane, bytesOf(size.weight)));
  }

  /// Finds the rows of the input that this block reads. Call it after the wait for the kernel in front.
  void prepareRows() {
    Value rows = region.rowCount(frame);
    firstRow = b.mul(frame.block(1), size.tokens);
    count = b.min(b.sub(rows, firstRow), b.i32(size.tokens));
    input = frame.argument(region.source());
    if (!region.gather())
      return;
    // A lane keeps the index of one row.
    Value index = b.add(firstRow, b.min(lane, b.sub(count, 1)));
    gathered = b.loadI32(b.at(frame.argument(region.gather().getRows()), b.mul(index, 4)));
  }

  /// Address of the input's row number `token` of this block. All lanes of a warp must call it together.
  Value inputRow(Value token) {
    Value row = region.gather() ? b.shuffleFrom(gathered, token) : b.add(firstRow, token);
    return b.at(input, b.mul(b.widen(row), size.inputs * bytesOf(size.source)));
  }

  //===--------------------------------------------------------------------===//
  // Loads and copies
  //===--------------------------------------------------------------------===//

  Slot loadWeights(int64_t index) {
    if (!size.isPartial(index))
      return loadWeights(lowStart, highStart, index);
    // Behind the end, load a chunk that exists. Its factors in the input are zeros.
    Value k = b.min(b.add(kLane, index * size.unit), b.i32(size.inputs - size.chunk));
    Value offset = b.mul(k, bytesOf(size.weight));
    return loadWeights(b.at(lowRow, offset), b.at(highRow, offset), 0);
  }

  Slot loadWeights(Value low, Value high, int64_t unitsBehind) {
    int64_t offset = unitsBehind * size.unit * bytesOf(size.weight);
    // `around`: bytes that L2 fetches. A long row is read further soon, so L2 may fetch more. A short row is requested
    // whole at once.
    int64_t around = size.mostUnits > size.depth ? 256 : 128;
    return {b.loadWeights16(low, offset, around), b.loadWeights16(high, offset, around)};
  }

  /// Starts copying the warp's part of the gain. It belongs to the same group of copies as the first round of the
  /// input.
  void copyGain() {
    if (!region.norm())
      return;
    OpLocation location(b, region.norm());
    gain = b.at(shared, b.add(b.mul(warp, size.gainBytes), size.gainOffset));
    Value from = frame.argument(region.norm().getWeight());
    int64_t elements = 16 / bytesOf(size.gain), all = size.gainBytes / 16;
    for (int64_t first = 0; first < all; first += 32) {
      Value piece = b.add(lane, first), k = b.add(kBegin, b.mul(piece, elements));
      auto copy = [&] {
        b.copyAsync16(b.at(gain, b.mul(piece, 16)), b.at(from, b.mul(k, bytesOf(size.gain))),
                      b.compare(arith::CmpIPredicate::slt, k, size.inputs));
      };
      if (all - first < 32)
        b.ifThen(b.compare(arith::CmpIPredicate::slt, piece, all), copy);
      else
        copy();
    }
  }

  Value buffer(Value round) { return size.buffers == 1 ? ring : b.at(ring, b.mul(b.rem(round, 2), size.bufferBytes)); }

  /// Starts copying round number `round` (i32) of the warp's part of the input. Behind the end of the part it writes
  /// zeros. `mayEnd`: the round may lie behind the end although all warps have equal parts.
  void copyRound(Value round, bool mayEnd = false) {
    int64_t rowsAtOnce = 32 / size.pieces;
    Value piece = b.rem(lane, size.pieces), rowOfLane = b.div(lane, size.pieces);
    Value k = b.add(b.add(kBegin, b.mul(round, size.roundUnits * size.unit)), b.mul(piece, 16 / bytesOf(size.source)));
    Value valid = size.isEven() && !mayEnd ? Value() : b.compare(arith::CmpIPredicate::slt, k, kEnd);
    Value from = b.mul(b.widen(k), bytesOf(size.source));
    Value to = b.at(buffer(round), b.mul(piece, 16));
    b.loop(b.i32(0), count, rowsAtOnce, [&](Value first) {
      Value token = b.add(first, rowOfLane);
      Value row = inputRow(token);
      auto copy = [&] { b.copyAsync16(b.at(to, b.mul(token, size.tokenStride)), b.at(row, from), valid); };
      if (size.pieces == 32)
        return copy();
      b.ifThen(b.both(b.compare(arith::CmpIPredicate::slt, token, count),
                      b.compare(arith::CmpIPredicate::slt, rowOfLane, rowsAtOnce)),
               copy);
    });
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  State multiply(SmallVector<Slot> slots) {
    State state;
    state.slots = std::move(slots);
    state.sums.assign(size.mma ? groups() * chains() * 4 : size.tokens * 2, b.f32(0.0f));
    if (sumsSquares())
      state.squares.assign(squareRows() * squareParts(), b.f32(0.0f));

    // Passes of the loop: in each the unit that takes over a slot exists for every slot.
    int64_t passes = (size.mostUnits - size.depth) / size.depth;
    // The units that may be partial stay outside the loop.
    while (passes > 0 && (size.isPartial((passes + 1) * size.depth - 1) || size.isPartial(passes * size.depth)))
      --passes;
    if (passes > 0) {
      Values carried = b.loop(b.i32(0), b.i32(passes), 1, join(state), [&](Value pass, ValueRange values) {
        State next = separate(values);
        Value behind = b.mul(b.add(pass, 1), size.depth * size.unit * bytesOf(size.weight));
        Value low = b.at(lowStart, behind), high = b.at(highStart, behind);
        Value firstUnit = b.mul(pass, size.depth);
        for (int64_t i = 0; i < size.depth; ++i) {
          consume(next, firstUnit, i, /*roundsLeft=*/std::nullopt);
          next.slots[i] = loadWeights(low, high, i);
        }
        return join(next);
      });
      state = separate(carried);
    }
    for (int64_t index = passes * size.depth; index < size.mostUnits; ++index) {
      int64_t slot = index % size.depth;
      consume(state, b.i32(passes * size.depth), index - passes * size.depth,
              size.rounds - passes * size.depth / size.roundUnits);
      if (index + size.depth < size.mostUnits)
        state.slots[slot] = loadWeights(index + size.depth);
    }
    return state;
  }

  Values join(const State &state) {
    Values values;
    for (const Slot &slot : state.slots)
      values.append({slot.low, slot.high});
    values.append(state.sums);
    values.append(state.squares);
    return values;
  }

  State separate(ValueRange values) {
    State state;
    for (int64_t i = 0; i < size.depth; ++i)
      state.slots.push_back({values[2 * i], values[2 * i + 1]});
    values = values.drop_front(2 * size.depth);
    size_t sums = values.size() - (sumsSquares() ? squareRows() * squareParts() : 0);
    state.sums.assign(values.begin(), values.begin() + sums);
    state.squares.assign(values.begin() + sums, values.end());
    return state;
  }

  /// Multiplies unit number `firstUnit + index` of the warp. Unit `firstUnit` (i32) begins a round. `roundsLeft`:
  /// number of rounds from there to the end; nullopt inside the loop, where it is not known.
  void consume(State &state, Value firstUnit, int64_t index, std::optional<int64_t> roundsLeft) {
    int64_t inRound = index % size.roundUnits, roundsBehind = index / size.roundUnits;
    Value round = b.add(b.div(firstUnit, size.roundUnits), roundsBehind);
    if (inRound == 0) {
      b.waitCopies(size.buffers - 1);
      b.warpBarrier();
    }
    Value at = b.add(firstUnit, index);
    Value place = b.at(buffer(round),
                       b.add(b.mul(q, size.chunk * bytesOf(size.source)), inRound * size.unit * bytesOf(size.source)));
    const Slot &slot = state.slots[index % size.depth];
    Values gains;
    if (region.norm())
      gains = b.loadRun(size.gain, size.chunk,
                        b.at(gain, b.mul(b.add(b.mul(at, size.unit), b.mul(q, size.chunk)), bytesOf(size.gain))));
    if (size.mma)
      multiplyMma(state, slot, place, gains, index);
    else
      multiplyFma(state, slot, place, gains);

    bool last = inRound == size.roundUnits - 1;
    if (last && size.buffers == 2) {
      if (!roundsLeft || roundsBehind + 2 < *roundsLeft) {
        // The buffer is free once all lanes have read it.
        b.warpBarrier();
        copyRound(b.add(round, 2), /*mayEnd=*/!roundsLeft);
      }
      b.commitCopies();
    }
  }

  /// The normalised values of a row of the input. If scaleAfter, the factor 1 / rms is left out; finish() multiplies by
  /// it.
  Values normalise(Values xs, ArrayRef<Value> gains, int64_t row, State &state) {
    OpLocation location(b, region.norm());
    for (auto [i, x] : llvm::enumerate(xs)) {
      if (sumsSquares()) {
        Value &sum = state.squares[row * squareParts() + i % squareParts()];
        sum = b.fma(x, x, sum);
      }
      Value scaled = sumsSquares() ? x : b.mulf(x, scales[row]);
      x = b.mulf(scaled, gains[i]);
    }
    return xs;
  }

  void multiplyMma(State &state, const Slot &slot, Value place, ArrayRef<Value> gains, int64_t index) {
    for (int64_t group = 0; group < groups(); ++group) {
      Value row = b.at(place, b.mul(b.add(g, 8 * group), size.tokenStride));
      Value x = region.norm() ? b.fromWords(b.packWords(size.input, normalise(b.loadRun(size.source, size.chunk, row),
                                                                              gains, group, state)))
                              : b.load16(row);
      for (int64_t step = 0; step < 2; ++step) {
        Value a[] = {b.extract(slot.low, 2 * step), b.extract(slot.high, 2 * step), b.extract(slot.low, 2 * step + 1),
                     b.extract(slot.high, 2 * step + 1)};
        int64_t chain = (2 * index + step) % chains();
        MutableArrayRef<Value> sums = MutableArrayRef<Value>(state.sums).slice((group * chains() + chain) * 4, 4);
        Values next = b.mma(size.weight, a, {b.extract(x, 2 * step), b.extract(x, 2 * step + 1)}, sums);
        llvm::copy(next, sums.begin());
      }
    }
  }

  void multiplyFma(State &state, const Slot &slot, Value place, ArrayRef<Value> gains) {
    Values low = b.unpackWords(size.weight, slot.low), high = b.unpackWords(size.weight, slot.high);
    for (int64_t token = 0; token < size.tokens; ++token) {
      Values xs = b.loadRun(size.source, size.chunk, b.at(place, token * size.tokenStride));
      if (region.norm())
        for (Value &x : xs = normalise(xs, gains, token, state))
          x = b.widenToF32(b.roundTo(size.input, x));
      Value &first = state.sums[2 * token], &second = state.sums[2 * token + 1];
      for (auto [i, x] : llvm::enumerate(xs)) {
        first = b.fma(low[i], x, first);
        second = b.fma(high[i], x, second);
      }
    }
  }

  //===--------------------------------------------------------------------===//
  // The factor 1 / rms in front of the products
  //===--------------------------------------------------------------------===//

  Value reciprocalRms(Value squares) {
    OpLocation location(b, region.norm());
    return b.reciprocalRms(squares, size.inputs, region.norm().getEps());
  }

  Value squaresOf(Value warp, Value token) {
    return b.at(shared, b.add(b.mul(b.add(b.mul(warp, size.tokens), token), 4), size.squaresOffset));
  }

  Value totalSquares(Value token) {
    Value place = squaresOf(b.i32(0), token), total = b.load(b.getF32Type(), place, 4);
    for (int64_t i = 1; i < size.warps; ++i)
      total = b.addf(total, b.load(b.getF32Type(), b.at(place, i * size.tokens * 4), 4));
    return total;
  }

  /// Computes 1 / rms before the products. It is for types of elements that x * gain could overflow. It costs a pass
  /// over the input.
  void computeScales() {
    int64_t elements = 16 / bytesOf(size.source);
    b.loop(b.i32(0), count, 1, [&](Value token) {
      Value row = inputRow(token);
      Values sum = b.loop(b.mul(b.thread(), elements), b.i32(size.inputs), threads() * elements, {b.f32(0.0f)},
                          [&](Value k, ValueRange carried) {
                            Value total = carried[0];
                            for (Value x : b.loadRun(size.source, elements, b.at(row, b.mul(k, bytesOf(size.source)))))
                              total = b.fma(x, x, total);
                            return Values{total};
                          });
      Value all = b.sumLanes(sum[0]);
      b.ifThen(b.compare(arith::CmpIPredicate::eq, lane, 0), [&] { b.store(all, squaresOf(warp, token), 4); });
    });
    b.barrier();
    for (int64_t row = 0; row < squareRows(); ++row)
      scales.push_back(reciprocalRms(totalSquares(size.mma ? b.add(g, 8 * row) : b.i32(row))));
  }

  //===--------------------------------------------------------------------===//
  // Sums of the block
  //===--------------------------------------------------------------------===//

  Value sumOf(Value warp, Value token, Value weightRow) {
    Value row = b.mul(b.add(b.mul(warp, size.tokens), token), Geometry::kSumsStride);
    return b.at(shared, b.add(b.mul(b.add(row, weightRow), 4), size.sumsOffset));
  }

  void storeSums(State &state) {
    auto storeSum = [&](Value sum, Value token, Value weightRow) { b.store(sum, sumOf(warp, token, weightRow), 4); };
    if (size.mma) {
      for (int64_t group = 0; group < groups(); ++group)
        for (int64_t i = 0; i < 4; ++i) {
          Value sum = state.sums[group * chains() * 4 + i];
          for (int64_t chain = 1; chain < chains(); ++chain)
            sum = b.addf(sum, state.sums[(group * chains() + chain) * 4 + i]);
          storeSum(sum, b.add(b.mul(q, 2), 8 * group + i % 2), b.add(g, i / 2 * 8));
        }
    } else {
      for (Value &sum : state.sums)
        sum = b.sumLanes(sum, 4);
      b.ifThen(b.compare(arith::CmpIPredicate::eq, q, 0), [&] {
        for (auto [i, sum] : llvm::enumerate(state.sums))
          storeSum(sum, b.i32(i / 2), b.add(g, i % 2 * 8));
      });
    }
    if (!sumsSquares())
      return;
    Values squares;
    for (int64_t row = 0; row < squareRows(); ++row) {
      Value sum = state.squares[row * squareParts()];
      for (int64_t part = 1; part < squareParts(); ++part)
        sum = b.addf(sum, state.squares[row * squareParts() + part]);
      squares.push_back(b.sumLanes(sum, 4));
    }
    // mma: a row of the input in the lanes of each g. fma: every row in all lanes.
    b.ifThen(b.compare(arith::CmpIPredicate::eq, size.mma ? q : lane, 0), [&] {
      for (auto [row, sum] : llvm::enumerate(squares))
        b.store(sum, squaresOf(warp, size.mma ? b.add(g, 8 * row) : b.i32(row)), 4);
    });
  }

  SmallVector<Item, 0> prepareItems() {
    SmallVector<Item, 0> items;
    for (int64_t first = 0; first < 8 * size.tokens; first += threads()) {
      Item item;
      Value number = b.add(b.thread(), first);
      item.pair = b.rem(number, 8);
      item.token = b.div(number, 8);
      item.row = b.add(firstRow, item.token);
      item.exists = b.compare(arith::CmpIPredicate::slt, item.token, count);
      item.operands = epilogue.load(tile, item.pair, 1, item.row, item.exists);
      items.push_back(item);
    }
    return items;
  }

  void finish(Item &item) {
    b.ifThen(item.exists, [&] {
      Value place = sumOf(b.i32(0), item.token, item.pair), first, second;
      for (int64_t i = 0; i < size.warps; ++i) {
        auto add = [&](Value &total, int64_t offset) {
          Value sum = b.load(b.getF32Type(), b.at(place, i * size.tokens * Geometry::kSumsStride * 4 + offset), 4);
          total = total ? b.addf(total, sum) : sum;
        };
        add(first, 0);
        add(second, 8 * 4);
      }
      if (sumsSquares()) {
        Value scale = reciprocalRms(totalSquares(item.token));
        first = b.mulf(first, scale);
        second = b.mulf(second, scale);
      }
      epilogue.store(tile, EpilogueValues{item.pair, item.row, Value(), {first}, {second}, item.operands});
    });
  }

  CudaBuilder &b;
  LinearRegion &region;
  const Geometry &size;
  const CudaFrame &frame;
  LinearEpilogue epilogue;
  bool scaleAfter;
  Value lane, warp, g, q, tile, shared, ring, gain;
  /// The warp's part of K; the lane's first k.
  Value kBegin, kEnd, kLane;
  /// Rows g and g + 8 of the tile, and the lane's first chunks of them.
  Value lowRow, highRow, lowStart, highStart;
  Value firstRow, count, input, gathered;
  /// 1 / rms of the rows that a lane multiplies. Empty if the factor follows later (scaleAfter).
  Values scales;
};

} // namespace

FailureOr<CudaBody> emitLinearFew(CudaBuilder &b, LinearRegion &region, CudaLinearFewScheduleAttr schedule,
                                  const GeneratedKernel &generated) {
  KernelOp kernel = region.kernel;
  if (failed(LinearEpilogue::check(region)))
    return failure();
  Geometry size(region, schedule, b.target);
  if (size.mma && (size.weight != size.input || size.weight.isF32()))
    return kernel.emitOpError() << "multiplies " << size.input << " by " << size.weight
                                << "; tensor cores need two operands of one 16-bit type: dot = fma does the others";
  int64_t narrowest = std::min(bytesOf(size.source), bytesOf(size.weight));
  int64_t multiple = 16 / (size.gain ? std::min(narrowest, bytesOf(size.gain)) : narrowest);
  if (size.inputs % multiple)
    return kernel.emitOpError() << "multiplies rows of " << size.inputs << " elements; CUDA kernels need a multiple of "
                                << multiple << " for this type";
  if (size.sharedBytes > b.target.sharedBytes())
    return kernel.emitOpError() << "needs " << size.sharedBytes << " bytes of shared memory with schedule " << schedule
                                << ", but a block of " << b.target.arch << " has " << b.target.sharedBytes();
  GeneratedEntry entry{cudaSymbol(generated.name), LinearEpilogue::countTiles(region), region.rows,
                       schedule.getTokens()};
  entry.threads = 32 * schedule.getWarps();
  entry.sharedBytes = size.sharedBytes;
  CudaBody body{entry, [region, schedule, size](CudaBuilder &b, const CudaFrame &frame) mutable {
                  FewBody(b, region, schedule, size, frame).emit();
                }};
  // This bounds registers, so that a multiprocessor can run as many blocks as intended. There is no bound for fma: its
  // sums alone need more registers, and it only serves to check the others.
  if (size.mma)
    body.residentBlocks = Geometry::residentBlocks(size.warps);
  return body;
}

} // namespace quipu::codegen::cuda
