//===- AttentionMany.cpp - Attention of many rows ---------------------------===//
//
// A block computes `tokens` rows of the step and `heads` query heads of one key/value head. A tile of a warp is 16 rows
// of one head. Keys and values come through shared memory in tiles of `keys` positions, and serve all heads of the
// block. The next tile is copied while the warps work on the present one. S are the scores of a tile in the layout of
// an accumulator. The softmax is a running one (Milakov and Gimelshein, 2018; Dao et al., 2022):
//
//   S = Q K^T     p = 2^(c S - r)     l += p     O += p V     c = scale / ln 2
//
// The reference r of a row is near its greatest c S, so p stays below 2^kGrowth. Raising r to r' scales l and O by 2^(r
// - r'). After the first tiles this is rarely needed, and a warp skips it if no row of the warp needs it. The
// accumulators of neighbouring keys already lie as the second product wants its operand. Rows may belong to several
// sequences. The block walks the keys once for each run of rows of one sequence; almost always there is one run. Blocks
// with the last rows have the most keys and start first.
//
// With one token a block has a single tile: its heads, which are less than 16 or as many, are the rows of it. The warps
// divide the keys of a tile for the scores, which they exchange through shared memory, and the features of the values.
// So a row adds as in larger blocks.
//
// With `part` the softmax begins anew with each part of the positions (AttentionParts.h). A block merges the parts as
// it walks them. If a schedule of one token has `splits`, each part has a block of its own. It leaves its softmax in
// the workspace, and the last of the row's blocks merges all.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CacheAddress.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/attention/AttentionCounters.h"
#include "codegen/cuda/attention/AttentionLeftParts.h"
#include "codegen/cuda/attention/AttentionParts.h"
#include "codegen/cuda/attention/AttentionScores.h"
#include "codegen/cuda/vocabulary/SharedRows.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

/// Rows and keys of one product of the tensor cores. Registers of a thread that accumulators and queries may take
/// together, and that outputs alone may take.
static constexpr int64_t kTile = 16, kRegisters = 176, kMaxOutputs = 128;

namespace {

/// Sizes that follow from the op and its schedule.
struct MmaShape {
  MmaShape(AttentionOp attention, CudaAttentionScheduleAttr schedule)
      : kvHeads(attention.getNumKvHeads()), group(attention.getNumHeads() / kvHeads),
        head(attention.getKv().getType().getHeadDim()), page(attention.getKv().getType().getPage()),
        tokens(schedule.getTokens()), heads(schedule.getHeads()), warps(schedule.getWarps()), keys(schedule.getKeys()),
        stages(schedule.getStages()), part(schedule.getPart()), splits(schedule.getSplits()), hasOneToken(tokens == 1),
        tiles(hasOneToken ? 1 : heads * tokens / kTile / std::max<int64_t>(warps, 1)),
        features(hasOneToken ? head / warps : head), rows(head) {}

  int64_t threads() const { return 32 * warps; }
  /// Registers of a thread for the outputs, the scores and the queries of its warp.
  int64_t outputRegisters() const { return tiles * features / 2; }
  int64_t allOutputRegisters() const { return (mergesParts() ? 2 : 1) * outputRegisters(); }
  bool queryInRegisters() const { return allOutputRegisters() + tiles * keys / 2 + tiles * head / 4 <= kRegisters; }
  /// Each part of a row's keys has a block. Or a block walks all parts, and has what it merged beside the present one.
  bool isDivided() const { return splits > 1; }
  bool mergesParts() const { return part > 0 && !isDivided(); }
  /// Shared memory: the queries (later the outputs), then stages of keys and values.
  int64_t lines() const { return hasOneToken ? kTile : heads * tokens; }
  int64_t queryBytes() const { return llvm::alignTo(lines() * rows.stride, 128); }
  int64_t tileBytes() const { return llvm::alignTo(keys * rows.stride, 128); }
  int64_t stageBytes() const { return 2 * tileBytes(); }
  /// Behind the stages: the scores of a tile, if the warps divide its keys evenly.
  int64_t scoresBegin() const { return queryBytes() + stages * stageBytes(); }
  /// Behind them what countBlock() needs.
  int64_t flagBegin() const { return scoresBegin() + (exchangesScores() ? kTile * keys * 4 : 0); }
  int64_t sharedBytes() const { return flagBegin() + (isDivided() ? 16 : 0); }
  bool exchangesScores() const { return hasOneToken && warps > 1 && keys % (kTile * warps) == 0; }
  /// Halves of a thread: rows g and g + 8 of each tile. If a tile has up to eight rows, there is only the first.
  int64_t halves() const { return hasOneToken && heads <= kTile / 2 ? 1 : 2 * tiles; }
  /// Rows that the threads copy at once; each thread copies 16 bytes. It is a power of two, so that the rows lie in one
  /// page.
  int64_t copyRows() const { return std::min<int64_t>(llvm::bit_floor(uint64_t(threads() / rows.chunks)), kTile); }
  /// Whether rows that are copied at once lie in one page, and the tile's first position says in which.
  bool copiesWithinPage() const { return page % copyRows() == 0 && (page % keys == 0 || keys % page == 0); }
  /// Entries of the block table that a thread reads for a tile.
  int64_t lookups() const { return copiesWithinPage() ? std::max<int64_t>(keys / page, 1) : keys / copyRows(); }

