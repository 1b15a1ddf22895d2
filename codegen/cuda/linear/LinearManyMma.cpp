//===- LinearManyMma.cpp - Linear kernels for many rows with mma.sync -------===//
//
// A block computes a tile of `tokens` rows of the input (operand A of mma) times `rows` rows of the weight (operand B),
// in steps of `depth` of K that pass through `stages` buffers in shared memory:
//
//   request steps 0 ... stages - 2
//   for each step:  for each 16 of its depth:  load the fragments that come next; multiply those at hand
//                   behind the first of them request the step stages - 1 ahead, into the buffer read before this one
//
// Warps divide the tile (ManyTiles.h).
//
// A row of a buffer has `depth` elements. Its chunks of 16 bytes are permuted by the row's number, so that the eight
// rows that ldmatrix reads at once lie in different banks.
//
// For rows behind the end of the input or the weight the last row is read again; their products are not stored. Behind
// K there are zeros.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/linear/ManyTiles.h"
#include "codegen/cuda/linear/RowSoftmax.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

namespace {

using Values = CudaBuilder::Values;
using Predicate = CudaBuilder::Predicate;

class MmaBody {
public:
  MmaBody(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule, const GeneratedEntry &entry,
          bool oneTileOfTokens, const CudaFrame &frame)
      : b(b), region(region), schedule(schedule), frame(frame),
        element(cast<RankedTensorType>(region.linear.getWeight().getType()).getElementType()),
        tile(divideTile(schedule)), inputs(region.inputs()), threads(entry.threads), blocksAlongRows(entry.fixed),
        oneTileOfTokens(oneTileOfTokens) {}

  /// Bytes of one buffer: rows of the input, then rows of the weight.
  static int64_t stageBytes(CudaLinearManyScheduleAttr schedule) {
    return (schedule.getTokens() + schedule.getRows()) * schedule.getDepth() * 2;
  }

  void emit() {
    frame.letNextStart();
    placeBlock();
    Values weight = rowPointers(frame.argument(region.linear.getWeight()), firstRow, schedule.getRows(),
                                b.i32(region.outputs()), region.outputs() % schedule.getRows() == 0);
    if (schedule.getAhead()) {
      for (int64_t step = 0; step < requestedBefore(); ++step)
        copyFirstSteps(weight, weightBuffer(), step);
      frame.waitForPrevious();
    } else {
      frame.waitForPrevious();
    }
    Value source = region.norm() ? frame.workspace(0) : frame.argument(region.source());
    Values input = rowPointers(source, firstToken, schedule.getTokens(), tokens, /*within=*/false);
    for (int64_t step = 0; step < schedule.getStages() - 1; ++step) {
      if (step < requestedBefore()) {
        if (!schedule.getAhead())
          copyFirstSteps(weight, weightBuffer(), step);
        copyFirstSteps(input, 0, step);
      }
      b.commitCopies();
    }
    Values sums = multiply(input, weight);
    store(sums);
  }

private:
  int64_t rowBytes() const { return schedule.getDepth() * 2; }
  int64_t chunks() const { return rowBytes() / 16; }
  int64_t steps() const { return llvm::divideCeil(inputs, schedule.getDepth()); }
  bool hasTail() const { return inputs % schedule.getDepth() != 0; }
  int64_t requestedBefore() const { return std::min(schedule.getStages() - 1, steps()); }
  int64_t weightBuffer() const { return schedule.getTokens() * rowBytes(); }
  int64_t allStages() const { return schedule.getStages() * stageBytes(schedule); }
  int64_t tokenBlocks() const { return tile.tokens / 16; }
  int64_t rowBlocks() const { return tile.rows / 8; }

  /// Finds the block's tile, and the parts of the warp and the thread in it.
  void placeBlock() {
    shared = b.shared();
    tokens = region.rowCount(frame);
    // Blocks that start together share rows of the weight. The weight is large; the input stays in the cache anyway.
    Value tokenTile = b.i32(0), rowTile = frame.block(0);
    if (!oneTileOfTokens) {
      Value number = b.add(b.mul(frame.block(1), blocksAlongRows), frame.block(0));
      tokenTile = b.rem(number, frame.gridSize(1));
      rowTile = b.div(number, frame.gridSize(1));
    }
    firstToken = b.mul(tokenTile, schedule.getTokens());
    firstRow = b.mul(rowTile, schedule.getRows());
    thread = b.thread();
    lane = b.lane();
    int64_t along = schedule.getTokens() / tile.tokens;
    Value warp = b.warp();
    warpToken = b.mul(b.rem(warp, along), tile.tokens);
    warpRow = b.mul(b.div(warp, along), tile.rows);
  }

