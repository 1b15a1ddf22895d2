//===- LinearManyWgmma.cpp - Linear kernels for many rows with wgmma -------------===//
//
// A tile is `tokens` rows of the input (operand A) times `rows` rows of the weight (operand B). One warp, the producer,
// has boxes of both copied into a ring of `stages` buffers of `depth` elements of K; groups of four warps, the
// consumers, each own 64 rows of the tile and multiply what is there:
//
//   producer: one thread                           consumers
//     for each tile, for each step of K:             for each tile:
//       wait until the buffer is empty                 for each step of K:
//       request the boxes                                wait until the buffer is full
//                                                        start its products
//                                                        wait for those of the step before; its buffer is empty
//                                                      wait for the last products
//                                                      epilogue
//
// so that a group has products of two steps under way, and the next tile's buffers fill during the epilogue. The K
// dimension is rounded up to whole steps: copies fill the rest with zeros. The same holds for rows of the weight beyond
// N.
//
// `persistent`: a block works on the tiles x, x + gridDim.x, ..., the input's row tiles first, so that blocks at work
// together share rows of the weight. Otherwise a block has one tile. `ahead`: the buffers of a block's first steps are
// requested in two parts, the weight's boxes before the kernel in front has finished.
//
// `cluster`: the tiles of two neighbouring blocks are neighbours in the input and share rows of the weight, of which
// each block copies one half into the buffers of both. So a buffer is empty once the consumers of both blocks have told
// both, and full with bytes from both. Row tiles are counted as if they were even, so that the blocks keep in step; a
// tile too many reads rows that nothing depends on and stores nothing that counts.
//
// The sums leave a warp's registers in pieces of 16 rows by 32 columns through shared memory, because in the registers
// of a thread (Wgmma.h) neighbours are two columns, too few for whole sectors of memory; behind it a thread has four
// pairs of a tile of 16 rows of the weight, in two rows of the step. What the epilogue reads is requested pieces ahead.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/Barriers.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/LinearEpilogue.h"
#include "codegen/cuda/TensorCopies.h"
#include "codegen/cuda/Wgmma.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

using Values = CudaBuilder::Values;
using Predicate = CudaBuilder::Predicate;

/// Elements of K in a box: a row of 128 bytes of 16-bit elements.
static constexpr int64_t kBoxDepth = kBoxRowBytes / 2;
/// A piece of the sums of a warp on its way through shared memory, rows and columns of f32, and how many pieces ahead
/// the epilogue's operands are requested.
static constexpr int64_t kPieceRows = 16, kPieceColumns = 32, kPieceBytes = kPieceRows * kPieceColumns * 4;
static constexpr int64_t kPiecesAhead = 2;
/// Registers of a thread where they are divided unequally.
static constexpr int64_t kProducerRegisters = 24, kConsumerRegisters = 240;

namespace {

/// Sizes that follow from the schedule, and the layout of shared memory: buffers of the input, of the weight, pieces of
/// the warps, barriers.
struct Layout {
  Layout(CudaLinearManyScheduleAttr schedule, int64_t inputs)
      : boxes(schedule.getDepth() / kBoxDepth), steps(llvm::divideCeil(inputs, schedule.getDepth())),
        stages(schedule.getStages()), warps(schedule.getWarps()), groups(warps / 4),
        inputBox(schedule.getTokens() * kBoxRowBytes), weightBox(schedule.getRows() * kBoxRowBytes),
        copiedRows(schedule.getRows() / schedule.getCluster()) {}

  /// With two groups of consumers, an equal share of the registers is too small for the sums of one and its epilogue:
  /// the producer, then also four warps, of which one works, gives most of its own away.
  bool dividesRegisters() const { return groups > 1; }
  int64_t threads() const { return 32 * (warps + (dividesRegisters() ? 4 : 1)); }

  int64_t inputStage() const { return boxes * inputBox; }
  int64_t weightStage() const { return boxes * weightBox; }
  int64_t weightBuffers() const { return stages * inputStage(); }
  int64_t pieces() const { return weightBuffers() + stages * weightStage(); }
  int64_t full() const { return pieces() + warps * 2 * kPieceBytes; }
  int64_t empty() const { return full() + stages * Barriers::kBytes; }
  int64_t bytes() const { return empty() + stages * Barriers::kBytes; }