  int64_t kvHeads, group, head, page, tokens, heads, warps, keys, stages, part, splits;
  /// A block has one tile, whose rows are heads.
  bool hasOneToken;
  /// Tiles of a warp. Features of the values that it has.
  int64_t tiles, features;
  SharedRows rows;
};

class ManyMmaBody {
public:
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  ManyMmaBody(CudaBuilder &b, AttentionOp attention, CudaAttentionScheduleAttr schedule, const MmaShape &shape,
              const AttentionWorkspace &workspace, StringRef counters, const CudaFrame &frame)
      : b(b), attention(attention), shape(shape), workspace(workspace), counters(counters), frame(frame),
        cache(b, frame, attention.getKv()), element(cache.type.getElementType()), rows(shape.rows),
        blockRows(b, frame, attention, schedule), scores(b, blockRows, attention, shape.keys, shape.halves()),
        window(attention.getWindow()), rowBytes(attention.getNumHeads() * shape.head * 2) {}

  void emit() {
    frame.letNextStart();
    findPlace();
    if (shape.isDivided())
      leaveIfNothingIsSeen();
    frame.waitForPrevious();
    copyQuery();
    blockRows.forEachRun(lane, {}, [&](ValueRange) {
      findKeys();
      attend();
      return Values();
    });
  }

private:
  Value fresh(Value number) { return blockRows.fresh(number); }
  Value less(Value a, Value c) { return b.compare(Predicate::slt, a, c); }
  Value lessEqual(Value a, Value c) { return b.compare(Predicate::sle, a, c); }
  /// Finds what the block and the thread work on.
  void findPlace() {
    thread = b.thread();
    lane = b.rem(thread, 32);
    Value parts = frame.block(0);
    if (shape.isDivided()) {
      split = b.rem(parts, shape.splits);
      parts = b.div(parts, shape.splits);
    }
    unit = parts;
    blockRows.enter(b.sub(b.sub(frame.gridSize(1), frame.block(1)), 1));
    int64_t partsOfGroup = shape.group / shape.heads;
    kvHead = b.div(parts, partsOfGroup);
    firstHead = b.mul(parts, shape.heads);
    firstHeadBytes = b.mul(b.widen(firstHead), shape.head * 2);
    sharedQuery = LLVM::PtrToIntOp::create(b, b.getI32Type(), b.shared());
    sharedTiles = b.add(sharedQuery, shape.queryBytes());
  }

  /// Finds the parts that the block's row sees. A block whose part is none of them leaves. Positions were written
  /// before the step began, so it need not wait for the kernel in front. One block of each row stays, also of a padding
  /// row, because the kernel may not end before the one in front.
  void leaveIfNothingIsSeen() {
    Value position = b.max(blockRows.position(b.i32(0)), b.i32(0));
    lastPart = b.div(position, shape.part);
    firstPart = window ? b.div(b.max(b.sub(position, *window - 1), b.i32(0)), shape.part) : b.i32(0);
    frame.leaveIf(arith::OrIOp::create(b, less(split, firstPart), less(lastPart, split)));
  }

  /// The tiles of the thread's warp: their heads, their first rows, and the shared address where their queries begin.
  /// The first feature of the values that the warp has.
  struct WarpTiles {
    Value lane, queries, firstFeature;
    Values head, row;
  };
  WarpTiles findTiles() {
    Value number = fresh(thread), warp = b.div(number, 32);
    WarpTiles tiles;
    tiles.lane = b.rem(number, 32);
    tiles.firstFeature = b.i32(0);
    if (shape.hasOneToken) {
      tiles.queries = sharedQuery;
      tiles.head.push_back(b.i32(0));
      tiles.row.push_back(b.i32(0));
      tiles.firstFeature = b.mul(warp, shape.features);
      return tiles;
    }
    tiles.queries = b.add(sharedQuery, b.mul(warp, shape.tiles * kTile * rows.stride));
    int64_t tilesOfHead = shape.tokens / kTile;
    for (int64_t i = 0; i < shape.tiles; ++i) {
      Value tile = b.add(b.mul(warp, shape.tiles), i);
      tiles.head.push_back(b.div(tile, tilesOfHead));
      tiles.row.push_back(b.mul(b.rem(tile, tilesOfHead), kTile));
    }
    return tiles;
  }

