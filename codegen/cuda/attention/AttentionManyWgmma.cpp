//===- AttentionManyWgmma.cpp - Attention of many rows with wgmma -----------------===//
//
// The arithmetic is that of AttentionMany.cpp; four warps compute a product together (wgmma). A tile is `tokens` rows
// of the step and `heads` query heads of one key/value head. Each group of four warps has 64 pairs of a row and a head.
// Four other warps, the producers, copy tiles of `keys` keys and `keys` values into two rings of two buffers. The
// groups are the consumers. They need not keep step, so one group can multiply while the other computes exponentials. A
// group also starts the scores of the next keys before it adds the values of the present ones:
//
//   S = Q K[0]^T;  P = exponentials of S
//   for each tile of keys but the last:     S = Q K[next]^T and O += P V under way
//                                           wait for S; P' = exponentials of S
//                                           wait for O; scale O where a reference was raised
//   O += P V
//
// With `part` a tile that begins a part has references and sums of its own; O goes to what was merged before, and
// begins at zero (AttentionParts.h).
//
// P lies in the registers of the sums S, and there it already is an operand of wgmma. A buffer has a box for every 64
// features of the head. A row of a box is 128 bytes. Its 16-byte chunks are permuted as wgmma wants it: chunk c of row
// r lies at c ^ (r % 8).
//
// Blocks walk the tiles. Tiles with the last rows have the most keys and come first. Every second round goes backwards,
// so that all blocks get the same amount of work. The producers are up to two buffers ahead of the consumers, also from
// one tile to the next.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CacheAddress.h"
#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/attention/AttentionParts.h"
#include "codegen/cuda/attention/AttentionScores.h"
#include "codegen/cuda/vocabulary/Barriers.h"
#include "codegen/cuda/vocabulary/Wgmma.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

/// Bytes and elements of a row of a box. Buffers of keys, and as many of values. Threads that copy.
static constexpr int64_t kBoxRowBytes = 128, kBoxColumns = 64, kStages = 2, kProducers = 128;
/// Registers of a thread. The producers release registers, and the consumers take them. One block runs on a
/// multiprocessor.
static constexpr int64_t kProducerRegisters = 40, kConsumerRegisters = 232;
static constexpr int64_t kConsumerGroups = 2;
/// Number of the first group's hardware barrier. Barrier 0 is the barrier of the whole block.
static constexpr int64_t kGroupBarrier = 1;

namespace {

/// Sizes that follow from the op and its schedule.
struct WgmmaShape {
  WgmmaShape(AttentionOp attention, CudaAttentionScheduleAttr schedule)
      : kvHeads(attention.getNumKvHeads()), group(attention.getNumHeads() / kvHeads),
        head(attention.getKv().getType().getHeadDim()), page(attention.getKv().getType().getPage()),
        tokens(schedule.getTokens()), heads(schedule.getHeads()), warps(schedule.getWarps()), keys(schedule.getKeys()),
        part(schedule.getPart()), chunks(head / 8), boxes(head / kBoxColumns) {}

  int64_t threads() const { return 32 * warps + kProducers; }
  int64_t groups() const { return warps / 4; }
  /// Blocks' worth of heads: sets of `heads` query heads.
  int64_t parts() const { return kvHeads * group / heads; }

  int64_t queryBox() const { return Wgmma::kRows * kBoxRowBytes; }
  int64_t queryBytes() const { return boxes * queryBox(); }
  int64_t tileBox() const { return keys * kBoxRowBytes; }
  int64_t tileBytes() const { return boxes * tileBox(); }
  int64_t keysAt() const { return groups() * queryBytes(); }
  int64_t valuesAt() const { return keysAt() + kStages * tileBytes(); }
  int64_t barriersAt() const { return valuesAt() + kStages * tileBytes(); }
  int64_t sharedBytes() const { return barriersAt() + 4 * kStages * Barriers::kBytes; }

