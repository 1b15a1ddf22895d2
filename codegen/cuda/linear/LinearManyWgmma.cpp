//===- LinearManyWgmma.cpp - Linear kernels for many rows with wgmma -------------===//
//
// A tile is `tokens` rows of the input times `rows` rows of the weight. Operand A of wgmma is the input, or the weight
// with `weight_first`. The other is operand B. One warp, the producer, has boxes of both copied into a ring of `stages`
// buffers of `depth` elements of K. The consumers are groups of four warps. Each group has 64 rows of A and multiplies
// what has arrived:
//
//   producer: one thread                           consumers
//     for each tile, for each step of K:             for each tile:
//       wait until the buffer is empty                 for each step of K:
//       request the boxes                                wait until the buffer is full
//                                                        start its products
//                                                        wait for those of the step before; its buffer is empty
//                                                      wait for the last products
//                                                      epilogue (TileSums.h)
//
// So products of two steps run at once, and the next tile's buffers fill during the epilogue. K is rounded up to whole
// steps: copies fill the rest with zeros. The same is true for rows of the weight beyond N.
//
// The choice of operand A changes the energy that a product needs. It changes speed where a card is at its limit of
// power. Tensor cores keep A and take one column of B after the other. If the rows of B are alike, few bits change, and
// that saves energy. Rows of a prompt may be alike, rows of a weight are not (docs/performance.md).
//
// `persistent`: a block computes tiles number x, x + gridDim.x, and so on. Neighbouring numbers are neighbouring tiles
// of the input, so blocks that run together share rows of the weight. Without it a block has one tile. `ahead`: for a
// block's first steps the boxes of the weight are requested before the kernel in front has finished, the boxes of the
// input after it.
//
// `burst`: so many KiB of these weights are requested at once, the others at a steady pace. What blocks request before
// their time stands in the queues of memory in front of all that the kernel in front still reads and writes, and its
// slowest block decides when this one may go on.
//
// A program of fewer rows than a tile copies only these rows of the input. A step may have fewer rows still. Where
// there is one tile of rows, the rows that are copied end with the last row of the step. So what a step lacks are the
// rows in front of the first, which have negative numbers: copies fill them with zeros and read nothing.
//
// `cluster`: the tiles of two neighbouring blocks are neighbours in A and share rows of B. Each block copies one half
// of these rows into the buffers of both blocks. So a buffer is empty when the consumers of both blocks have told both
// blocks so. It is full when the bytes from both blocks have arrived. The number of tiles of A is rounded up to an even
// number, so that both blocks do the same number of steps. The additional tile computes rows that do not exist, and
// stores nothing outside of the result.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/linear/ManyTiles.h"
#include "codegen/cuda/linear/TileSums.h"
#include "codegen/cuda/vocabulary/Barriers.h"
#include "codegen/cuda/vocabulary/TensorCopies.h"
#include "codegen/cuda/vocabulary/Wgmma.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

using Values = CudaBuilder::Values;
using Predicate = CudaBuilder::Predicate;

/// Elements of K in a box: a row of 128 bytes of 16-bit elements.
static constexpr int64_t kBoxDepth = kBoxRowBytes / 2;
/// Registers of a thread of the producer and of a consumer, if they are divided unequally.
static constexpr int64_t kProducerRegisters = 24, kConsumerRegisters = 240;
/// Bytes of the weight that a block requests in a cycle while the kernel in front still works, behind its burst.
/// At 1.98 GHz all multiprocessors of an H200 together ask for half as much again as its memory gives. 16 to 32 are as
/// good.
static constexpr int64_t kPace = 24;