  int64_t boxes, steps, stages, warps, groups, inputBox, weightBox;
  /// Rows of the tile of the weight that a block copies, in a cluster for all its blocks.
  int64_t copiedRows;
};

class LinearManyWgmma {
public:
  LinearManyWgmma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule, int64_t maxRows,
                  const GeneratedEntry &entry)
      : b(b), region(region), schedule(schedule), layout(schedule, region.inputs()), frame(b, region.kernel, entry),
        epilogue(b, region, frame),
        wgmma(b, cast<RankedTensorType>(region.linear.getWeight().getType()).getElementType(), schedule.getRows()),
        shared(b.shared()), full(b, b.at(shared, layout.full()), layout.stages),
        empty(b, b.at(shared, layout.empty()), layout.stages),
        storesOnlyRowsOfStep(maxRows % (schedule.getTokens() * schedule.getCluster()) ||
                             !(region.gate || region.residual || region.split)) {}

  void emit() {
    // ptxas takes notice of setmaxnreg only where it knows how many registers a thread begins with.
    if (layout.dividesRegisters())
      b.getBlock()->getParentOp()->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
    b.letNextStart();
    rows = region.gather ? frame.outputs : frame.tokens;
    warp = b.warp();
    lane = b.lane();
    Value isProducer = b.compare(Predicate::eq, warp, layout.warps);
    ifElected(isProducer, [&] {
      prefetchTensorMap(b, frame.tensorMap(0));
      prefetchTensorMap(b, frame.tensorMap(1));
      full.initialise(1);
      empty.initialise(layout.groups * schedule.getCluster());
      Barriers::publish(b);
      if (schedule.getAhead())
        requestFirstWeights();
    });
    inCluster() ? b.clusterBarrier() : b.barrier();
    if (layout.dividesRegisters())
      b.ifThen(b.compare(Predicate::sge, warp, layout.warps), [&] { wgmma.releaseRegisters(kProducerRegisters); });
    ifElected(isProducer, [&] { produce(); });
    b.ifThen(b.compare(Predicate::slt, warp, layout.warps), [&] {
      if (layout.dividesRegisters())
        wgmma.acquireRegisters(kConsumerRegisters);
      consume();
    });
    // The other block may yet tell this one's barriers that it is done with its last buffers.
    if (inCluster())
      b.clusterBarrier();
  }

private:
  bool inCluster() const { return schedule.getCluster() > 1; }

  /// In one thread of the warp for which `condition`, equal in a warp, is true.
  void ifElected(Value condition, llvm::function_ref<void()> body) {
    b.ifThen(condition, [&] { b.ifThen(NVVM::ElectSyncOp::create(b, b.getI1Type(), Value()), body); });
  }

  // ---- tiles

  struct Tile {
    /// First row of the step; number of the tile among those of the weight.
    Value row, column;
  };

  Tile firstTile() {
    if (schedule.getPersistent())
      return tileNumber(b.block(0));
    return {b.mul(b.block(1), schedule.getTokens()), b.block(0)};
  }
  Tile tileNumber(Value number) {
    Value tiles = rowTiles();
    return {b.mul(b.rem(number, tiles), schedule.getTokens()), b.div(number, tiles)};
  }

  Value rowTiles() {
    return b.mul(b.ceilDiv(rows, schedule.getTokens() * schedule.getCluster()), schedule.getCluster());
  }
  Value tileCount() { return b.mul(rowTiles(), llvm::divideCeil(region.outputs(), schedule.getRows())); }

  /// The block's tiles, with carried values.
  void walk(ArrayRef<Value> initial, llvm::function_ref<Values(const Tile &, ValueRange)> body) {
    if (!schedule.getPersistent()) {
      body(firstTile(), Values(initial));
      return;
    }
    b.loop(b.block(0), tileCount(), b.gridSize(0), initial,
           [&](Value number, ValueRange carried) { return body(tileNumber(number), carried); });
  }

  // ---- producer