  /// Rows that the producers copy at once; each thread copies 16 bytes.
  int64_t copyRows() const { return kProducers / chunks; }
  /// Whether rows that are copied at once lie in one page, and the tile's first position says in which.
  bool copiesWithinPage() const { return page % copyRows() == 0 && (page % keys == 0 || keys % page == 0); }
  /// Entries of the block table that a thread reads for a tile.
  int64_t lookups() const { return std::max<int64_t>(keys / page, 1); }

  int64_t kvHeads, group, head, page, tokens, heads, warps, keys, part;
  /// Chunks of 16 bytes in a head, and boxes (128 bytes a row).
  int64_t chunks, boxes;
};

class ManyWgmmaBody {
public:
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  ManyWgmmaBody(CudaBuilder &b, AttentionOp attention, CudaAttentionScheduleAttr schedule, const WgmmaShape &shape,
                const CudaFrame &frame)
      : b(b), attention(attention), shape(shape), frame(frame), cache(b, frame, attention.getKv()),
        element(cache.type.getElementType()), rows(b, frame, attention, schedule),
        tileScores(b, rows, attention, shape.keys, /*halves=*/2), scoreProducts(b, element, shape.keys),
        outputProducts(b, element, shape.head), shared(b.shared()), fullKeys(barriers(0)), emptyKeys(barriers(1)),
        fullValues(barriers(2)), emptyValues(barriers(3)), window(attention.getWindow()),
        rowBytes(attention.getNumHeads() * shape.head * 2) {}

  void emit() {
    frame.letNextStart();
    thread = b.thread();
    lane = b.rem(thread, 32);
    warp = b.warp();
    b.ifThen(b.compare(Predicate::eq, thread, 0), [&] {
      for (Barriers *full : {&fullKeys, &fullValues})
        full->initialise(kProducers);
      for (Barriers *empty : {&emptyKeys, &emptyValues})
        empty->initialise(shape.warps);
      Barriers::publish(b);
    });
    b.barrier();
    frame.waitForPrevious();
    Value isProducer = b.compare(Predicate::sge, warp, shape.warps);
    b.ifThen(isProducer, [&] {
      scoreProducts.releaseRegisters(kProducerRegisters);
      walk([&](Value count) { return produce(count); });
    });
    b.ifThen(b.compare(Predicate::eq, isProducer, 0), [&] {
      scoreProducts.acquireRegisters(kConsumerRegisters);
      walk([&](Value count) { return consume(count); });
    });
    frame.retire({fullKeys, emptyKeys, fullValues, emptyValues});
  }

private:
  Barriers barriers(int64_t which) {
    return Barriers(b, b.at(shared, shape.barriersAt() + which * kStages * Barriers::kBytes), kStages);
  }
  Value lessEqual(Value a, Value c) { return b.compare(Predicate::sle, a, c); }

  // ---- tiles

  /// Emits `body` for every run of every tile of the block. `body` gets the number of tiles of keys that came before,
  /// and returns this number for the next run.
  void walk(llvm::function_ref<Value(Value)> body) {
    Value rowTiles = rows.countTiles(), tiles = b.mul(rowTiles, shape.parts());
    Value block = frame.block(0), blocks = frame.gridSize(0);
    b.loop(b.i32(0), tiles, blocks, {b.i32(0), block}, [&](Value start, ValueRange carried) {
      Value number = b.add(start, carried[1]), turned = b.sub(b.sub(blocks, carried[1]), 1);
      Values after = b.ifElse(
          b.compare(Predicate::slt, number, tiles), [&] { return visit(number, rowTiles, carried[0], body); },
          [&] { return Values{carried[0]}; });
      return Values{after[0], turned};
    });
  }
  Values visit(Value number, Value rowTiles, Value count, llvm::function_ref<Value(Value)> body) {
    Value part = b.rem(number, shape.parts());
    rows.enter(b.sub(b.sub(rowTiles, b.div(number, shape.parts())), 1));
    kvHead = b.div(part, shape.group / shape.heads);
    firstHeadBytes = b.mul(b.widen(b.mul(part, shape.heads)), shape.head * 2);
    return rows.forEachRun(lane, {count}, [&](ValueRange carried) {
      findKeys();
      return Values{body(carried[0])};
    });
  }