namespace {

/// One of the two matrices in shared memory.
struct Operand {
  /// Number of its tensor map: 0 for the input, 1 for the weight.
  unsigned map;
  /// Rows of a tile, rows of it that are copied, and rows of a box. A box has fewer rows where each block of a cluster
  /// copies a part of the tile.
  int64_t rows, copiedRows, boxRows;
  /// In bytes: size of a box, where the buffers begin in shared memory, and the distance between buffers.
  int64_t box, buffers, stage;
};

/// Sizes that follow from the schedule, and the layout of shared memory: buffers of A, of B, pieces of the warps,
/// barriers.
struct Layout {
  Layout(CudaLinearManyScheduleAttr schedule, int64_t inputs, int64_t maxRows)
      : boxes(schedule.getDepth() / kBoxDepth), steps(llvm::divideCeil(inputs, schedule.getDepth())),
        stages(schedule.getStages()), warps(schedule.getWarps()), groups(warps / 4),
        weightFirst(schedule.getWeightFirst()) {
    int64_t tokens = schedule.getTokens(), rows = schedule.getRows(), cluster = schedule.getCluster();
    int64_t room = inputRowsOfStage(tokens, weightFirst, cluster, maxRows);
    first = weightFirst ? operand(1, rows, rows, rows, 1, 0)
                        : operand(0, tokens, room, room < tokens ? std::min(room, maxRows) : tokens, 1, 0);
    second = weightFirst ? operand(0, tokens, tokens, tokens, cluster, stages * first.stage)
                         : operand(1, rows, rows, rows, cluster, stages * first.stage);
  }

  /// Whether the producer gives registers to the consumers. With two groups of consumers an equal share of the
  /// registers is too small for a consumer's sums and epilogue. Registers are divided by groups of four warps, so the
  /// producer then has four warps, and one of them works.
  bool dividesRegisters() const { return groups > 1; }
  int64_t threads() const { return 32 * (warps + (dividesRegisters() ? 4 : 1)); }

  int64_t pieces() const { return second.buffers + stages * second.stage; }
  int64_t full() const { return pieces() + warps * TileSums::kWarpBytes; }
  int64_t empty() const { return full() + stages * Barriers::kBytes; }
  int64_t bytes() const { return empty() + stages * Barriers::kBytes; }

  int64_t boxes, steps, stages, warps, groups;
  bool weightFirst;
  /// A and B.
  Operand first, second;
  const Operand &input() const { return weightFirst ? second : first; }
  const Operand &weight() const { return weightFirst ? first : second; }

private:
  /// `room`: rows that a buffer has room for.
  Operand operand(unsigned map, int64_t rows, int64_t room, int64_t copied, int64_t cluster, int64_t buffers) const {
    int64_t box = room * kBoxRowBytes;
    return {map, rows, copied, copied / cluster, box, buffers, boxes * box};
  }
};

class WgmmaBody {
public:
  WgmmaBody(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule, int64_t maxRows,
            const CudaFrame &frame)
      : b(b), region(region), schedule(schedule), maxRows(maxRows), layout(schedule, region.inputs(), maxRows),
        frame(frame), sums(b, region, frame, schedule, maxRows),
        wgmma(b, cast<RankedTensorType>(region.linear.getWeight().getType()).getElementType(), layout.second.rows),
        shared(b.shared()), full(b, b.at(shared, layout.full()), layout.stages),
        empty(b, b.at(shared, layout.empty()), layout.stages) {}

  void emit() {
    if (!delaysAttention())
      frame.letNextStart();
    rows = region.rowCount(frame);
    warp = b.warp();
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
    // Stay until the other block has finished: it may still arrive at this block's barriers for its last buffers.
    if (inCluster())
      b.clusterBarrier();
    frame.retire({full, empty});
  }

private:
  bool inCluster() const { return schedule.getCluster() > 1; }

  /// Whether attention follows, which then begins when all blocks of this kernel have ended. It reads the cache through
  /// L1. A multiprocessor divides its memory between L1 and shared memory only while nothing runs on it. So if blocks
  /// of attention began beside this kernel, all of them would have the small L1 that it leaves.
  bool delaysAttention() const { return region.has<AppendStage>(); }

  /// Emits `body` for one thread of the warp, if `condition` (i1, equal in the warp) is true.
  void ifElected(Value condition, llvm::function_ref<void()> body) {
    b.ifThen(condition, [&] { b.ifThen(NVVM::ElectSyncOp::create(b, b.getI1Type(), Value()), body); });
  }

  // ---- tiles

  struct Tile {
    /// First row of the step in the tile. Number of the tile along the rows of the weight.
    Value row, column;
  };