  /// Number of the chunk in a row of a buffer where chunk `chunk` of the matrix lies.
  Value placeOfChunk(Value row, Value chunk) {
    Value turn = chunks() == 8 ? b.rem(row, 8) : b.rem(b.div(row, 2), 4);
    return arith::XOrIOp::create(b, chunk, turn);
  }

  // ---- global to shared memory: a thread copies one chunk of every (threads / chunks)-th row

  int64_t copiesOf(int64_t rows) const { return rows * chunks() / threads; }
  Value copyRow(int64_t copy) { return b.add(b.div(thread, chunks()), copy * (threads / chunks())); }
  Value copyChunk() { return b.rem(thread, chunks()); }

  /// Addresses where the thread's copies begin, at k = 0.
  Values rowPointers(Value matrix, Value first, int64_t rows, Value count, bool within) {
    Values pointers;
    for (int64_t copy = 0; copy < copiesOf(rows); ++copy) {
      Value row = b.add(first, copyRow(copy));
      if (!within)
        row = b.min(row, b.sub(count, 1));
      pointers.push_back(b.at(matrix, b.add(b.mul(b.widen(row), inputs * 2), b.widen(b.mul(copyChunk(), 16)))));
    }
    return pointers;
  }

  /// Starts the copies of a step of K. `k` (i64): byte of a row where the step begins. `stage` (i32): byte where the
  /// buffer begins. `part`: byte of the buffer where the matrix begins.
  void copy(const Values &pointers, int64_t part, Value stage, Value k, Value valid) {
    for (auto [copy, pointer] : llvm::enumerate(pointers)) {
      Value row = copyRow(static_cast<int64_t>(copy));
      Value place = b.add(b.mul(row, rowBytes()), b.mul(placeOfChunk(row, copyChunk()), 16));
      b.copyAsync16(b.at(shared, b.add(b.add(place, part), stage)), b.at(pointer, k), valid);
    }
  }
  void copyFirstSteps(const Values &pointers, int64_t part, int64_t step) {
    Value valid;
    if (hasTail() && step == steps() - 1)
      valid = b.compare(Predicate::slt, copyChunk(), inputs % schedule.getDepth() / 8);
    copy(pointers, part, b.i32(step * stageBytes(schedule)), b.i64(step * rowBytes()), valid);
  }
  /// Starts the copies of step `step` (i32) of both matrices. Behind the last step they write zeros.
  void copyStep(const Values &input, const Values &weight, Value stage, Value step) {
    Value k = b.mul(step, schedule.getDepth());
    Value valid = b.compare(Predicate::slt, hasTail() ? b.add(k, b.mul(copyChunk(), 8)) : k, inputs);
    Value offset = b.select(valid, b.mul(b.widen(k), 2), b.i64(0));
    copy(input, 0, stage, offset, valid);
    copy(weight, weightBuffer(), stage, offset, valid);
  }

  // ---- shared memory to registers

  /// Byte in a buffer from which the lane reads its row of a fragment. `part`: which 16 elements of k. `row`: the
  /// lane's row among 16 rows. `half`: which half of the 16 elements.
  Value fragmentOffset(Value firstRow, Value row, Value half, int64_t part) {
    Value chunk = arith::XOrIOp::create(b, b.mul(placeOfChunk(row, half), 16), b.i32(part * 32));
    return b.add(b.mul(b.add(firstRow, row), rowBytes()), chunk);
  }
  void placeFragments() {
    // ldmatrix loads four matrices. For A: rows 0-7, rows 8-15, then both again for the second half of k. For B: both
    // halves of k for rows 0-7, then for rows 8-15.
    Value rowA = b.rem(lane, 16), halfA = b.div(lane, 16);
    Value rowB = b.add(b.mul(b.div(lane, 16), 8), b.rem(lane, 8)), halfB = b.rem(b.div(lane, 8), 2);
    for (int64_t part = 0; part < schedule.getDepth() / 16; ++part) {
      offsetsA.push_back(fragmentOffset(warpToken, rowA, halfA, part));
      offsetsB.push_back(b.add(fragmentOffset(warpRow, rowB, halfB, part), weightBuffer()));
    }
  }
  /// Loads fragments of A for all blocks of 16 tokens, then of B for all blocks of 8 rows. They are of part `part` of
  /// the buffer at `stage`.
  Values loadFragments(Value stage, int64_t part) {
    Values fragments;
    auto load = [&](Value offset, int64_t count) {
      Value base = b.at(shared, b.add(stage, offset));
      for (int64_t block = 0; block < count; ++block)
        fragments.append(b.loadMatrices(b.at(base, block * 16 * rowBytes())));
    };
    load(offsetsA[part], tokenBlocks());
    load(offsetsB[part], rowBlocks() / 2);
    return fragments;
  }