  /// Finds the tiles of keys that the run's rows see: the first begins at firstKey, the last at lastTile. No row sees a
  /// key behind lastKey. There is always at least one tile; it may be all zeros.
  void findKeys() {
    auto [low, high] = rows.boundsOfRun(lane);
    lastKey = high;
    firstKey = b.i32(0);
    if (window) {
      Value first = b.max(b.sub(b.min(low, b.max(high, b.i32(0))), *window - 1), b.i32(0));
      firstKey = b.mul(b.div(first, shape.keys), shape.keys);
    }
    Value last = b.max(lastKey, firstKey);
    lastTile = b.mul(b.div(last, shape.keys), shape.keys);
  }

  // ---- producers

  Value produce(Value count) {
    Value tableRow = b.at(cache.table, b.mul(b.mul(b.widen(rows.sequence), cache.tableStride), 4));
    return b
        .loop(firstKey, b.add(lastTile, 1), shape.keys, {count},
              [&](Value tile, ValueRange carried) {
                Values blocks = lookUp(tableRow, tile);
                Value number = carried[0];
                copyTile(cache.keys, shape.keysAt(), tile, blocks, number, emptyKeys, fullKeys);
                copyTile(cache.values, shape.valuesAt(), tile, blocks, number, emptyValues, fullValues);
                return Values{b.add(number, 1)};
              })
        .front();
  }
  Value stageOf(Value number) { return b.rem(number, kStages); }
  /// Parity of the phase of the barrier that ends when the buffer's tile has arrived. The buffer is empty when the
  /// phase of the other parity ends.
  Value fullParity(Value number) { return b.rem(b.div(number, kStages), 2); }
  Value emptyParity(Value number) { return b.sub(b.i32(1), fullParity(number)); }

  /// Numbers of the blocks of the cache that have a tile.
  Values lookUp(Value tableRow, Value tile) {
    Values blocks;
    Value lastPage = b.div(b.max(lastKey, b.i32(0)), shape.page), firstPage = b.div(tile, shape.page);
    for (int64_t i = 0; i < shape.lookups(); ++i)
      blocks.push_back(b.loadI32(b.at(tableRow, b.mul(b.widen(b.min(b.add(firstPage, i), lastPage)), 4))));
    return blocks;
  }

  /// Waits until the buffer of tile `number` is empty, then starts copying keys or values to it. Rows behind the last
  /// key become zeros.
  void copyTile(Value pool, int64_t buffers, Value tile, ArrayRef<Value> blocks, Value number, Barriers &empty,
                Barriers &full) {
    Value stage = stageOf(number);
    empty.wait(stage, emptyParity(number));
    Value producer = b.sub(thread, 32 * shape.warps);
    Value row = b.div(producer, shape.chunks), chunk = b.rem(producer, shape.chunks);
    Value target =
        b.add(b.add(sharedAddress(buffers), b.mul(stage, shape.tileBytes())), chunkOffset(row, chunk, shape.tileBox()));
    Value rowsLeft = b.sub(b.sub(lastKey, tile), row);
    Value source = b.add(b.mul(kvHead, cache.headBytes()), b.mul(chunk, 16));
    Value rowOfPage = shape.page > shape.keys ? b.add(row, b.rem(tile, shape.page)) : row;
    Value inBlock = b.widen(b.add(source, b.mul(rowOfPage, cache.rowBytes())));
    int64_t rowsOfLookup = shape.keys / shape.lookups();
    for (int64_t page = 0; page < shape.lookups(); ++page) {
      Value from = b.at(pool, b.add(b.mul(b.widen(blocks[page]), cache.blockBytes()), inBlock));
      for (int64_t i = 0; i < rowsOfLookup; i += shape.copyRows()) {
        int64_t down = page * rowsOfLookup + i;
        b.copyAsync16(b.add(target, down * kBoxRowBytes), b.at(from, i * cache.rowBytes()),
                      b.compare(Predicate::sge, rowsLeft, down));
      }
    }
    full.arriveAfterCopies(stage);
  }

