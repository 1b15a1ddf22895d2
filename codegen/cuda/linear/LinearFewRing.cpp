//===- LinearFewRing.cpp - Linear kernels for a row, weights through a ring --------===//
//
// For one row of the step, reading the weight takes nearly all the time. So it must never stop. Each multiprocessor has
// one block. One warp of it is the producer (LinearRing.cpp): it has pieces of the weight copied into a ring of buffers
// in shared memory. The other warps are consumers: they multiply.
//
//   producer                                      consumers, `warps` of them
//     for each unit, for each piece of K:           wait for the kernel in front
//       wait until the buffer is empty, and until   the input, times the gain, into shared memory; sum of its squares
//         few enough pieces are in flight           for each unit:
//       request the piece's 8 rows                    for each piece of K:
//                                                       wait until the buffer is full
//                                                       sums += weight . input over the warp's part of the piece
//                                                     leave the sums in shared memory
//                                                   add up the warps' sums, scale by 1 / rms, epilogue
//
// Memory must not idle between two kernels. So a multiprocessor has room for the blocks of two kernels, and the ring of
// the next kernel fills while this one runs. The last `afterWait` buffers of the ring stay empty until this kernel has
// finished: their pieces are requested then, together with the input.
//
// A piece is in flight from the request until all its bytes have arrived. At most `inFlight` pieces are in flight at a
// time, and at most `inFlightBeforeWait` before the kernel in front has finished. That is enough for the full rate of
// memory. With more, every other load would wait behind them, also those of other kernels.
//
// In mma.m16n8k16 the input is operand A and the weight is operand B. Let g = lane / 4 and q = lane % 4. From 32
// elements of K a lane loads chunk q, 16 bytes, of row g of the weight and of the input. These are the operands of two
// products. Their k are permuted, in the same way on both sides, so the sums are right. Operand A has 16 rows, but only
// the first is used: the rows of a product do not mix.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/OpLocation.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/linear/LinearEpilogue.h"
#include "codegen/cuda/linear/LinearRing.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {
namespace {

using Values = CudaBuilder::Values;
using Predicate = CudaBuilder::Predicate;

/// Rows of the weight in a unit, pairs of them, and elements of K that a warp multiplies at a time.
constexpr int64_t kUnitRows = RingGeometry::kUnitRows, kUnitPairs = RingGeometry::kUnitPairs, kStep = 32;
/// Elements of the input that a thread prepares at a time.
constexpr int64_t kRun = 8;
/// Blocks of two kernels share a multiprocessor.
constexpr int64_t kResidentBlocks = 2;
/// The barrier of the consumers alone.
constexpr int64_t kConsumerBarrier = 1;

class RingBody {
public:
  RingBody(CudaBuilder &b, LinearRegion &region, CudaLinearRingScheduleAttr schedule, const RingGeometry &size,
           const CudaFrame &frame, StringRef counter)
      : b(b), region(region), schedule(schedule), size(size), frame(frame), epilogue(b, region, frame), ring(b, size),
        counter(counter), shared(ring.shared), source(getElementTypeOrSelf(region.source())),
        input(getElementTypeOrSelf(region.linear.getInput())) {
    if (RMSNormOp norm = region.norm())
      gain = getElementTypeOrSelf(norm.getWeight());
  }

  void emit() {
    frame.letNextStart();
    lane = b.lane();
    warp = b.warp();
    Value isProducer = b.compare(Predicate::eq, warp, size.warps);
    b.ifThen(b.both(isProducer, b.compare(Predicate::eq, lane, 0)), [&] {
      ring.full.initialise(1);
      ring.empty.initialise(size.warps);
      Barriers::publish(b);
    });
    b.barrier();
    b.ifElse(
        isProducer,
        [&] {
          emitRingProducer(b, region, schedule, size, frame, ring, counter);
          return Values();
        },
        [&] {
          consume();
          return Values();
        });
    frame.retire({ring.full, ring.empty});
  }

private:
  //===--------------------------------------------------------------------===//
  // The input
  //===--------------------------------------------------------------------===//