  Tile firstTile() {
    if (schedule.getPersistent())
      return tileNumber(frame.block(0));
    return {firstRow(frame.block(1)), frame.block(0)};
  }
  Tile tileNumber(Value number) {
    Value tiles = rowTiles();
    if (!layout.weightFirst)
      return {firstRow(b.rem(number, tiles)), b.div(number, tiles)};
    // The blocks of a cluster have one tile of the input.
    int64_t cluster = schedule.getCluster();
    Value together = b.div(number, cluster);
    Value column = b.add(b.mul(b.div(together, tiles), cluster), b.rem(number, cluster));
    return {firstRow(b.rem(together, tiles)), column};
  }
  /// First row of the step in tile number `tile` along the rows of the step.
  Value firstRow(Value tile) {
    if (tileEndsWithStep(region, schedule, maxRows))
      return b.sub(rows, layout.input().copiedRows);
    return b.mul(tile, schedule.getTokens());
  }

  Value rowTiles() {
    int64_t cluster = layout.weightFirst ? 1 : schedule.getCluster();
    return b.mul(b.ceilDiv(rows, schedule.getTokens() * cluster), cluster);
  }
  Value tileCount() { return b.mul(rowTiles(), columnTiles(schedule, region.outputs())); }

  /// Emits `body` for each of the block's tiles. It gets the carried values and returns the next ones.
  void walk(ArrayRef<Value> initial, llvm::function_ref<Values(const Tile &, ValueRange)> body) {
    if (!schedule.getPersistent()) {
      body(firstTile(), Values(initial));
      return;
    }
    b.loop(frame.block(0), tileCount(), frame.gridSize(0), initial,
           [&](Value number, ValueRange carried) { return body(tileNumber(number), carried); });
  }

  // ---- producer

  /// Number of steps whose weights are requested before the kernel in front has finished.
  int64_t stepsAhead() const { return schedule.getAhead() ? std::min(layout.stages, layout.steps) : 0; }

  void request(const Operand &operand, Value stage, Value step, const Tile &tile) {
    bool isPart = operand.boxRows < operand.copiedRows;
    Value place = b.add(b.mul(stage, operand.stage), operand.buffers);
    Value row = operand.map == 0 ? tile.row : b.mul(tile.column, operand.rows);
    if (isPart) {
      Value first = b.mul(b.rem(frame.block(0), schedule.getCluster()), operand.boxRows);
      place = b.add(place, b.mul(first, kBoxRowBytes));
      row = b.add(row, first);
    }
    Value start = b.at(shared, place), column = b.mul(step, schedule.getDepth());
    for (int64_t box = 0; box < layout.boxes; ++box) {
      Value to = b.at(start, box * operand.box), from = b.add(column, box * kBoxDepth);
      if (isPart)
        copyBoxToCluster(b, to, frame.tensorMap(operand.map), row, from, full.at(stage), schedule.getCluster());
      else
        copyBox(b, to, frame.tensorMap(operand.map), row, from, full.at(stage));
    }
  }
  void announce(Value stage) {
    int64_t rows = layout.first.copiedRows + layout.second.copiedRows;
    full.arriveExpecting(layout.boxes * rows * kBoxRowBytes, stage);
  }

  /// Waits until step number `step` may be requested, at kPace from cycle `begin` on, without the first ones. Cycles
  /// are compared without a sign: whatever the counter does while a thread is stopped, the wait ends.
  void keepPace(Value begin, Value step) {
    int64_t stepBytes = layout.boxes * layout.weight().box;
    int64_t first = std::max<int64_t>(schedule.getBurst() * 1024 / stepBytes, 1);
    Value cycles = b.mul(b.max(b.sub(step, first - 1), b.i32(0)), stepBytes / kPace);
    b.repeat({}, [&](ValueRange) -> std::pair<Value, Values> {
      return {b.compare(Predicate::ult, b.sub(b.cycle(), begin), cycles), {}};
    });
  }

  void requestFirstWeights() {
    Tile tile = firstTile();
    Value begin = schedule.getBurst() ? b.cycle() : Value();
    auto body = [&](Value step) {
      if (begin)
        keepPace(begin, step);
      announce(step);
      request(layout.weight(), step, step, tile);
    };
    Value steps = b.i32(stepsAhead());
    if (!schedule.getPersistent())
      return b.loop(b.i32(0), steps, 1, body);
    // A block may have no tile.
    b.ifThen(b.compare(Predicate::slt, frame.block(0), tileCount()), [&] { b.loop(b.i32(0), steps, 1, body); });
  }