  // ---- shared memory

  Value sharedAddress(int64_t offset) {
    return b.add(LLVM::PtrToIntOp::create(b, b.getI32Type(), shared).getResult(), offset);
  }
  Value sharedPointer(Value address) { return LLVM::IntToPtrOp::create(b, b.pointerType(3), address); }
  /// Byte offset of a chunk of a row in boxes of `boxBytes`. If `row` grows by a multiple of eight, the offset grows by
  /// as many rows.
  Value chunkOffset(Value row, Value chunk, int64_t boxBytes) {
    Value permuted = arith::XOrIOp::create(b, b.rem(chunk, 8), b.rem(row, 8));
    Value inBox = b.add(b.mul(row, kBoxRowBytes), b.mul(permuted, 16));
    return shape.boxes == 1 ? inBox : b.add(inBox, b.mul(b.div(chunk, 8), boxBytes));
  }

  // ---- consumers

  /// The warp's 16 pairs of a row and a head: its lane and group, the head and first row of the pairs in the tile, and
  /// the shared address where their queries begin.
  struct WarpRows {
    Value lane, group, head, row, queries;
  };
  WarpRows warpRows() {
    Value lane = rows.fresh(this->lane), warp = rows.fresh(this->warp);
    int64_t ofHead = shape.tokens / 16;
    Value group = b.div(warp, 4);
    Value queries = b.add(b.mul(group, shape.queryBytes()), b.mul(b.rem(warp, 4), 16 * kBoxRowBytes));
    return {lane, group, b.div(warp, ofHead), b.mul(b.rem(warp, ofHead), 16), b.add(sharedAddress(0), queries)};
  }
  /// Row of the tile that a thread's half belongs to (half 0: row g, half 1: row g + 8).
  Value rowOf(const WarpRows &own, int64_t half) { return b.add(b.add(own.row, b.div(own.lane, 4)), half * 8); }
  /// Waits for all warps of the group.
  void groupBarrier() { b.barrier(b.add(b.div(warp, 4), kGroupBarrier), 128); }

  /// For each of a thread's two halves: the reference, and the thread's part of the sum.
  struct Softmax {
    Values reference, sum;
  };
  /// Exponentials of a tile, in the order of the scores. If `grown` (i1), outputs of earlier tiles must be multiplied
  /// by `shrink`.
  struct Weights {
    Values exponentials, shrink;
    Value grown;
  };

  Value consume(Value count) {
    WarpRows own = warpRows();
    auto [common, last] = rows.bounds({b.add(own.row, b.rem(own.lane, 16))});
    tileScores.enterRun(common, last);
    b.ifThen(b.compare(Predicate::eq, rows.begin, 0), [&] { copyQuery(); });

    Softmax softmax = noKeys();
    waitFor(fullKeys, count);
    scoreProducts.begin();
    Values scores = scoreProducts.finish(startScores(count));
    release(emptyKeys, count);
    Weights weights = exponentials(firstKey, scores, softmax);

    Carried first{count, softmax, pack(weights.exponentials), noOutputs(), {}};
    if (shape.part)
      first.merged = noParts();
    Values all = b.loop(b.add(firstKey, shape.keys), b.add(lastTile, 1), shape.keys, first.pack(),
                        [&](Value tile, ValueRange before) { return nextTile(tile, unpack(before)).pack(); });
    Carried end = unpack(all);
    waitFor(fullValues, end.number);
    beginProducts(end.fragments, end.outputs);
    end.outputs = outputProducts.finish(startOutputs(end.number, end.fragments, end.outputs));
    release(emptyValues, end.number);
    SoftmaxState part = asPart(end.softmax, end.outputs);
    store(shape.part ? joinParts(b, *end.merged, part, shape.head) : part);
    return b.add(end.number, 1);
  }

  /// What the loop over tiles carries: the number of the tile, the softmax up to it, its exponentials as operands, and
  /// the outputs of the tiles before. With parts also what was merged.
  struct Carried {
    Value number;
    Softmax softmax;
    Values fragments, outputs;
    std::optional<SoftmaxState> merged;