  void consumersMeet() { b.barrier(b.i32(kConsumerBarrier), size.threads()); }

  /// Runs (of kRun elements) of a row that a thread prepares.
  int64_t runs() { return llvm::divideCeil(size.inputs / kRun, size.threads()); }

  /// First element of a thread's run number `index` of a row, and whether the run exists (i1; null: always). If it does
  /// not exist, the first is that of the row's last run.
  std::pair<Value, Value> runOf(int64_t index) {
    Value run = b.add(b.thread(), index * size.threads());
    int64_t all = size.inputs / kRun;
    Value exists;
    if ((index + 1) * size.threads() > all) {
      exists = b.compare(Predicate::slt, run, all);
      run = b.min(run, b.i32(all - 1));
    }
    return {b.mul(run, kRun), exists};
  }

  /// Loads the thread's part of the gain. The gain is constant, so this needs no wait for the kernel in front.
  void loadGains() {
    if (!region.norm())
      return;
    OpLocation location(b, region.norm());
    Value start = frame.argument(region.norm().getWeight());
    for (int64_t index = 0; index < runs(); ++index) {
      Value from = b.at(start, b.mul(b.widen(runOf(index).first), bytesOf(gain)));
      for (int64_t offset = 0; offset < kRun * bytesOf(gain); offset += 16)
        gains.push_back(b.loadReadOnly16(from, offset));
    }
  }

  void prepareInput() {
    row = frame.block(1);
    exists = b.compare(Predicate::slt, row, region.rowCount(frame));
    Value index = region.gather() ? b.loadI32(b.at(frame.argument(region.gather().getRows()), b.mul(row, 4))) : row;
    Value from = b.at(frame.argument(region.source()), b.mul(b.widen(index), size.inputs * bytesOf(source)));
    if (region.norm())
      normalise(from);
    else
      copyInput(from);
    consumersMeet();
  }

  void copyInput(Value from) {
    Values loaded;
    for (int64_t index = 0; index < runs(); ++index)
      loaded.push_back(b.load16(b.at(from, b.mul(runOf(index).first, 2))));
    for (auto [index, run] : llvm::enumerate(loaded))
      storeRun(index, run);
  }

  /// Stores x * gain for the products and the sum of squares. Without scale_after it multiplies by 1 / rms first; with
  /// it finish() does.
  void normalise(Value from) {
    OpLocation location(b, region.norm());
    SmallVector<Values> xs;
    for (int64_t index = 0; index < runs(); ++index)
      xs.push_back(b.loadRun(source, kRun, b.at(from, b.mul(runOf(index).first, bytesOf(source)))));
    Value squares = b.f32(0.0f);
    for (auto [index, run] : llvm::enumerate(xs)) {
      Value sum = b.f32(0.0f);
      for (Value x : run)
        sum = b.fma(x, x, sum);
      Value exists = runOf(index).second;
      squares = b.addf(squares, exists ? b.select(exists, sum, b.f32(0.0f)) : sum);
    }
    squares = b.sumLanes(squares);
    b.ifThen(b.compare(Predicate::eq, lane, 0),
             [&] { b.store(squares, b.at(shared, b.add(b.mul(warp, 4), size.squaresOffset)), 4); });
    Value scale;
    if (!schedule.getScaleAfter()) {
      consumersMeet();
      scale = reciprocalRms();
    }
    int64_t loads = kRun * bytesOf(gain) / 16;
    for (auto [index, run] : llvm::enumerate(xs)) {
      Values factors;
      for (Value words : ArrayRef(gains).slice(index * loads, loads))
        factors.append(b.unpackWords(gain, words));
      for (auto [x, factor] : llvm::zip_equal(run, factors))
        x = b.mulf(scale ? b.mulf(x, scale) : x, factor);
      storeRun(index, b.fromWords(b.packWords(input, run)));
    }
  }