  /// Steps whose weights are requested before the rest.
  int64_t stepsAhead() const { return schedule.getAhead() ? std::min(layout.stages, layout.steps) : 0; }

  void requestInput(Value stage, Value step, const Tile &tile) {
    Value start = b.at(shared, b.mul(stage, layout.inputStage())), column = b.mul(step, schedule.getDepth());
    for (int64_t box = 0; box < layout.boxes; ++box)
      copyBox(b, b.at(start, box * layout.inputBox), frame.tensorMap(0), tile.row, b.add(column, box * kBoxDepth),
              full.at(stage));
  }
  void requestWeight(Value stage, Value step, const Tile &tile) {
    Value place = b.add(b.mul(stage, layout.weightStage()), layout.weightBuffers());
    Value row = b.mul(tile.column, schedule.getRows()), column = b.mul(step, schedule.getDepth());
    if (inCluster()) {
      Value first = b.mul(b.rem(b.block(0), schedule.getCluster()), layout.copiedRows);
      place = b.add(place, b.mul(first, kBoxRowBytes));
      row = b.add(row, first);
    }
    Value start = b.at(shared, place);
    for (int64_t box = 0; box < layout.boxes; ++box) {
      Value to = b.at(start, box * layout.weightBox), from = b.add(column, box * kBoxDepth);
      if (inCluster())
        copyBoxToCluster(b, to, frame.tensorMap(1), row, from, full.at(stage), schedule.getCluster());
      else
        copyBox(b, to, frame.tensorMap(1), row, from, full.at(stage));
    }
  }
  void announce(Value stage) { full.arriveExpecting(layout.inputStage() + layout.weightStage(), stage); }

  void requestFirstWeights() {
    Tile tile = firstTile();
    auto body = [&](Value step) {
      announce(step);
      requestWeight(step, step, tile);
    };
    Value steps = b.i32(stepsAhead());
    if (!schedule.getPersistent())
      return b.loop(b.i32(0), steps, 1, body);
    // A block may have no tile.
    b.ifThen(b.compare(Predicate::slt, b.block(0), tileCount()), [&] { b.loop(b.i32(0), steps, 1, body); });
  }

  void produce() {
    b.waitForPrevious();
    // Carried: a place in the ring; the first step of the tile whose weights are yet to be requested.
    RingPlace start = RingPlace::ofWriter(b);
    walk({start.stage, start.parity, b.i32(stepsAhead())}, [&](const Tile &tile, ValueRange carried) {
      RingPlace place{carried[0], carried[1]};
      if (schedule.getAhead()) {
        Values after = b.loop(b.i32(0), carried[2], 1, {place.stage, place.parity}, [&](Value step, ValueRange at) {
          requestInput(at[0], step, tile);
          RingPlace next = RingPlace{at[0], at[1]}.next(b, layout.stages);
          return Values{next.stage, next.parity};
        });
        place = {after[0], after[1]};
      }
      Values after =
          b.loop(carried[2], b.i32(layout.steps), 1, {place.stage, place.parity}, [&](Value step, ValueRange at) {
            empty.wait(at[0], at[1]);
            announce(at[0]);
            requestInput(at[0], step, tile);
            requestWeight(at[0], step, tile);
            RingPlace next = RingPlace{at[0], at[1]}.next(b, layout.stages);
            return Values{next.stage, next.parity};
          });
      return Values{after[0], after[1], b.i32(0)};
    });
  }

  // ---- consumers

  void consume() {
    b.waitForPrevious();
    Value group = b.div(warp, 4);
    // One thread of a group tells that it is done with a buffer, in a cluster one for each block.
    told = b.rem(b.thread(), 128);
    tells = b.select(b.compare(Predicate::slt, told, schedule.getCluster()), b.i32(1), b.i32(0));
    Value start = wgmma.descriptor(shared);
    inputStart = b.add(start, b.mul(group, Wgmma::descriptorStep(Wgmma::kRows * kBoxRowBytes)));
    weightStart = b.add(start, Wgmma::descriptorStep(layout.weightBuffers()));
    placePieces();
    RingPlace ring = RingPlace::ofReader(b);
    walk({ring.stage, ring.parity}, [&](const Tile &tile, ValueRange carried) {
      RingPlace place{carried[0], carried[1]};
      multiplyAndStore(tile, place);
      return Values{place.stage, place.parity};
    });
  }