    Values pack() const {
      Values all{number};
      auto append = [&](ArrayRef<Value> values) { all.append(values.begin(), values.end()); };
      for (const Values *values : {&softmax.reference, &softmax.sum, &fragments, &outputs})
        append(*values);
      if (merged)
        append(merged->pack());
      return all;
    }
  };
  Carried unpack(ValueRange all) {
    auto take = [&](int64_t count) {
      Values taken(all.take_front(count));
      all = all.drop_front(count);
      return taken;
    };
    Carried carried;
    carried.number = take(1).front();
    carried.softmax.reference = take(2);
    carried.softmax.sum = take(2);
    carried.fragments = take(shape.keys / 4);
    carried.outputs = take(shape.head / 2);
    if (shape.part)
      carried.merged = SoftmaxState::unpack(all, /*halves=*/2);
    return carried;
  }
  SoftmaxState noParts() { return softmaxOfNoKeys(b, /*halves=*/2, tileScores.factor, shape.head / 2); }
  Softmax noKeys() {
    SoftmaxState none = noParts();
    return {none.reference, none.total};
  }
  Values noOutputs() { return Values(shape.head / 2, b.f32(0.0f)); }

  /// Starts the scores of the tile at `tile`, adds the values of the one before, and computes the exponentials.
  Carried nextTile(Value tile, Carried state) {
    Value number = state.number, next = b.add(number, 1);
    waitFor(fullKeys, next);
    scoreProducts.begin();
    Values scores = startScores(next);
    waitFor(fullValues, number);
    beginProducts(state.fragments, state.outputs);
    state.outputs = startOutputs(number, state.fragments, state.outputs);
    scores = scoreProducts.finishAllButLast(scores);
    release(emptyKeys, next);
    Softmax ofPart = state.softmax;
    Value isNewPart = shape.part ? beginsPart(b, tile, shape.part) : Value();
    if (isNewPart) {
      Softmax fresh = noKeys();
      for (int64_t half = 0; half < 2; ++half) {
        state.softmax.reference[half] = b.select(isNewPart, fresh.reference[half], ofPart.reference[half]);
        state.softmax.sum[half] = b.select(isNewPart, fresh.sum[half], ofPart.sum[half]);
      }
    }
    Weights weights = exponentials(tile, scores, state.softmax);
    finishOutputs(weights, state.outputs);
    release(emptyValues, number);
    Carried following{next, state.softmax, {}, {}, state.merged};
    if (isNewPart)
      endPart(isNewPart, weights, ofPart, state.outputs, following);
    else
      following.outputs = rescale(weights, state.outputs);
    following.fragments = pack(weights.exponentials);
    return following;
  }

  /// If a part has ended, its outputs go to what was merged. Otherwise they are scaled as any.
  void endPart(Value hasEnded, const Weights &weights, const Softmax &ofPart, const Values &outputs,
               Carried &following) {
    auto pack = [](Values outputs, const SoftmaxState &merged) {
      outputs.append(merged.pack());
      return outputs;
    };
    Values all = b.ifElse(
        hasEnded,
        [&] { return pack(noOutputs(), joinParts(b, *following.merged, asPart(ofPart, outputs), shape.head)); },
        [&] { return pack(rescale(weights, outputs), *following.merged); });
    following.outputs.assign(all.begin(), all.begin() + outputs.size());
    following.merged = SoftmaxState::unpack(ValueRange(all).drop_front(outputs.size()), /*halves=*/2);
  }

  SoftmaxState asPart(const Softmax &softmax, const Values &outputs) {
    return withWholeTotals(b, {softmax.reference, softmax.sum, outputs});
  }

  void waitFor(Barriers &full, Value number) {
    full.wait(stageOf(number), fullParity(number));
    scoreProducts.publish();
  }
  void release(Barriers &empty, Value number) {
    Value first = b.select(b.compare(Predicate::eq, lane, 0), b.i32(1), b.i32(0));
    empty.arriveIf(first, stageOf(number));
  }