  /// What a lane adds to the address of a tile for ldmatrix, which loads four matrices of 8 x 8. rowsFirst: the second
  /// matrix is below the first (for first operands and transposed values). columnsFirst: it is to the right of the
  /// first (for keys).
  Value rowsFirst(Value lane) { return rows.offset(b, b.rem(lane, 16), b.div(lane, 16)); }
  Value columnsFirst(Value lane) {
    return rows.offset(b, b.add(b.mul(b.div(lane, 16), 8), b.rem(lane, 8)), b.rem(b.div(lane, 8), 2));
  }

  /// The 16 bytes that the thread copies: the row (among the rows that are copied at once), the chunk of the row, and
  /// the byte offset in a tile where they go.
  struct CopyPlace {
    Value row, chunk, target;
  };
  CopyPlace findCopyPlace() {
    Value row = b.div(thread, rows.chunks), chunk = b.rem(thread, rows.chunks);
    return {row, chunk, rows.offset(b, row, chunk)};
  }
  /// Emits `body` for the threads that copy.
  void whereCopying(const CopyPlace &place, llvm::function_ref<void()> body) {
    if (shape.copyRows() * rows.chunks == shape.threads())
      return body();
    b.ifThen(b.compare(Predicate::slt, place.row, shape.copyRows()), body);
  }

  /// The address of a line of the queries, and whether the line exists. `source`: address of the thread's chunk of the
  /// first head in row 0 of the step.
  std::pair<Value, Value> queryOfRow(Value source, Value copyRow, int64_t line) {
    Value token = b.add(copyRow, line % shape.tokens);
    Value from = b.add(blockRows.first, b.min(token, b.sub(blockRows.count, 1)));
    Value address = b.at(source, b.mul(b.widen(from), rowBytes));
    return {b.at(address, line / shape.tokens * shape.head * 2), less(token, blockRows.count)};
  }
  std::pair<Value, Value> queryOfHead(Value source, Value head) {
    Value from = b.mul(b.widen(b.min(head, b.i32(shape.heads - 1))), shape.head * 2);
    return {b.at(b.at(source, b.mul(b.widen(blockRows.first), rowBytes)), from), less(head, b.i32(shape.heads))};
  }

  void copyQuery() {
    CopyPlace place = findCopyPlace();
    Value target = b.add(sharedQuery, place.target);
    Value source = b.at(b.at(frame.argument(attention.getQuery()), firstHeadBytes), b.widen(b.mul(place.chunk, 16)));
    whereCopying(place, [&] {
      for (int64_t line = 0; line < shape.lines(); line += shape.copyRows()) {
        auto [address, exists] =
            shape.hasOneToken ? queryOfHead(source, b.add(place.row, line)) : queryOfRow(source, place.row, line);
        b.copyAsync16(rows.downRows(b, target, line), address, exists);
      }
    });
    b.commitCopies();
  }

  /// Finds the keys [firstKey, lastKey] that rows of the run see; firstKey is the start of a tile. Those behind stopKey
  /// are not the block's. No row of the warp sees a key behind warpLast.
  void findKeys() {
    Values ofWarp;
    WarpTiles tiles = findTiles();
    for (Value row : tiles.row)
      ofWarp.push_back(b.add(row, b.rem(tiles.lane, kTile)));
    Value low;
    std::tie(low, lastKey) = blockRows.boundsOfRun(tiles.lane);
    Value common;
    std::tie(common, warpLast) = blockRows.bounds(ofWarp);
    scores.enterRun(common, warpLast);
    firstKey = b.i32(0);
    if (window) {
      Value first = b.max(b.sub(low, *window - 1), b.i32(0));
      firstKey = b.mul(b.div(first, shape.keys), shape.keys);
    }
    stopKey = lastKey;
    if (shape.isDivided()) {
      Value begin = b.mul(split, shape.part);
      firstKey = b.max(firstKey, begin);
      stopKey = b.min(lastKey, b.add(begin, shape.part - 1));
    }
    tableRow = b.at(cache.table, b.mul(b.mul(b.widen(blockRows.sequence), cache.tableStride), 4));
  }

  /// Numbers of the blocks of the cache from which the thread copies its part of a tile.
  Values lookUp(Value tile) {
    Values blocks;
    Value copyRow = shape.copiesWithinPage() ? Value() : findCopyPlace().row;
    Value lastPage = b.div(b.max(lastKey, b.i32(0)), shape.page);
    for (int64_t i = 0; i < shape.lookups(); ++i) {
      Value number = shape.copiesWithinPage() ? b.add(b.div(tile, shape.page), i)
                                              : b.div(b.add(b.add(tile, i * shape.copyRows()), copyRow), shape.page);
      blocks.push_back(b.loadI32(b.at(tableRow, b.mul(b.widen(b.min(number, lastPage)), 4))));
    }
    return blocks;
  }