  void storeRun(int64_t index, Value run) {
    auto [element, exists] = runOf(index);
    auto store = [&, element = element] { b.store16(run, b.at(shared, b.add(b.mul(element, 2), size.inputOffset))); };
    if (exists)
      b.ifThen(exists, store);
    else
      store();
  }

  Value reciprocalRms() {
    OpLocation location(b, region.norm());
    Value place = b.at(shared, size.squaresOffset), total;
    for (int64_t i = 0; i < size.warps; ++i) {
      Value squares = b.load(b.getF32Type(), b.at(place, i * 4), 4);
      total = total ? b.addf(total, squares) : squares;
    }
    return b.reciprocalRms(total, size.inputs, region.norm().getEps());
  }

  //===--------------------------------------------------------------------===//
  // Consumers
  //===--------------------------------------------------------------------===//

  /// What a thread keeps until the block finishes a batch. In a batch a thread finishes one pair of rows of one unit.
  struct Item {
    /// Number of the unit (i32), or kNoUnit.
    Value unit;
    EpilogueOperands operands;
  };

  void consume() {
    g = b.div(lane, 4);
    q = b.rem(lane, 4);
    loadGains();
    frame.waitForPrevious();
    prepareInput();
    // Where the lane's chunks lie in the first buffer and in the input.
    weightStart = b.at(shared, b.add(b.mul(g, size.slotStride()), b.mul(q, 16)));
    inputStart = b.at(shared, b.add(b.mul(q, 16), size.inputOffset));
    pairOfUnit = b.rem(b.thread(), kUnitPairs);
    unitOfBatch = b.div(b.thread(), kUnitPairs);
    cacheRow = epilogue.cacheRow(row, exists);

    // The loop carries a place in the ring, the number of units in the batch, and the thread's item.
    RingPlace place = RingPlace::ofReader(b);
    Values initial{place.stage, place.parity, b.i32(0)};
    initial.append(join(noItem()));
    b.repeat(initial, [&](ValueRange carried) -> std::pair<Value, Values> {
      ring.full.wait(carried[0], carried[1]);
      Value unit = b.loadI32(b.at(shared, b.add(b.mul(carried[0], 4), size.unitsOffset)));
      Value isUnit = b.compare(Predicate::ne, unit, RingGeometry::kNoUnit);
      Values state = b.ifElse(isUnit, [&] { return multiplyUnit(unit, carried); }, [&] { return Values(carried); });
      Value isBatch = b.compare(Predicate::eq, state[2], size.batch);
      Value isDone = arith::OrIOp::create(b, isBatch, b.compare(Predicate::eq, unit, RingGeometry::kNoUnit));
      Values rest = b.ifElse(
          isDone,
          [&] {
            consumersMeet();
            finish(separate(ArrayRef(state).drop_front(3)));
            // Now all threads have read the sums.
            consumersMeet();
            Values next{b.i32(0)};
            next.append(join(noItem()));
            return next;
          },
          [&] { return Values(ArrayRef(state).drop_front(2)); });
      Values next{state[0], state[1]};
      next.append(rest);
      return {isUnit, next};
    });
  }

  Item noItem() {
    Item item{b.i32(RingGeometry::kNoUnit), epilogue.noOperands()};
    item.operands.cacheRow = {};
    return item;
  }
  Values join(const Item &item) {
    Values values{item.unit};
    for (const PairValues &operand : item.operands.ofStages) {
      values.append(operand.first);
      values.append(operand.second);
    }
    return values;
  }
  Item separate(ArrayRef<Value> values) {
    Item item{values[0], epilogue.noOperands()};
    values = values.drop_front();
    for (PairValues &operand : item.operands.ofStages) {
      if (operand.first.empty())
        continue;
      operand = {{values[0]}, {values[1]}};
      values = values.drop_front(2);
    }
    item.operands.cacheRow = cacheRow;
    return item;
  }

  Value tileOf(Value unit) { return b.div(unit, RingGeometry::kUnitsOfTile); }
  Value pairOf(Value unit) { return b.add(b.mul(b.rem(unit, RingGeometry::kUnitsOfTile), kUnitPairs), pairOfUnit); }