  /// The group is done with a buffer.
  void release(Value stage) {
    if (inCluster())
      empty.arriveIf(tells, stage, told);
    else
      empty.arriveIf(tells, stage);
  }

  void multiplyAndStore(const Tile &tile, RingPlace &place) {
    full.wait(place.stage, place.parity);
    // The first step's products need no sums yet.
    Values sums = multiply(place.stage, wgmma.sums(), /*keep=*/false);
    Value previous = place.stage;
    place = place.next(b, layout.stages);
    // While they run: what the epilogue begins with.
    placeRows(tile);
    for (int64_t piece = 0; piece < kPiecesAhead; ++piece)
      loadOperands(piece);
    // Carried: a place in the ring, the buffer of the step before, the sums.
    Values carried{place.stage, place.parity, previous};
    carried.append(sums);
    carried = b.loop(b.i32(1), b.i32(layout.steps), 1, carried, [&](Value, ValueRange before) {
      RingPlace at{before[0], before[1]};
      full.wait(at.stage, at.parity);
      Values next = multiply(at.stage, Values(before.drop_front(3)), /*keep=*/true);
      wgmma.waitForAllButLast();
      release(before[2]);
      RingPlace following = at.next(b, layout.stages);
      Values after{following.stage, following.parity, at.stage};
      after.append(next);
      return after;
    });
    place = {carried[0], carried[1]};
    sums = wgmma.finish(ArrayRef(carried).drop_front(3));
    release(carried[2]);
    store(sums);
  }

  /// Starts the products of one buffer, on top of the sums or, without `keep`, in their place.
  Values multiply(Value stage, Values sums, bool keep) {
    Value input = b.add(inputStart, b.mul(stage, Wgmma::descriptorStep(layout.inputStage())));
    Value weight = b.add(weightStart, b.mul(stage, Wgmma::descriptorStep(layout.weightStage())));
    wgmma.begin();
    for (int64_t box = 0; box < layout.boxes; ++box)
      for (int64_t k = 0; k < kBoxDepth / Wgmma::kDepth; ++k) {
        int64_t along = Wgmma::descriptorStep(k * Wgmma::kDepth * 2);
        sums = wgmma.multiply(b.add(input, Wgmma::descriptorStep(box * layout.inputBox) + along),
                              b.add(weight, Wgmma::descriptorStep(box * layout.weightBox) + along), sums,
                              keep || box > 0 || k > 0);
      }
    wgmma.commit();
    return sums;
  }

  // ---- epilogue

  int64_t pieceCount() const { return llvm::divideCeil(schedule.getRows(), kPieceColumns); }
  int64_t tilesOfTile() const { return schedule.getRows() / 16; }

  /// A row of a piece is four chunks of 32 bytes, exchanged among themselves by the row's number: the threads that
  /// write, four rows of a chunk at a time, and those that read, two rows of every other chunk, meet no bank twice.
  void placePieces() {
    Value piece = b.at(shared, b.add(b.mul(warp, 2 * kPieceBytes), layout.pieces()));
    auto chunk = [&](Value row, Value number) {
      Value place = arith::XOrIOp::create(b, number, b.rem(row, 4));
      return b.at(piece, b.add(b.mul(row, kPieceColumns * 4), b.mul(place, 32)));
    };
    Value writtenRow = b.div(lane, 4), column = b.mul(b.rem(lane, 4), 8);
    for (int64_t block = 0; block < kPieceColumns / 8; ++block)
      written.push_back(b.at(chunk(writtenRow, b.i32(block)), column));
    tileInPiece = b.div(b.rem(lane, 4), 2);
    pair = b.mul(b.rem(lane, 2), 4);
    Value half = b.mul(pair, 4), first = b.mul(tileInPiece, 2);
    readFirst = b.at(chunk(writtenRow, first), half);
    readSecond = b.at(chunk(writtenRow, b.add(first, 1)), half);
  }