  /// Starts copying a tile of keys and values to a stage. Rows behind the last key become zeros.
  void copyTile(Value tile, Value stage, ArrayRef<Value> blocks) {
    CopyPlace place = findCopyPlace();
    Value target = b.add(stage, place.target), rowsLeft = b.sub(b.sub(lastKey, tile), place.row);
    Value source = b.add(b.mul(kvHead, cache.headBytes()), b.mul(place.chunk, 16));
    whereCopying(place, [&] {
      Value keys, values;
      int64_t first = 0;
      for (int64_t row = 0; row < shape.keys; row += shape.copyRows()) {
        if (!shape.copiesWithinPage() || row % shape.page == 0) {
          Value block = blocks[row / (shape.copiesWithinPage() ? shape.page : shape.copyRows())];
          Value rowOfPage = place.row;
          if (!shape.copiesWithinPage())
            rowOfPage = b.rem(b.add(b.add(tile, row), place.row), shape.page);
          else if (shape.page > shape.keys)
            rowOfPage = b.add(rowOfPage, b.rem(tile, shape.page));
          Value inBlock = b.add(source, b.mul(rowOfPage, cache.rowBytes()));
          Value offset = b.add(b.mul(b.widen(block), cache.blockBytes()), b.widen(inBlock));
          keys = b.at(cache.keys, offset);
          values = b.at(cache.values, offset);
          first = row;
        }
        Value valid = b.compare(Predicate::sge, rowsLeft, row);
        Value to = rows.downRows(b, target, row);
        int64_t behind = (row - first) * cache.rowBytes();
        b.copyAsync16(to, b.at(keys, behind), valid);
        b.copyAsync16(b.add(to, shape.tileBytes()), b.at(values, behind), valid);
      }
    });
  }

  Value queriesOfWarp() {
    WarpTiles tiles = findTiles();
    return b.add(tiles.queries, rowsFirst(tiles.lane));
  }
  /// Fragments of 16 features of the queries of a warp's tile.
  Values loadQuery(Value queries, int64_t tile, int64_t step) {
    return b.loadMatrices(b.add(rows.alongRow(b, queries, step), tile * kTile * rows.stride));
  }

  int64_t steps() const { return shape.head / kTile; }
  int64_t valueSteps() const { return shape.features / kTile; }
  /// Numbers of a thread: two halves (rows g and g + 8) of each tile.
  int64_t halves() const { return shape.halves(); }

  void attend() {
    // All warps must have finished the run before: its tiles are overwritten.
    b.barrier();
    Value firstStage = fresh(sharedTiles);
    int64_t ahead = shape.stages - 1;
    for (int64_t i = 0; i < ahead; ++i) {
      Value tile = b.add(firstKey, i * shape.keys);
      Values blocks = lookUp(tile);
      b.ifThen(lessEqual(tile, stopKey), [&] { copyTile(tile, b.add(firstStage, i * shape.stageBytes()), blocks); });
      b.commitCopies();
    }
    // Wait for the copies of the queries.
    b.waitCopies(ahead);
    b.barrier();
    if (shape.queryInRegisters()) {
      query.clear();
      Value queries = queriesOfWarp();
      for (int64_t tile = 0; tile < shape.tiles; ++tile)
        for (int64_t step = 0; step < steps(); ++step)
          query.push_back(loadQuery(queries, tile, step));
    }

    // The stage to read and the one to fill. With more than two stages also the blocks of the next tile to copy, so
    // that looking them up delays nothing.
    Values carried{firstStage, b.add(firstStage, ahead * shape.stageBytes())};
    if (shape.stages > 2)
      carried.append(lookUp(b.add(firstKey, ahead * shape.keys)));
    auto fixed = static_cast<int64_t>(carried.size());
    Values empty = noKeys().pack();
    carried.append(empty);
    if (shape.mergesParts())
      carried.append(empty);
    carried = b.loop(firstKey, b.add(stopKey, 1), shape.keys, carried, [&](Value tile, ValueRange now) {
      Value present = now[0], fill = now[1], nextTile = b.add(tile, ahead * shape.keys);
      Values nextBlocks = shape.stages > 2 ? Values(now.slice(2, shape.lookups())) : lookUp(nextTile);
      b.waitCopies(ahead - 1);
      // The tile is there for all threads, and all warps have done with the stage to fill.
      b.barrier();
      b.ifThen(lessEqual(nextTile, stopKey), [&] { copyTile(nextTile, fill, nextBlocks); });
      b.commitCopies();
      Value following = fill;
      if (shape.stages > 2) {
        Value behind = b.add(present, shape.stageBytes());
        Value end = b.add(sharedTiles, shape.stages * shape.stageBytes());
        following = b.select(b.compare(Predicate::eq, behind, end), sharedTiles, behind);
      }
      Values result{following, present};
      if (shape.stages > 2)
        result.append(lookUp(b.add(nextTile, shape.keys)));
      Values before(now.drop_front(fixed));
      if (shape.mergesParts())
        before = b.ifElse(beginsPart(b, tile, shape.part), [&] { return mergePart(before); }, [&] { return before; });
      ArrayRef<Value> ofPart = ArrayRef(before).take_front(empty.size());
      result.append(b.ifElse(
          lessEqual(tile, warpLast),
          [&] { return addTile(tile, present, SoftmaxState::unpack(ofPart, halves())).pack(); },
          [&] { return Values(ofPart); }));
      result.append(before.begin() + empty.size(), before.end());
      return result;
    });
    ArrayRef<Value> last = ArrayRef(carried).drop_front(fixed);
    if (shape.mergesParts())
      return store(SoftmaxState::unpack(ArrayRef(mergePart(last)).drop_front(empty.size()), halves()));
    SoftmaxState whole = withWholeTotals(b, SoftmaxState::unpack(last, halves()));
    shape.isDivided() ? finishPart(whole) : store(whole);
  }