  /// Multiplies a unit and leaves its sums in shared memory. In the threads that will finish the unit it starts the
  /// loads of the epilogue. It takes and returns what the loop over units carries.
  Values multiplyUnit(Value unit, ValueRange carried) {
    Value number = carried[2];
    Values item = b.ifElse(
        b.compare(Predicate::eq, unitOfBatch, number),
        [&] { return join({unit, epilogue.load(tileOf(unit), pairOf(unit), 1, row, exists)}); },
        [&] { return Values(carried.drop_front(3)); });
    Values state{carried[0], carried[1]};
    state.append(kChains * 4, b.f32(0.0f));
    state = size.forPieces(b, state, [&](int64_t depth, Value k, ValueRange values) {
      RingPlace place{values[0], values[1]};
      ring.full.wait(place.stage, place.parity);
      Values sums = multiply(depth, place.stage, k, Values(values.drop_front(2)));
      b.warpBarrier();
      ring.empty.arriveIf(b.select(b.compare(Predicate::eq, lane, 0), b.i32(1), b.i32(0)), place.stage);
      RingPlace next = place.next(b, size.stages);
      Values after{next.stage, next.parity};
      after.append(sums);
      return after;
    });
    storeSums(number, ArrayRef(state).drop_front(2));
    Values next{state[0], state[1], b.add(number, 1)};
    next.append(item);
    return next;
  }

  /// Multiplies the warp's part of a piece: every `warps`-th step.
  Values multiply(int64_t depth, Value stage, Value k, Values sums) {
    int64_t steps = depth / kStep;
    Value weight = b.at(weightStart, b.add(b.mul(stage, size.slotBytes()), b.mul(warp, kStep * 2)));
    Value inputs = b.at(inputStart, b.add(b.mul(k, 2), b.mul(warp, kStep * 2)));
    for (int64_t step = 0; step < steps; step += size.warps) {
      auto one = [&] {
        Value w = b.load16(b.at(weight, step * kStep * 2)), x = b.load16(b.at(inputs, step * kStep * 2));
        Values next = sums;
        for (int64_t half = 0; half < 2; ++half) {
          int64_t number = (step / size.warps * 2 + half) % kChains;
          MutableArrayRef<Value> chain = MutableArrayRef<Value>(next).slice(number * 4, 4);
          Value none = b.i32(0);
          Values result = b.mma(input, {b.extract(x, 2 * half), none, b.extract(x, 2 * half + 1), none},
                                {b.extract(w, 2 * half), b.extract(w, 2 * half + 1)}, chain);
          llvm::copy(result, chain.begin());
        }
        return next;
      };
      sums = step + size.warps <= steps
                 ? one()
                 : b.ifElse(b.compare(Predicate::slt, warp, steps - step), one, [&] { return sums; });
    }
    return sums;
  }

  Value sumsOf(Value number) { return b.at(shared, b.add(b.mul(number, size.sumsStride()), size.sumsOffset)); }

  /// Stores the sums of the row of the input. Lanes 0 to 3 have them: rows 2q and 2q + 1 of the unit.
  void storeSums(Value number, ArrayRef<Value> sums) {
    Values pair;
    for (int64_t i = 0; i < 2; ++i)
      pair.push_back(b.addf(b.addf(sums[i], sums[4 + i]), b.addf(sums[8 + i], sums[12 + i])));
    b.ifThen(b.compare(Predicate::eq, g, 0), [&] {
      b.storeRun(b.getF32Type(), pair, b.at(sumsOf(number), b.add(b.mul(warp, kUnitRows * 4), b.mul(q, 8))));
    });
  }