  /// The thread's two rows of the step, and its tile of the weight in the first piece.
  void placeRows(const Tile &tile) {
    Value row = b.add(b.add(tile.row, b.mul(warp, kPieceRows)), b.div(lane, 4));
    values.assign(2, EpilogueValues());
    for (auto [half, value] : llvm::enumerate(values)) {
      value.pair = pair;
      value.row = b.add(row, 8 * static_cast<int64_t>(half));
      Value exists = b.compare(Predicate::slt, value.row, rows);
      value.operands.cacheRow = epilogue.cacheRow(value.row, exists);
      if (storesOnlyRowsOfStep)
        value.valid = exists;
    }
    column = b.mul(tile.column, tilesOfTile());
    operands.assign(pieceCount(), {});
  }
  /// Tile of the weight of the thread in a piece; whether it is one of the block's tile and of the weight (null:
  /// always).
  Value weightTile(int64_t piece) { return b.add(b.add(column, 2 * piece), tileInPiece); }
  Value exists(int64_t piece) {
    Value inTile, inWeight;
    if (2 * (piece + 1) > tilesOfTile())
      inTile = b.compare(Predicate::slt, tileInPiece, tilesOfTile() - 2 * piece);
    if (region.outputs() % schedule.getRows())
      inWeight = b.compare(Predicate::slt, weightTile(piece), LinearEpilogue::countTiles(region));
    return inTile && inWeight ? b.both(inTile, inWeight) : inTile ? inTile : inWeight;
  }

  void loadOperands(int64_t piece) {
    if (piece >= pieceCount())
      return;
    Value tile = weightTile(piece);
    if (exists(piece))
      tile = b.min(tile, b.i32(LinearEpilogue::countTiles(region) - 1));
    for (EpilogueValues &value : values) {
      operands[piece].push_back(epilogue.load(tile, value.pair, kPairs, value.row, value.valid));
      operands[piece].back().cacheRow = value.operands.cacheRow;
    }
  }

  /// Writes a piece of the sums, into one of the warp's two places for pieces in turn.
  void writePiece(ArrayRef<Value> sums, int64_t piece) {
    ArrayRef<Value> ofPiece = sums.drop_front(piece * kPieceColumns / 2);
    for (auto [block, place] : llvm::enumerate(written))
      for (int64_t half = 0; half < 2 && 4 * block < ofPiece.size(); ++half)
        b.storeRun(b.getF32Type(), ofPiece.slice(4 * block + 2 * half, 2), b.at(place, placeOf(piece, half)));
  }
  void readPiece(int64_t piece) {
    for (auto [half, value] : llvm::enumerate(values)) {
      value.first = b.loadRun(b.getF32Type(), kPairs, b.at(readFirst, placeOf(piece, half)));
      value.second = b.loadRun(b.getF32Type(), kPairs, b.at(readSecond, placeOf(piece, half)));
      value.operands = operands[piece][half];
    }
  }
  static int64_t placeOf(int64_t piece, int64_t half) { return piece % 2 * kPieceBytes + half * kPieceBytes / 2; }

  void store(ArrayRef<Value> sums) {
    writePiece(sums, 0);
    for (int64_t piece = 0; piece < pieceCount(); ++piece) {
      loadOperands(piece + kPiecesAhead);
      // The piece is there, and the one before has been read by all lanes.
      b.warpBarrier();
      readPiece(piece);
      if (piece + 1 < pieceCount())
        writePiece(sums, piece + 1);
      auto store = [&] { epilogue.store(weightTile(piece), values); };
      if (Value present = exists(piece))
        b.ifThen(present, store);
      else
        store();
    }
    // All lanes together again: products take whole warps.
    b.warpBarrier();
  }

  static constexpr int64_t kPairs = 4;