  void produce() {
    frame.waitForPrevious();
    // The loop carries a place in the ring and a number of steps. The weights of so many first steps of the tile are
    // already requested.
    RingPlace start = RingPlace::ofWriter(b);
    walk({start.stage, start.parity, b.i32(stepsAhead())}, [&](const Tile &tile, ValueRange carried) {
      RingPlace place{carried[0], carried[1]};
      if (schedule.getAhead()) {
        Values after = b.loop(b.i32(0), carried[2], 1, {place.stage, place.parity}, [&](Value step, ValueRange at) {
          request(layout.input(), at[0], step, tile);
          RingPlace next = RingPlace{at[0], at[1]}.next(b, layout.stages);
          return Values{next.stage, next.parity};
        });
        place = {after[0], after[1]};
      }
      Values after =
          b.loop(carried[2], b.i32(layout.steps), 1, {place.stage, place.parity}, [&](Value step, ValueRange at) {
            empty.wait(at[0], at[1]);
            announce(at[0]);
            request(layout.input(), at[0], step, tile);
            request(layout.weight(), at[0], step, tile);
            RingPlace next = RingPlace{at[0], at[1]}.next(b, layout.stages);
            return Values{next.stage, next.parity};
          });
      return Values{after[0], after[1], b.i32(0)};
    });
  }

  // ---- consumers

  void consume() {
    frame.waitForPrevious();
    Value group = b.div(warp, 4);
    // One thread of a group tells that the group no longer needs a buffer; in a cluster one thread for each block.
    blockToTell = b.rem(b.thread(), 128);
    tellsRelease = b.select(b.compare(Predicate::slt, blockToTell, schedule.getCluster()), b.i32(1), b.i32(0));
    Value start = wgmma.descriptor(shared);
    firstStart = b.add(start, b.mul(group, Wgmma::descriptorStep(Wgmma::kRows * kBoxRowBytes)));
    secondStart = b.add(start, Wgmma::descriptorStep(layout.second.buffers));
    sums.begin(b.at(shared, layout.pieces()), warp, rows);
    RingPlace ring = RingPlace::ofReader(b);
    walk({ring.stage, ring.parity}, [&](const Tile &tile, ValueRange carried) {
      RingPlace place{carried[0], carried[1]};
      multiplyAndStore(tile, place);
      return Values{place.stage, place.parity};
    });
  }

  /// Tells the producers that the group no longer needs a buffer.
  void release(Value stage) {
    if (inCluster())
      empty.arriveIf(tellsRelease, stage, blockToTell);
    else
      empty.arriveIf(tellsRelease, stage);
  }

  void multiplyAndStore(const Tile &tile, RingPlace &place) {
    full.wait(place.stage, place.parity);
    // The first step's products need no sums yet.
    Values products = multiply(place.stage, wgmma.sums(), /*keep=*/false);
    Value previous = place.stage;
    place = place.next(b, layout.stages);
    sums.beginTile(tile.row, tile.column);
    // The loop carries a place in the ring, the buffer of the step before, and the sums.
    Values carried{place.stage, place.parity, previous};
    carried.append(products);
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
    products = wgmma.finish(ArrayRef(carried).drop_front(3));
    release(carried[2]);
    sums.store(products);
  }

  /// Starts the products of one buffer. With `keep` they are added to `before`; otherwise they replace it.
  Values multiply(Value stage, Values before, bool keep) {
    Value first = b.add(firstStart, b.mul(stage, Wgmma::descriptorStep(layout.first.stage)));
    Value second = b.add(secondStart, b.mul(stage, Wgmma::descriptorStep(layout.second.stage)));
    wgmma.begin();
    for (int64_t box = 0; box < layout.boxes; ++box)
      for (int64_t k = 0; k < kBoxDepth / Wgmma::kDepth; ++k) {
        int64_t along = Wgmma::descriptorStep(k * Wgmma::kDepth * 2);
        before = wgmma.multiply(b.add(first, Wgmma::descriptorStep(box * layout.first.box) + along),
                                b.add(second, Wgmma::descriptorStep(box * layout.second.box) + along), before,
                                keep || box > 0 || k > 0);
      }
    wgmma.commit();
    return before;
  }