  /// Copies the queries of the warp's rows to shared memory. No warp of the group may still need the queries before.
  void copyQuery() {
    WarpRows own = warpRows();
    Value source =
        b.at(b.at(frame.argument(attention.getQuery()), firstHeadBytes), b.mul(b.widen(own.head), shape.head * 2));
    for (int64_t first = 0; first < 16 * shape.chunks; first += 32) {
      Value piece = b.add(own.lane, first), line = b.div(piece, shape.chunks), chunk = b.rem(piece, shape.chunks);
      Value row = b.add(own.row, line);
      Value from = b.add(rows.first, b.min(row, b.sub(rows.count, 1)));
      Value address = b.at(b.at(source, b.mul(b.widen(from), rowBytes)), b.widen(b.mul(chunk, 16)));
      b.copyAsync16(b.add(own.queries, chunkOffset(line, chunk, shape.queryBox())), address,
                    b.compare(Predicate::slt, row, rows.count));
    }
    b.commitCopies();
    b.waitCopies(0);
    scoreProducts.publish();
    groupBarrier();
  }

  Value bufferAt(int64_t buffers, Value number) {
    return b.at(b.at(shared, buffers), b.mul(stageOf(number), shape.tileBytes()));
  }

  /// Starts the products of the group's queries and a tile of keys.
  Values startScores(Value number) {
    Value queries = scoreProducts.descriptor(b.at(shared, b.mul(b.div(warp, 4), shape.queryBytes())));
    Value keys = scoreProducts.descriptor(bufferAt(shape.keysAt(), number));
    Values scores = scoreProducts.sums();
    for (int64_t k = 0; k < shape.head; k += Wgmma::kDepth) {
      int64_t box = k / kBoxColumns, inRow = k % kBoxColumns * 2;
      scores = scoreProducts.multiply(b.add(queries, Wgmma::descriptorStep(box * shape.queryBox() + inRow)),
                                      b.add(keys, Wgmma::descriptorStep(box * shape.tileBox() + inRow)), scores,
                                      /*keep=*/k > 0);
    }
    scoreProducts.commit();
    return scores;
  }

  /// Call it before products that add to outputs.
  void beginProducts(Values &fragments, Values &outputs) {
    Values all(fragments);
    all.append(outputs);
    all = outputProducts.begin(all);
    fragments.assign(all.begin(), all.begin() + fragments.size());
    outputs.assign(all.begin() + fragments.size(), all.end());
  }
  Values startOutputs(Value number, ArrayRef<Value> fragments, Values outputs) {
    Value values = outputProducts.descriptorOfRows(bufferAt(shape.valuesAt(), number), shape.tileBox());
    for (int64_t key = 0; key < shape.keys; key += Wgmma::kDepth)
      outputs = outputProducts.multiplyRows(fragments.slice(key / 4, 4),
                                            b.add(values, Wgmma::descriptorStep(key * kBoxRowBytes)), outputs);
    outputProducts.commit();
    return outputs;
  }

  /// Waits for the products that add to outputs. The exponentials of the next tile pass through this wait too, because
  /// ptxas runs products asynchronously only while nothing writes to their operands.
  void finishOutputs(Weights &weights, Values &outputs) {
    Values all(weights.exponentials);
    all.append(outputs);
    all = outputProducts.finish(all);
    weights.exponentials.assign(all.begin(), all.begin() + weights.exponentials.size());
    outputs.assign(all.begin() + weights.exponentials.size(), all.end());
  }

  /// Index in a thread's sums of number `i` of a half.
  static int64_t sumOf(int64_t half, int64_t i) { return AttentionScores::accumulatorOf(half, i, /*width=*/0); }

  Weights exponentials(Value tile, Values scores, Softmax &softmax) {
    scores = mask(tile, scores);
    Weights weights = raiseReference(scores, softmax);
    weights.exponentials = scores;
    for (int64_t i = 0; i < shape.keys / 4; ++i)
      for (int64_t half = 0; half < 2; ++half) {
        Value &p = weights.exponentials[sumOf(half, i)];
        p = b.exp2(b.fma(p, b.f32(tileScores.factor), b.negf(softmax.reference[half])));
        softmax.sum[half] = b.addf(softmax.sum[half], p);
      }
    return weights;
  }