  SoftmaxState noKeys() { return softmaxOfNoKeys(b, halves(), scores.factor, shape.outputRegisters()); }

  // ---- parts of the keys

  /// `both`: the state of a part, then that of all parts before. Returns those of no keys and of all.
  Values mergePart(ArrayRef<Value> both) {
    size_t size = both.size() / 2;
    SoftmaxState part = withWholeTotals(b, SoftmaxState::unpack(both.take_front(size), halves()));
    SoftmaxState before = SoftmaxState::unpack(both.drop_front(size), halves());
    Values result = noKeys().pack();
    result.append(joinParts(b, before, part, shape.features).pack());
    return result;
  }

  /// The row is stored by the block that has its only part, or by the last of its blocks.
  void finishPart(const SoftmaxState &part) {
    Value flag = b.at(b.shared(), shape.flagBegin());
    b.ifElse(
        b.compare(Predicate::eq, firstPart, lastPart),
        [&] {
          store(joinParts(b, noKeys(), part, shape.features));
          return Values();
        },
        [&] {
          WarpTiles tiles = findTiles();
          AttentionLeftParts left(b, frame.workspace(0), workspace,
                                  {shape.heads, shape.features, halves(), shape.outputRegisters(), scores.factor},
                                  {blockRows.first, firstHead, tiles.lane, tiles.firstFeature});
          left.leave(part, split);
          Value counter = b.add(b.mul(blockRows.first, shape.kvHeads * shape.group / shape.heads), unit);
          Value others = b.sub(lastPart, firstPart);
          Value before = countBlock(b, counters, counter, others, flag);
          b.ifThen(b.compare(Predicate::eq, before, others), [&] { store(left.merge(firstPart, lastPart)); });
          return Values();
        });
  }

  // ---- the softmax

  /// Raises the references of the warp's rows to their greatest scores if one of them has grown too far.
  SoftmaxState raiseReference(ArrayRef<Value> tileScores, const SoftmaxState &state) {
    auto [greatest, grown] = scores.findGrowth(tileScores, state.reference);
    auto raise = [&, greatest = greatest] {
      SoftmaxState raised = state;
      for (int64_t half = 0; half < halves(); ++half) {
        Value &reference = raised.reference[half];
        Value next = scores.raise(reference, greatest[half]);
        Value shrink = b.exp2(b.subf(reference, next));
        reference = next;
        raised.total[half] = b.mulf(raised.total[half], shrink);
        for (int64_t i = 0; i < shape.features / 4; ++i) {
          Value &output = raised.sums[outputOf(half, i)];
          output = b.mulf(output, shrink);
        }
      }
      return raised.pack();
    };
    return SoftmaxState::unpack(b.ifElse(grown, raise, [&] { return state.pack(); }), halves());
  }

  /// Adds a tile of keys to the warp's softmax.
  SoftmaxState addTile(Value tile, Value stage, SoftmaxState state) {
    Values tileScores = mask(tile, computeScores(stage));
    state = raiseReference(tileScores, state);
    Value values = b.add(stage, shape.tileBytes());
    Values chunks;
    if (shape.hasOneToken)
      chunks = valueChunks();
    else
      values = b.add(values, rowsFirst(fresh(lane)));
    for (int64_t key = 0; key < shape.keys; key += kTile) {
      SmallVector<Values> weights(shape.tiles);
      for (int64_t tile = 0; tile < shape.tiles; ++tile)
        for (int64_t pair = 0; pair < 4; ++pair) {
          // Rows g and g + 8 of the first eight keys, then of the other eight.
          int64_t half = 2 * tile + pair % 2;
          if (half >= halves()) {
            weights[tile].push_back(b.i32(0));
            continue;
          }
          Values p;
          for (int64_t i = 0; i < 2; ++i) {
            Value score = tileScores[scores.scoreOf(half, key / 4 + pair / 2 * 2 + i)];
            p.push_back(b.exp2(b.fma(score, b.f32(scores.factor), b.negf(state.reference[half]))));
            state.total[half] = b.addf(state.total[half], p.back());
          }
          weights[tile].push_back(b.pack(element, p[0], p[1]));
        }
      for (int64_t step = 0; step < valueSteps(); ++step) {
        Value first = shape.hasOneToken ? b.add(values, chunks[step]) : rows.alongRow(b, values, step);
        Value address = b.add(first, key * rows.stride);
        Values value = b.loadMatrices(address, /*transposed=*/true);
        for (int64_t tile = 0; tile < shape.tiles; ++tile)
          for (int64_t i = 0; i < 2; ++i)
            accumulate(weights[tile], ArrayRef(value).slice(2 * i, 2),
                       MutableArrayRef(state.sums).slice(tile * shape.features / 2 + 8 * step + 4 * i, 4));
      }
    }
    return state;
  }