  CudaBuilder &b;
  LinearRegion &region;
  CudaLinearManyScheduleAttr schedule;
  Layout layout;
  CudaFrame frame;
  LinearEpilogue epilogue;
  Wgmma wgmma;
  Value shared;
  Barriers full, empty;
  /// Results in the arena have memory for as many rows as the program may have. Where whole tiles, in a cluster pairs
  /// of them, divide that, stores need no branches; plain products may be logits, which are the caller's.
  bool storesOnlyRowsOfStep;
  /// Rows of the step, and the thread's place in the block.
  Value rows, warp, lane;
  /// Whether the thread tells (i32) that its group is done with a buffer, and which block of the cluster.
  Value tells, told;
  /// Descriptors of the group's rows of the input, and of the weight, in the first buffer.
  Value inputStart, weightStart;
  /// Where the thread writes and reads pieces.
  Values written;
  Value readFirst, readSecond, tileInPiece, pair;
  /// The thread's part of the epilogue of a tile; what was loaded for each piece and row.
  SmallVector<EpilogueValues> values;
  Value column;
  SmallVector<SmallVector<EpilogueOperands>> operands;
};

} // namespace

static LogicalResult checkWgmma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule) {
  KernelOp kernel = region.kernel;
  auto elementOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); };
  Type input = elementOf(region.linear.getInput()), weight = elementOf(region.linear.getWeight());
  if (input != weight || !(weight.isBF16() || weight.isF16()))
    return kernel.emitOpError() << "multiplies " << input << " by " << weight
                                << "; wgmma takes two operands of bf16 or f16";
  if (region.inputs() % 8)
    return kernel.emitOpError() << "has rows of " << region.inputs() << " elements; tensor maps need a multiple of 8";
  int64_t tokens = schedule.getTokens(), warps = schedule.getWarps();
  bool tileFits = warps > 0 && warps % 4 == 0 && tokens == 16 * warps && tokens <= kMaxBoxRows &&
                  schedule.getRows() > 0 && schedule.getRows() % 16 == 0 && schedule.getRows() <= Wgmma::kMaxColumns;
  bool stagesFit = schedule.getDepth() > 0 && schedule.getDepth() % kBoxDepth == 0 && schedule.getStages() >= 2;
  int64_t cluster = schedule.getCluster();
  bool clusterFits = cluster == 1 || (cluster == 2 && schedule.getPersistent() && !schedule.getAhead());
  if (!tileFits || !stagesFit || !clusterFits || Layout(schedule, region.inputs()).bytes() > b.target.sharedBytes())
    return kernel.emitOpError() << "has schedule " << schedule << ", but wgmma needs 16 tokens a warp and warps in "
                                << "fours, up to " << Wgmma::kMaxColumns << " rows in multiples of 16, depth in "
                                << "multiples of " << kBoxDepth << ", two stages or more, at most "
                                << b.target.sharedBytes() << " bytes of shared memory, and clusters of 1, or of 2 "
                                << "where it is persistent and requests nothing ahead";
  return LinearEpilogue::check(region);
}

LogicalResult emitLinearManyWgmma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule,
                                  int64_t maxRows, GeneratedKernel &generated) {
  if (failed(checkWgmma(b, region, schedule)))
    return failure();
  KernelOp kernel = region.kernel;
  Type element = cast<RankedTensorType>(region.linear.getWeight().getType()).getElementType();
  unsigned input =
      region.norm ? CudaFrame::pointerOfWorkspace(kernel, 0) : CudaFrame::pointerOfArgument(kernel, region.source());
  unsigned weight = CudaFrame::pointerOfArgument(kernel, region.linear.getWeight());
  Layout layout(schedule, region.inputs());
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  // The blocks of a cluster have a pair of row tiles.
  entry.cluster = schedule.getCluster();
  entry.fixed = entry.cluster * llvm::divideCeil(region.outputs(), schedule.getRows());
  entry.rows = region.gather ? RowDim::Outputs : RowDim::Tokens;
  entry.rowsPerBlock = entry.cluster * schedule.getTokens();
  entry.threads = layout.threads();
  entry.sharedBytes = layout.bytes();
  entry.persistent = schedule.getPersistent();
  entry.tensorMaps = {{input, element, maxRows, region.inputs(), schedule.getTokens(), kBoxDepth},
                      {weight, element, region.outputs(), region.inputs(), layout.copiedRows, kBoxDepth}};
  LinearManyWgmma(b, region, schedule, maxRows, entry).emit();
  generated.entries.push_back(entry);
  return success();
}

} // namespace quipu::codegen