  void finish(const Item &item) {
    b.ifThen(b.both(b.compare(Predicate::ne, item.unit, RingGeometry::kNoUnit), exists), [&] {
      Value place = b.at(sumsOf(unitOfBatch), b.mul(pairOfUnit, 4)), first, second;
      for (int64_t i = 0; i < size.warps; ++i) {
        auto add = [&](Value &total, int64_t row) {
          Value sum = b.load(b.getF32Type(), b.at(place, (i * kUnitRows + row) * 4), 4);
          total = total ? b.addf(total, sum) : sum;
        };
        add(first, 0);
        add(second, kUnitPairs);
      }
      if (region.norm() && schedule.getScaleAfter()) {
        Value scale = reciprocalRms();
        first = b.mulf(first, scale);
        second = b.mulf(second, scale);
      }
      epilogue.store(tileOf(item.unit),
                     EpilogueValues{pairOf(item.unit), row, Value(), {first}, {second}, item.operands});
    });
  }

  /// Independent sums (chains), so that a product need not wait for the one before it.
  static constexpr int64_t kChains = 4;

  CudaBuilder &b;
  LinearRegion &region;
  CudaLinearRingScheduleAttr schedule;
  const RingGeometry &size;
  const CudaFrame &frame;
  LinearEpilogue epilogue;
  WeightRing ring;
  StringRef counter;
  Value shared;
  Type source, input, gain;
  Value lane, warp, g, q;
  /// The row of the step, and whether there is one.
  Value row, exists;
  /// The thread's runs of the gain, 16 bytes each.
  Values gains;
  Value weightStart, inputStart;
  /// What the thread finishes in a batch: number of the pair in its unit, and of the unit in the batch.
  Value pairOfUnit, unitOfBatch;
  /// Where the thread appends (LinearEpilogue::cacheRow).
  Value cacheRow;
};

} // namespace

FailureOr<CudaBody> emitLinearFewRing(CudaBuilder &b, LinearRegion &region, CudaLinearRingScheduleAttr schedule,
                                      int64_t maxRows, const GeneratedKernel &generated) {
  KernelOp kernel = region.kernel;
  if (failed(LinearEpilogue::check(region)))
    return failure();
  Type input = getElementTypeOrSelf(region.linear.getInput()), weight = getElementTypeOrSelf(region.linear.getWeight());
  if (!b.target.hasRings())
    return kernel.emitOpError() << "has schedule " << schedule
                                << ", whose copies need bulk copies and dependent launch (sm_90a); the target is "
                                << b.target.arch;
  if (input != weight || !(weight.isBF16() || weight.isF16()))
    return kernel.emitOpError() << "multiplies " << input << " by " << weight
                                << "; a ring of weights takes two operands of bf16 or f16";
  if (region.inputs() % kStep)
    return kernel.emitOpError() << "multiplies rows of " << region.inputs()
                                << " elements; a ring of weights needs a multiple of " << kStep;
  if (maxRows > 1)
    return kernel.emitOpError() << "has schedule " << schedule << " in a program of up to " << maxRows
                                << " rows; a ring of weights serves one";
  RingGeometry size(region, schedule, b.target);
  if (size.sharedBytes > b.target.sharedBytes())
    return kernel.emitOpError() << "needs " << size.sharedBytes << " bytes of shared memory with schedule " << schedule
                                << ", but a block of " << b.target.arch << " has " << b.target.sharedBytes();
  GeneratedEntry entry{cudaSymbol(generated.name), size.blocks, region.rows};
  entry.threads = size.threads() + 32;
  entry.sharedBytes = size.sharedBytes;
  entry.preferShared = true;
  std::string counter = cudaSymbol(generated.name, ".drawn");
  LLVM::GlobalOp::create(b, b.getI32Type(), /*isConstant=*/false, LLVM::Linkage::Internal, counter,
                         b.getI32IntegerAttr(0), /*alignment=*/4, /*addrSpace=*/1);
  return CudaBody{entry,
                  [region, schedule, size, counter](CudaBuilder &b, const CudaFrame &frame) mutable {
                    RingBody(b, region, schedule, size, frame, counter).emit();
                  },
                  kResidentBlocks};
}

} // namespace quipu::codegen::cuda