  /// The exponentials as operands: four registers for 16 keys. They are rows g and g + 8 of the first eight keys, then
  /// of the other eight.
  Values pack(ArrayRef<Value> exponentials) {
    Values fragments;
    for (size_t i = 0; i < exponentials.size(); i += 2)
      fragments.push_back(b.pack(element, exponentials[i], exponentials[i + 1]));
    return fragments;
  }

  /// Raises the references of the warp's rows to their greatest scores if one of them has grown too far.
  Weights raiseReference(ArrayRef<Value> scores, Softmax &softmax) {
    Weights weights;
    auto [greatest, grown] = tileScores.findGrowth(scores, softmax.reference);
    weights.grown = grown;
    Values all = b.ifElse(
        weights.grown,
        [&, greatest = greatest] {
          Values raised, shrinks;
          for (int64_t half = 0; half < 2; ++half) {
            Value reference = softmax.reference[half];
            raised.push_back(tileScores.raise(reference, greatest[half]));
            shrinks.push_back(b.exp2(b.subf(reference, raised.back())));
          }
          raised.append(shrinks);
          return raised;
        },
        [&] { return Values{softmax.reference[0], softmax.reference[1], b.f32(1.0f), b.f32(1.0f)}; });
    for (int64_t half = 0; half < 2; ++half) {
      softmax.reference[half] = all[half];
      weights.shrink.push_back(all[2 + half]);
      softmax.sum[half] = b.mulf(softmax.sum[half], weights.shrink[half]);
    }
    return weights;
  }

  Values rescale(const Weights &weights, const Values &outputs) {
    return b.ifElse(
        weights.grown,
        [&] {
          Values scaled(outputs);
          for (int64_t half = 0; half < 2; ++half)
            for (int64_t i = 0; i < shape.head / 4; ++i) {
              Value &output = scaled[sumOf(half, i)];
              output = b.mulf(output, weights.shrink[half]);
            }
          return scaled;
        },
        [&] { return outputs; });
  }

  Values mask(Value tile, ArrayRef<Value> scores) {
    WarpRows own;
    auto findLane = [&] {
      own = warpRows();
      return own.lane;
    };
    return tileScores.mask(tile, scores, findLane, [&](int64_t half) { return rowOf(own, half); });
  }

  /// Stores the outputs of the run's rows. `state` has whole totals. They go through shared memory (where the warp's
  /// queries were), so that a thread stores 16 bytes at once.
  void store(const SoftmaxState &state) {
    // After this barrier no warp of the group reads queries of these rows.
    groupBarrier();
    WarpRows own = warpRows();
    Value lane = own.lane;
    for (int64_t half = 0; half < 2; ++half) {
      Value row = rowOf(own, half);
      Value inverse = b.reciprocal(state.total[half]);
      Value padding = b.compare(Predicate::slt, rows.position(row), 0);
      Value line = b.add(b.div(lane, 4), half * 8);
      b.ifThen(rows.inRun(row), [&] {
        for (int64_t i = 0; i < shape.chunks; ++i) {
          Value low = b.mulf(state.sums[sumOf(half, 2 * i)], inverse);
          Value high = b.mulf(state.sums[sumOf(half, 2 * i + 1)], inverse);
          Value word = b.select(padding, b.i32(0), b.pack(element, low, high));
          Value place = b.add(own.queries, chunkOffset(line, b.i32(i), shape.queryBox()));
          b.store(word, sharedPointer(b.add(place, b.mul(b.rem(lane, 4), 4))), 4);
        }
      });
    }
    b.warpBarrier();
    Value target = b.at(b.at(frame.result(0), firstHeadBytes), b.mul(b.widen(own.head), shape.head * 2));
    for (int64_t first = 0; first < 16 * shape.chunks; first += 32) {
      Value piece = b.add(lane, first), line = b.div(piece, shape.chunks), chunk = b.rem(piece, shape.chunks);
      Value row = b.add(own.row, line);
      b.ifThen(rows.inRun(row), [&] {
        Value value = b.load16(sharedPointer(b.add(own.queries, chunkOffset(line, chunk, shape.queryBox()))));
        Value rowBase = b.at(target, b.mul(b.widen(b.add(rows.first, row)), rowBytes));
        b.store16(value, b.at(rowBase, b.widen(b.mul(chunk, 16))));
      });
    }
    // Later code needs all lanes of the warp.
    b.warpBarrier();
  }