  /// With one token: what a lane adds to the address of a tile of values for ldmatrix, for each 16 features of the
  /// warp.
  Values valueChunks() {
    WarpTiles tiles = findTiles();
    Values chunks;
    Value chunk = b.add(b.div(tiles.firstFeature, 8), b.div(tiles.lane, 16));
    for (int64_t step = 0; step < valueSteps(); ++step)
      chunks.push_back(rows.offset(b, b.rem(tiles.lane, 16), b.add(chunk, 2 * step)));
    return chunks;
  }

  /// Index in a thread's accumulators of feature number `i` of a half. A half has features / 4 of them.
  int64_t outputOf(int64_t half, int64_t i) const { return AttentionScores::accumulatorOf(half, i, shape.features); }

  void accumulate(ArrayRef<Value> a, ArrayRef<Value> c, MutableArrayRef<Value> sums) {
    llvm::copy(b.mma(element, a, c, sums), sums.begin());
  }

  /// The products of the warp's queries and the keys of a stage, [tile][8 keys][4].
  Values computeScores(Value stage) {
    if (shape.exchangesScores())
      return exchangeScores(stage);
    Values sums(shape.tiles * shape.keys / 2, b.f32(0.0f));
    Value keys = b.add(stage, columnsFirst(fresh(lane)));
    Value sharedQueries = shape.queryInRegisters() ? Value() : queriesOfWarp();
    for (int64_t step = 0; step < steps(); ++step) {
      SmallVector<Values> queries;
      for (int64_t tile = 0; tile < shape.tiles; ++tile)
        queries.push_back(shape.queryInRegisters() ? query[tile * steps() + step]
                                                   : loadQuery(sharedQueries, tile, step));
      Value address = rows.alongRow(b, keys, step);
      for (int64_t key = 0; key < shape.keys; key += kTile) {
        Values pairs = b.loadMatrices(b.add(address, key * rows.stride));
        for (int64_t tile = 0; tile < shape.tiles; ++tile)
          for (int64_t i = 0; i < 2; ++i)
            accumulate(queries[tile], ArrayRef(pairs).slice(2 * i, 2),
                       MutableArrayRef(sums).slice(tile * shape.keys / 2 + key / 2 + 4 * i, 4));
      }
    }
    return sums;
  }

  /// The same for one token. Each warp multiplies its part of the keys, and reads what all have stored. The barrier at
  /// the head of the loop over tiles is between reading these scores and storing the next ones.
  Values exchangeScores(Value stage) {
    Value number = fresh(thread), lane = b.rem(number, 32), warp = b.div(number, 32);
    int64_t keysOfWarp = shape.keys / shape.warps;
    Value keys = b.add(b.add(stage, columnsFirst(lane)), b.mul(warp, keysOfWarp * rows.stride));
    Value sharedQueries = shape.queryInRegisters() ? Value() : queriesOfWarp();
    Values sums(keysOfWarp / 2, b.f32(0.0f));
    for (int64_t step = 0; step < steps(); ++step) {
      Values queries = shape.queryInRegisters() ? query[step] : loadQuery(sharedQueries, 0, step);
      Value address = rows.alongRow(b, keys, step);
      for (int64_t key = 0; key < keysOfWarp; key += kTile) {
        Values pairs = b.loadMatrices(b.add(address, key * rows.stride));
        for (int64_t i = 0; i < 2; ++i)
          accumulate(queries, ArrayRef(pairs).slice(2 * i, 2), MutableArrayRef(sums).slice(key / 2 + 4 * i, 4));
      }
    }
    // [8 keys][half][lane][2]
    auto placeOf = [&](Value base, int64_t block, int64_t half) {
      return sharedPointer(b.add(base, (2 * block + half) * 32 * 8));
    };
    Value all = b.add(b.add(sharedQuery, shape.scoresBegin()), b.mul(lane, 8));
    Value own = b.add(all, b.mul(warp, keysOfWarp / 8 * 2 * 32 * 8));
    for (int64_t block = 0; block < keysOfWarp / 8; ++block)
      for (int64_t half = 0; half < halves(); ++half)
        b.storeRun(b.getF32Type(), ArrayRef(sums).slice(4 * block + 2 * half, 2), placeOf(own, block, half));
    b.barrier();
    Values result(shape.keys / 2, b.f32(0.0f));
    for (int64_t block = 0; block < shape.keys / 8; ++block)
      for (int64_t half = 0; half < halves(); ++half)
        llvm::copy(b.loadRun(b.getF32Type(), 2, placeOf(all, block, half)), result.begin() + 4 * block + 2 * half);
    return result;
  }