  CudaBuilder &b;
  LinearRegion &region;
  CudaLinearManyScheduleAttr schedule;
  /// Bound on the rows of the step.
  int64_t maxRows;
  Layout layout;
  const CudaFrame &frame;
  TileSums sums;
  Wgmma wgmma;
  Value shared;
  Barriers full, empty;
  /// Rows of the step, and the thread's warp.
  Value rows, warp;
  /// Whether the thread tells that its group no longer needs a buffer (i32), and which block of the cluster it tells.
  Value tellsRelease, blockToTell;
  /// Descriptors of the group's rows of A, and of B, in the first buffer.
  Value firstStart, secondStart;
};

} // namespace

static LogicalResult checkWgmma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule,
                                int64_t maxRows) {
  KernelOp kernel = region.kernel;
  Type input = getElementTypeOrSelf(region.linear.getInput()), weight = getElementTypeOrSelf(region.linear.getWeight());
  if (!b.target.hasWgmma() || (schedule.getCluster() > 1 && !b.target.has(CudaFeature::Clusters)))
    return kernel.emitOpError() << "has schedule " << schedule
                                << ", which needs a GPU with wgmma, tensor copies and clusters (sm_90a); the target is "
                                << b.target.arch;
  if (input != weight || !(weight.isBF16() || weight.isF16()))
    return kernel.emitOpError() << "multiplies " << input << " by " << weight
                                << "; wgmma takes two operands of bf16 or f16";
  if (region.inputs() % 8)
    return kernel.emitOpError() << "has rows of " << region.inputs() << " elements; tensor maps need a multiple of 8";
  if (int64_t bytes = Layout(schedule, region.inputs(), maxRows).bytes(); bytes > b.target.sharedBytes())
    return kernel.emitOpError() << "has schedule " << schedule << ", which needs " << bytes
                                << " bytes of shared memory; a block of " << b.target.arch << " has "
                                << b.target.sharedBytes();
  return LinearEpilogue::check(region);
}

FailureOr<CudaBody> emitLinearManyWgmma(CudaBuilder &b, LinearRegion &region, CudaLinearManyScheduleAttr schedule,
                                        int64_t maxRows, const GeneratedKernel &generated) {
  if (failed(checkWgmma(b, region, schedule, maxRows)))
    return failure();
  KernelOp kernel = region.kernel;
  Type element = cast<RankedTensorType>(region.linear.getWeight().getType()).getElementType();
  unsigned input =
      region.norm() ? CudaFrame::pointerOfWorkspace(kernel, 0) : CudaFrame::pointerOfArgument(kernel, region.source());
  unsigned weight = CudaFrame::pointerOfArgument(kernel, region.linear.getWeight());
  Layout layout(schedule, region.inputs(), maxRows);
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  entry.cluster = schedule.getCluster();
  entry.fixed = columnTiles(schedule, region.outputs());
  entry.rowsPerBlock = schedule.getTokens();
  if (!schedule.getWeightFirst()) {
    // The blocks of a cluster together have two tiles of rows of the step.
    entry.fixed *= entry.cluster;
    entry.rowsPerBlock *= entry.cluster;
  }
  entry.rows = region.rows;
  entry.threads = layout.threads();
  entry.sharedBytes = layout.bytes();
  entry.persistent = schedule.getPersistent();
  entry.tensorMaps = {{input, element, maxRows, region.inputs(), layout.input().boxRows, kBoxDepth},
                      {weight, element, region.outputs(), region.inputs(), layout.weight().boxRows, kBoxDepth}};
  CudaBody body{entry, [region, schedule, maxRows](CudaBuilder &b, const CudaFrame &frame) mutable {
                  WgmmaBody(b, region, schedule, maxRows, frame).emit();
                }};
  // ptxas ignores setmaxnreg unless it knows with how many registers a thread begins.
  if (layout.dividesRegisters())
    body.residentBlocks = 1;
  return body;
}

} // namespace quipu::codegen::cuda