  // ---- product

  void multiplyFragments(ArrayRef<Value> fragments, MutableArrayRef<Value> sums) {
    ArrayRef<Value> a = fragments.take_front(4 * tokenBlocks()), w = fragments.drop_front(4 * tokenBlocks());
    for (int64_t i = 0; i < tokenBlocks(); ++i)
      for (int64_t j = 0; j < rowBlocks(); ++j) {
        MutableArrayRef<Value> sum = sums.slice(4 * (i * rowBlocks() + j), 4);
        llvm::copy(b.mma(element, a.slice(4 * i, 4), w.slice(2 * j, 2), sum), sum.begin());
      }
  }

  Value nextStage(Value stage) {
    Value next = b.add(stage, stageBytes(schedule));
    return b.select(b.compare(Predicate::eq, next, allStages()), b.i32(0), next);
  }

  /// Waits until at most stages - 2 steps are in flight in every thread, and until every warp has read the buffer
  /// before.
  void waitForStep() {
    b.waitCopies(schedule.getStages() - 2);
    b.barrier();
  }

  Values multiply(const Values &input, const Values &weight) {
    placeFragments();
    waitForStep();
    // The loop carries the buffers to read and to fill, fragments, and sums.
    Values carried{b.i32(0), b.i32(allStages() - stageBytes(schedule))};
    carried.append(loadFragments(carried[0], 0));
    carried.append(4 * tokenBlocks() * rowBlocks(), b.f32(0.0f));
    int64_t numFragments = 4 * tokenBlocks() + 2 * rowBlocks(), parts = schedule.getDepth() / 16;
    auto body = [&](Value step, ValueRange before) {
      b.keepLoop();
      Value read = before[0], fill = before[1], next = nextStage(read);
      Values fragments(before.slice(2, numFragments)), sums(before.drop_front(2 + numFragments));
      for (int64_t part = 0; part < parts; ++part) {
        bool last = part + 1 == parts;
        if (last)
          waitForStep();
        Values following = last ? loadFragments(next, 0) : loadFragments(read, part + 1);
        if (part == 0) {
          copyStep(input, weight, fill, b.add(step, schedule.getStages() - 1));
          b.commitCopies();
        }
        multiplyFragments(fragments, sums);
        fragments = following;
      }
      Values after{next, nextStage(fill)};
      after.append(fragments);
      after.append(sums);
      return after;
    };
    Values result = b.loop(b.i32(0), b.i32(steps()), 1, carried, body);
    b.waitCopies(0);
    return Values(ArrayRef(result).drop_front(2 + numFragments));
  }

  // ---- result

  /// Blocks 2t and 2t + 1 of 8 rows of the weight are the first and second elements of its tile t.
  void store(ArrayRef<Value> sums) {
    LinearEpilogue epilogue(b, region, frame);
    Value pair = b.mul(b.rem(lane, 4), 2), firstTile = b.div(b.add(firstRow, warpRow), 16);
    Value row = b.add(b.add(firstToken, warpToken), b.div(lane, 4));
    // The thread's rows of the step: two in each block of 16.
    SmallVector<EpilogueValues, 0> values;
    for (int64_t i = 0; i < 2 * tokenBlocks(); ++i) {
      EpilogueValues value;
      value.pair = pair;
      value.row = b.add(row, 8 * i);
      value.valid = b.compare(Predicate::slt, value.row, tokens);
      value.operands.cacheRow = epilogue.cacheRow(value.row, value.valid);
      values.push_back(value);
    }
    if (region.has<LogProbStage>())
      return storeScores(sums, firstTile, values);
    for (int64_t t = 0; t < tile.rows / 16; ++t) {
      takeTile(sums, t, values);
      epilogue.store(b.add(firstTile, t), values);
    }
  }