  Values mask(Value tile, ArrayRef<Value> tileScores) {
    WarpTiles tiles;
    auto findLane = [&] {
      tiles = findTiles();
      return tiles.lane;
    };
    return scores.mask(tile, tileScores, findLane, [&](int64_t half) { return rowOf(tiles, half); });
  }

  /// Row of the block that a thread's half belongs to.
  Value rowOf(const WarpTiles &tiles, int64_t half) {
    if (shape.hasOneToken)
      return b.i32(0);
    return b.add(b.add(tiles.row[half / 2], b.div(tiles.lane, 4)), half % 2 * 8);
  }

  /// Stores the outputs of the run's rows. `state` has whole totals. They go through shared memory (where the warp's
  /// queries were), so that a thread stores 16 bytes at once.
  void store(SoftmaxState state) {
    // With one token the queries are those of all warps.
    shape.hasOneToken ? b.barrier() : b.warpBarrier();
    WarpTiles tiles = findTiles();
    Value lane = tiles.lane, firstChunk = b.div(tiles.firstFeature, 8);
    for (int64_t half = 0; half < halves(); ++half) {
      Value row = rowOf(tiles, half);
      Value inverse = b.reciprocal(state.total[half]);
      Value padding = b.compare(Predicate::slt, blockRows.position(row), 0);
      Value tileBase = b.add(tiles.queries, half / 2 * kTile * rows.stride);
      Value line = b.add(b.div(lane, 4), half % 2 * 8);
      b.ifThen(blockRows.inRun(row), [&] {
        for (int64_t i = 0; i < shape.features / 8; ++i) {
          Value low = b.mulf(state.sums[outputOf(half, 2 * i)], inverse);
          Value high = b.mulf(state.sums[outputOf(half, 2 * i + 1)], inverse);
          Value word = b.select(padding, b.i32(0), b.pack(element, low, high));
          Value address = b.add(b.add(tileBase, rows.offset(b, line, b.add(firstChunk, i))), b.mul(b.rem(lane, 4), 4));
          b.store(word, sharedPointer(address), 4);
        }
      });
    }
    b.warpBarrier();
    Value target = b.at(frame.result(0), firstHeadBytes);
    shape.hasOneToken ? storeHeads(target, tiles) : storeRows(target, tiles);
    // Later code needs all lanes of the warp.
    b.warpBarrier();
  }
  void storeRows(Value target, const WarpTiles &tiles) {
    for (int64_t tile = 0; tile < shape.tiles; ++tile) {
      Value tileBase = b.add(tiles.queries, tile * kTile * rows.stride);
      Value headBase = b.at(target, b.mul(b.widen(tiles.head[tile]), shape.head * 2));
      for (int64_t first = 0; first < kTile * rows.chunks; first += 32) {
        Value number = b.add(tiles.lane, first);
        Value line = b.div(number, rows.chunks), chunk = b.rem(number, rows.chunks);
        Value row = b.add(tiles.row[tile], line);
        b.ifThen(blockRows.inRun(row), [&] {
          Value value = b.load16(sharedPointer(b.add(tileBase, rows.offset(b, line, chunk))));
          Value rowBase = b.at(headBase, b.mul(b.widen(b.add(blockRows.first, row)), rowBytes));
          b.store16(value, b.at(rowBase, b.widen(b.mul(chunk, 16))));
        });
      }
    }
  }
  /// Stores the warp's features of all heads of the block's one row.
  void storeHeads(Value target, const WarpTiles &tiles) {
    int64_t chunks = shape.features / 8, all = shape.heads * chunks;
    Value rowBase = b.at(target, b.mul(b.widen(blockRows.first), rowBytes));
    for (int64_t first = 0; first < all; first += 32) {
      Value number = b.add(tiles.lane, first), head = b.div(number, chunks);
      Value chunk = b.add(b.div(tiles.firstFeature, 8), b.rem(number, chunks));
      b.ifThen(less(number, b.i32(all)), [&] {
        Value value = b.load16(sharedPointer(b.add(tiles.queries, rows.offset(b, head, chunk))));
        b.store16(value, b.at(rowBase, b.widen(b.add(b.mul(head, shape.head * 2), b.mul(chunk, 16)))));
      });
    }
  }
  Value sharedPointer(Value address) { return LLVM::IntToPtrOp::create(b, b.pointerType(3), address); }