  CudaBuilder &b;
  AttentionOp attention;
  const WgmmaShape &shape;
  const CudaFrame &frame;
  CacheAddress cache;
  Type element;
  AttentionRows rows;
  AttentionScores tileScores;
  Wgmma scoreProducts, outputProducts;
  Value shared;
  Barriers fullKeys, emptyKeys, fullValues, emptyValues;
  std::optional<int64_t> window;
  /// Bytes of a row of queries and results.
  int64_t rowBytes;

  Value thread, lane, warp;
  // Values of the tile.
  Value kvHead, firstHeadBytes;
  // Values of the run.
  Value firstKey, lastKey, lastTile;
};

} // namespace

FailureOr<CudaBody> emitAttentionManyWgmma(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                                           CudaAttentionScheduleAttr schedule, const GeneratedKernel &generated) {
  Type element = attention.getKv().getType().getElementType();
  auto refuse = [&] { return kernel.emitOpError() << "cannot be generated as " << schedule << ": "; };
  if (!b.target.hasWgmma() || !(element.isF16() || element.isBF16()) ||
      getElementTypeOrSelf(attention.getQuery()) != element || getElementTypeOrSelf(attention.getResult()) != element)
    return refuse() << "wgmma needs a GPU that has it (sm_90a) and queries, keys and results of one 16-bit type";
  if (!(attention.getScale().convertToDouble() > 0))
    return kernel.emitOpError() << "has a scale that is not positive";
  WgmmaShape shape(attention, schedule);
  if (shape.head != kBoxColumns && shape.head != 2 * kBoxColumns)
    return refuse() << "head_dim (" << shape.head << ") must be 64 or 128";
  if (shape.heads < 1 || shape.group % shape.heads)
    return refuse() << "heads must divide the " << shape.group << " query heads of a key/value head";
  if (shape.warps != 4 * kConsumerGroups || shape.tokens % 16 ||
      shape.heads * shape.tokens != kConsumerGroups * Wgmma::kRows)
    return refuse() << "it needs " << 4 * kConsumerGroups << " warps and " << kConsumerGroups * Wgmma::kRows
                    << " pairs of a row and a head, of 16 rows at least";
  if (shape.keys < 16 || shape.keys % 16 || shape.keys > Wgmma::kMaxColumns || shape.keys % shape.copyRows() ||
      !shape.copiesWithinPage())
    return refuse() << "keys and pages (of " << shape.page << ") must be multiples of " << shape.copyRows()
                    << ", one of the other";
  if (shape.sharedBytes() > b.target.sharedBytes())
    return refuse() << "it needs " << shape.sharedBytes() << " bytes of shared memory, more than "
                    << b.target.sharedBytes();

  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  entry.fixed = shape.parts();
  entry.rows = AttentionRows::rowsOf(schedule);
  entry.rowsPerBlock = shape.tokens;
  entry.threads = shape.threads();
  entry.sharedBytes = shape.sharedBytes();
  entry.persistent = true;
  // ptxas ignores setmaxnreg unless it knows with how many registers a thread begins.
  constexpr int64_t kResidentBlocks = 1;
  return CudaBody{entry,
                  [attention, schedule, shape](CudaBuilder &b, const CudaFrame &frame) {
                    ManyWgmmaBody(b, attention, schedule, shape, frame).emit();
                  },
                  kResidentBlocks};
}

} // namespace quipu::codegen::cuda