  /// Gives each row its sums of tile t of the warp's part.
  void takeTile(ArrayRef<Value> sums, int64_t t, MutableArrayRef<EpilogueValues> rows) {
    for (auto [i, value] : llvm::enumerate(rows)) {
      ArrayRef<Value> sum = sums.drop_front(4 * (i / 2 * rowBlocks() + 2 * t) + 2 * (i % 2));
      value.first = {sum[0], sum[1]};
      value.second = {sum[4], sum[5]};
    }
  }

  void storeScores(ArrayRef<Value> sums, Value firstTile, MutableArrayRef<EpilogueValues> rows) {
    LinearEpilogue epilogue(b, region, frame);
    RowSoftmax softmax(b, region, frame, schedule);
    SmallVector<RowSoftmax::Part> parts(rows.size(), softmax.none());
    for (EpilogueValues &value : rows)
      value.operands = epilogue.load(firstTile, value.pair, 2, value.row, value.valid);
    for (int64_t t = 0; t < tile.rows / 16; ++t) {
      takeTile(sums, t, rows);
      Value here = b.add(firstTile, t), present;
      if (region.outputs() % schedule.getRows())
        present = b.compare(Predicate::slt, here, LinearEpilogue::countTiles(region));
      for (auto [value, part] : llvm::zip_equal(rows, parts))
        part = softmax.add(part, here, present, value);
    }
    for (auto [value, part] : llvm::zip_equal(rows, parts))
      softmax.store(part, firstTile, value);
  }

  CudaBuilder &b;
  LinearRegion &region;
  CudaLinearManyScheduleAttr schedule;
  const CudaFrame &frame;
  Type element;
  WarpTile tile;
  int64_t inputs, threads, blocksAlongRows;
  bool oneTileOfTokens;
  Value shared, tokens, firstToken, firstRow, thread, lane, warpToken, warpRow;
  Values offsetsA, offsetsB;
};

} // namespace

FailureOr<CudaBody> emitLinearManyMma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule,
                                      int64_t maxRows, const GeneratedKernel &generated) {
  KernelOp kernel = region.kernel;
  Type element = getElementTypeOrSelf(region.linear.getWeight());
  if (element != getElementTypeOrSelf(region.linear.getInput()) || !(element.isBF16() || element.isF16()))
    return kernel.emitOpError() << "multiplies " << getElementTypeOrSelf(region.linear.getInput()) << " by " << element
                                << "; mma takes two operands of bf16 or f16";
  if (region.inputs() % 8 != 0)
    return kernel.emitOpError() << "has rows of " << region.inputs() << " elements; mma needs a multiple of 8";
  int64_t threads = 32 * schedule.getWarps(), chunks = schedule.getDepth() / 8;
  int64_t sharedBytes = schedule.getStages() * MmaBody::stageBytes(schedule);
  auto copiesEvenly = [&](int64_t rows) { return rows * chunks % threads == 0; };
  if (divideTile(schedule).tokens == 0 || !copiesEvenly(schedule.getTokens()) || !copiesEvenly(schedule.getRows()) ||
      sharedBytes > b.target.sharedBytes())
    return kernel.emitOpError()
           << "has schedule " << schedule << ", which needs " << sharedBytes
           << " bytes of shared memory; mma needs tiles that warps divide into multiples of 16 and "
           << "threads copy evenly, and at most " << b.target.sharedBytes() << " bytes";
  if (failed(LinearEpilogue::check(region)))
    return failure();
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  entry.fixed = llvm::divideCeil(region.outputs(), schedule.getRows());
  entry.rows = region.rows;
  entry.rowsPerBlock = schedule.getTokens();
  entry.threads = threads;
  entry.sharedBytes = sharedBytes;
  bool oneTileOfTokens = maxRows <= schedule.getTokens();
  return CudaBody{entry, [region, schedule, entry, oneTileOfTokens](CudaBuilder &b, const CudaFrame &frame) mutable {
                    MmaBody(b, region, schedule, entry, oneTileOfTokens, frame).emit();
                  }};
}

} // namespace quipu::codegen::cuda