  CudaBuilder &b;
  AttentionOp attention;
  const MmaShape &shape;
  const AttentionWorkspace &workspace;
  StringRef counters;
  const CudaFrame &frame;
  CacheAddress cache;
  Type element;
  const SharedRows &rows;
  AttentionRows blockRows;
  AttentionScores scores;
  std::optional<int64_t> window;
  /// Bytes of a row of queries and results.
  int64_t rowBytes;

  // Values of the block.
  Value kvHead, firstHead, firstHeadBytes;
  /// Number of the block's set of heads. With divided keys the block's part, and the first and last part of the row.
  Value unit, split, firstPart, lastPart;
  Value thread, lane, sharedQuery, sharedTiles;
  SmallVector<Values> query;
  // Values of the run.
  Value firstKey, lastKey, stopKey, warpLast, tableRow;
};

} // namespace

static FailureOr<CudaBody> emitMma(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                   CudaAttentionScheduleAttr schedule, int64_t maxRows, const std::string &symbol,
                                   RowDim rows) {
  Type element = attention.getKv().getType().getElementType();
  if (schedule.getDot() != CudaDot::Mma || !(element.isF16() || element.isBF16()) ||
      getElementTypeOrSelf(attention.getQuery()) != element || getElementTypeOrSelf(attention.getResult()) != element)
    return kernel.emitOpError()
           << "has an attention schedule for many rows, which needs dot = mma and queries, keys and "
           << "results of one 16-bit type; use regime = few for others";
  if (!(attention.getScale().convertToDouble() > 0))
    return kernel.emitOpError() << "has a scale that is not positive";
  MmaShape shape(attention, schedule);
  auto refuse = [&] { return kernel.emitOpError() << "cannot be generated as " << schedule << ": "; };
  for (int64_t size : {shape.head, shape.hasOneToken ? kTile : shape.tokens, shape.keys})
    if (size < kTile || size % kTile)
      return refuse() << "head_dim (" << shape.head << "), tokens and keys must be multiples of " << kTile
                      << "; tokens may be 1";
  if (shape.heads < 1 || shape.group % shape.heads)
    return refuse() << "heads must divide the " << shape.group << " query heads of a key/value head";
  if (shape.hasOneToken) {
    if (shape.heads > kTile || shape.head % (kTile * shape.warps))
      return refuse() << "of one token it can do " << kTile << " heads, and warps must divide head_dim / " << kTile;
  } else if (shape.tiles < 1 || shape.tiles * shape.warps * kTile != shape.heads * shape.tokens) {
    return refuse() << "warps must divide heads * tokens / " << kTile;
  }
  if (shape.isDivided() && !hasWorkspacesOf(kernel, attention, schedule))
    return refuse() << "the kernel lacks the workspace for parts of the keys";
  if (shape.allOutputRegisters() > kMaxOutputs || shape.threads() < shape.rows.chunks)
    return refuse() << "a head of " << shape.head << " elements needs more warps";
  // GPUs with different amounts of shared memory run this code, so the least amount is the limit where there are two
  // stages. More are for a target that is known.
  if (int64_t room = shape.stages > 2 ? b.target.sharedBytes() : CudaTarget::kLeastSharedBytes;
      shape.sharedBytes() > room)
    return refuse() << "it needs " << shape.sharedBytes() << " bytes of shared memory, more than " << room;

  GeneratedEntry entry;
  entry.symbol = cudaSymbol(symbol);
  int64_t units = shape.kvHeads * shape.group / shape.heads;
  entry.fixed = units * shape.splits;
  entry.rows = rows;
  entry.rowsPerBlock = shape.tokens;
  entry.threads = shape.threads();
  entry.sharedBytes = shape.sharedBytes();
  std::string counters = cudaSymbol(symbol, ".counters");
  if (shape.isDivided())
    emitCounters(b, counters, maxRows * units);
  AttentionWorkspace workspace(attention, schedule);
  CudaBody body{entry, [attention, schedule, shape, workspace, counters](CudaBuilder &b, const CudaFrame &frame) {
                  ManyMmaBody(b, attention, schedule, shape, workspace, counters, frame).emit();
                }};
  // A warp with several tiles needs many registers. Without this bound ptxas would spill registers so that more blocks
  // run at once.
  if (shape.tiles > 1)
    body.residentBlocks = 1;
  return body;
}

FailureOr<CudaBody> emitAttentionMany(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                      CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                      const GeneratedKernel &generated) {
  return emitMma(b, kernel, attention, schedule, maxRows, generated.name, AttentionRows::rowsOf(schedule));
}

FailureOr<CudaBody> emitAttentionManyLone(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                          CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                          const GeneratedKernel &generated) {
  return emitMma(b, kernel, attention, schedule, maxRows, generated.name + ".lone", RowDim::Lone);
}

} // namespace quipu::codegen::cuda
