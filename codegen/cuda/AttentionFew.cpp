//===- AttentionFew.cpp - Attention of a handful of rows, split over the keys ===//
//
// A block is one row, `heads` query heads of one key/value head, and one part of the keys that the row sees. Each key
// and value is read once for all of these heads. A warp takes a tile of neighbouring keys at a time: `lanes` lanes hold
// 16 bytes each of one key, 32 / lanes keys side by side, `steps` of them one below the other, so that a thread has 2 *
// steps loads in flight. A thread keeps the softmax of its own keys (Milakov and Gimelshein, 2018):
//
//   for each tile                                           (keys of the next tile are requested after the scores,
//     scores[step][head] = <query, key>, over the lanes      values of the next after the sums; page numbers two ahead)
//     m' = max(m, scores); correction = 2^(m - m'); p = 2^(scores - m'); l = l * correction + sum p
//     sums[head] = sums[head] * correction + sum_step p[step] * value[step]
//
// The factor scale * log2(e) is applied to the query. The threads' (m, l, sums) meet in shared memory. A row whose keys
// are one part is finished then. Otherwise each block leaves its part in the workspace (AttentionWorkspace.h) and
// counts itself; the last of a row's blocks merges the parts. The counters belong to the code module, start at zero and
// return to zero by themselves: launches do not overlap, since every block waits for the kernel in front.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CacheAddress.h"
#include "codegen/cuda/AttentionWorkspace.h"
#include "codegen/cuda/CudaFrame.h"
#include "codegen/cuda/Emitters.h"

#include <numbers>

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

namespace {

/// The shape of a block's work.
struct FewShape {
  FewShape(AttentionOp attention, CudaAttentionScheduleAttr schedule) {
    KVLayerType cache = attention.getKv().getType();
    kvHeads = attention.getNumKvHeads();
    group = attention.getNumHeads() / kvHeads;
    heads = schedule.getHeads();
    head = cache.getHeadDim();
    page = cache.getPage();
    warps = schedule.getWarps();
    keys = schedule.getKeys();
    splits = schedule.getSplits();
    element = cache.getElementType();
    run = 16 / bytesOf(element);
    chunks = head / run;
    lanes = std::min<int64_t>(32, llvm::PowerOf2Ceil(std::max<int64_t>(chunks, 1)));
    while (lanes < 32 && page % (32 / lanes))
      lanes *= 2;
    repeats = llvm::divideCeil(chunks, lanes);
    // A part of `keys` keys is a tile for each warp where that leaves enough loads in flight.
    steps = std::clamp<int64_t>(llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(keys, 1))) /
                                    llvm::bit_ceil(static_cast<uint64_t>(warps * rowsOfStep())),
                                4, 8);
    while (steps > 1 && (page % tile() || registers() > registerLimit()))
      steps /= 2;
  }

  /// Keys side by side in a warp.
  int64_t rowsOfStep() const { return 32 / lanes; }
  /// Keys that a warp reads at a time; they lie in one page.
  int64_t tile() const { return steps * rowsOfStep(); }
  /// Elements of a head in a thread.
  int64_t width() const { return repeats * run; }
  int64_t threads() const { return 32 * warps; }
  int64_t subgroups() const { return group / heads; }
  /// Registers of a thread inside the loop: query and sums, keys and values, scores, and addresses.
  int64_t registers() const { return 2 * heads * width() + 8 * steps * repeats + steps * heads + 2 * heads + 32; }
  int64_t registerLimit() const { return std::min<int64_t>(255, 65536 / threads()); }

  // Shared memory: sums[partial][heads][slots][4], pairs (m, l)[warp][heads], and a flag.
  int64_t partials() const { return warps * rowsOfStep(); }
  /// Distance of the two halves of a run of eight elements, so that neighbouring quads lie in different banks.
  int64_t halfSlots() const { return chunks + (12 - chunks % 8) % 8; }
  int64_t slots() const { return run == 8 ? halfSlots() + chunks : chunks; }
  int64_t partialBytes() const { return heads * slots() * 16; }
  int64_t pairsBegin() const { return partials() * partialBytes(); }
  int64_t flagBegin() const { return pairsBegin() + warps * heads * 8; }
  int64_t sharedBytes() const { return flagBegin() + 16; }

  int64_t kvHeads, group, heads, head, page, warps, keys, splits;
  Type element;
  /// Elements of 16 bytes; such chunks in a head; lanes of a key; chunks of a lane; keys of a lane in a tile.
  int64_t run, chunks, lanes, repeats, steps;
};

class FewEmitter {
public:
  FewEmitter(CudaBuilder &b, KernelOp kernel, AttentionOp attention, const FewShape &shape,
             const AttentionWorkspace &workspace, const CudaFrame &frame, StringRef counters)
      : b(b), attention(attention), shape(shape), workspace(workspace), frame(frame),
        cache(b, frame, attention.getKv()), counters(counters), queryElement(elementOf(attention.getQuery())),
        resultElement(elementOf(attention.getResult())) {}

  void emit() {
    b.letNextStart();
    thread = b.thread();
    lane = b.rem(thread, 32);
    warp = b.warp();
    row = b.block(1);
    split = b.rem(b.block(0), shape.splits);
    unit = b.div(b.block(0), shape.splits);
    firstHead =
        b.add(b.mul(b.div(unit, shape.subgroups()), shape.group), b.mul(b.rem(unit, shape.subgroups()), shape.heads));
    b.waitForPrevious();
    position = b.loadI32(b.at(frame.argument(attention.getPositions()), b.mul(b.widen(row), 4)));
    sequence = b.widen(b.loadI32(b.at(frame.argument(attention.getSequences()), b.mul(b.widen(row), 4))));
    b.ifThen(b.compare(Predicate::sge, position, 0), [&] {
      divideKeys();
      b.ifThen(b.compare(Predicate::slt, begin, end), [&] {
        attend();
        finish();
      });
    });
    Value padding = b.both(b.compare(Predicate::slt, position, 0), b.compare(Predicate::eq, split, 0));
    b.ifThen(padding, [&] {
      forQuads([&](Value head, Value quad) { storeResult(head, quad, SmallVector<Value>(4, b.f32(0.0f))); });
    });
  }

private:
  using Predicate = arith::CmpIPredicate;
  using Values = CudaBuilder::Values;

  static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

  /// The part [begin, end) of the row's keys [first, position]: parts begin at multiples of a tile and are equal but
  /// for the last, so a block finds its own without knowing how many there are.
  void divideKeys() {
    Value keyEnd = b.add(position, 1);
    Value first = b.i32(0);
    firstSeen = first;
    if (auto window = attention.getWindow()) {
      firstSeen = b.max(b.sub(keyEnd, b.i32(std::min<int64_t>(*window, INT32_MAX))), b.i32(0));
      first = b.mul(b.div(firstSeen, shape.tile()), shape.tile());
    }
    length = b.sub(keyEnd, first);
    part = b.max(b.ceilDiv(length, shape.splits), b.i32(shape.keys));
    part = b.mul(b.ceilDiv(part, shape.tile()), shape.tile());
    begin = b.add(first, b.mul(split, part));
    end = b.min(b.add(begin, part), keyEnd);
  }

  /// Byte offset, in either pool, of the page of `key`; that of the part's last key if it lies behind.
  Value pageOf(Value key) {
    Value last = b.sub(end, 1);
    return cache.pageOffset(b, sequence, b.widen(b.div(b.min(key, last), shape.page)));
  }

  /// The thread's chunks of the tile at `key`, whose page begins at `page`, if the part has such a tile. Lanes and rows
  /// that hold nothing repeat the last chunk and the last key: what is never written may be anything.
  Values loadTile(Value pool, Value page, Value key) {
    auto loads = [&] {
      Value last = b.sub(b.sub(end, 1), key);
      Value tile = b.at(b.at(pool, page), b.mul(b.widen(b.rem(key, shape.page)), cache.rowBytes()));
      Values chunks;
      for (int64_t s = 0; s < shape.steps; ++s) {
        Value keyRow =
            b.at(tile, b.mul(b.widen(b.min(b.add(laneRow, s * shape.rowsOfStep()), last)), cache.rowBytes()));
        for (int64_t r = 0; r < shape.repeats; ++r)
          chunks.push_back(loadOnce(b.at(keyRow, b.mul(b.widen(chunkOf(r)), 16))));
      }
      return chunks;
    };
    auto nothing = [&] {
      return Values(shape.steps * shape.repeats, LLVM::PoisonOp::create(b, b.vec4i32()).getResult());
    };
    return b.ifElse(b.compare(Predicate::slt, key, end), loads, nothing);
  }

  /// 16 bytes that no other block wants soon. Stays where it is among the other loads and barriers.
  Value loadOnce(Value pointer) {
    Type i32 = b.getI32Type();
    Values words = b.ptx("ld.global.L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$4];", {i32, i32, i32, i32}, {pointer},
                         /*memory=*/false, /*ordered=*/true);
    Value vector = LLVM::PoisonOp::create(b, b.vec4i32());
    for (auto [index, word] : llvm::enumerate(words))
      vector = LLVM::InsertElementOp::create(b, vector, word, b.i32(static_cast<int64_t>(index)));
    return vector;
  }

  bool isPartial(int64_t repeat) const { return (repeat + 1) * shape.lanes > shape.chunks; }
  Value chunkOf(int64_t repeat) {
    Value chunk = b.add(laneChunk, repeat * shape.lanes);
    return isPartial(repeat) ? b.min(chunk, b.i32(shape.chunks - 1)) : chunk;
  }
  /// Whether the thread has the chunk; null if every thread does.
  Value hasChunk(int64_t repeat) {
    return isPartial(repeat) ? b.compare(Predicate::slt, b.add(laneChunk, repeat * shape.lanes), shape.chunks)
                             : Value();
  }

  /// The thread's elements of the queries, times scale * log2(e); zeros in lanes that hold no chunk.
  Values loadQueries() {
    Value factor = b.f32(static_cast<float>(attention.getScale().convertToDouble() * std::numbers::log2e));
    Value queryRow = b.at(frame.argument(attention.getQuery()),
                          b.mul(b.add(b.mul(b.widen(row), attention.getNumHeads()), b.widen(firstHead)),
                                shape.head * bytesOf(queryElement)));
    Values queries;
    for (int64_t h = 0; h < shape.heads; ++h)
      for (int64_t r = 0; r < shape.repeats; ++r) {
        Value from = b.at(queryRow, b.add(b.mul(b.widen(chunkOf(r)), shape.run * bytesOf(queryElement)),
                                          h * shape.head * bytesOf(queryElement)));
        Value valid = hasChunk(r);
        for (Value value : b.loadRun(queryElement, shape.run, from)) {
          Value scaled = b.mulf(value, factor);
          queries.push_back(valid ? b.select(valid, scaled, b.f32(0.0f)) : scaled);
        }
      }
    return queries;
  }

  /// The walk over the part's tiles; leaves the warp's (m, l) and the threads' sums in shared memory.
  void attend() {
    int64_t heads = shape.heads, width = shape.width(), steps = shape.steps, loads = steps * shape.repeats;
    laneRow = b.div(lane, shape.lanes);
    laneChunk = b.rem(lane, shape.lanes);
    Value unitHead = b.div(unit, shape.subgroups());
    Value headOffset = b.mul(b.widen(unitHead), cache.headBytes());
    Value keys = b.at(cache.keys, headOffset), values = b.at(cache.values, headOffset);
    int64_t stride = shape.warps * shape.tile();

    Value start = b.add(begin, b.mul(warp, shape.tile()));
    Value page = pageOf(start), nextPage = pageOf(b.add(start, stride));
    Values query = loadQueries();
    // m[heads], l[heads], sums[heads][width], keys and values of a tile, page of the next.
    Values initial(heads, b.f32(kMaskedScore));
    initial.append(heads * (1 + width), b.f32(0.0f));
    initial.append(loadTile(keys, page, start));
    initial.append(loadTile(values, page, start));
    initial.push_back(nextPage);
    Values state = b.loop(start, end, stride, initial, [&](Value key, ValueRange carried) {
      ValueRange m = carried.take_front(heads), l = carried.slice(heads, heads);
      ValueRange sums = carried.slice(2 * heads, heads * width);
      ValueRange tileKeys = carried.slice(heads * (2 + width), loads);
      ValueRange tileValues = carried.slice(heads * (2 + width) + loads, loads);
      Value next = b.add(key, stride), pageOfNext = carried.back();
      Value pageAfter = pageOf(b.add(next, stride));

      Values scores(steps * heads);
      for (int64_t s = 0; s < steps; ++s)
        for (int64_t r = 0; r < shape.repeats; ++r)
          for (auto [i, k] : llvm::enumerate(b.unpack16(shape.element, tileKeys[s * shape.repeats + r])))
            for (int64_t h = 0; h < heads; ++h) {
              Value q = query[h * width + r * shape.run + i], &score = scores[s * heads + h];
              score = score ? b.fma(q, k, score) : b.mulf(q, k);
            }
      Values nextKeys = loadTile(keys, pageOfNext, next);

      Value last = b.sub(b.sub(end, 1), key);
      Values maximum(m.begin(), m.end()), isSeen(steps);
      for (int64_t s = 0; s < steps; ++s) {
        Value keyRow = b.add(laneRow, s * shape.rowsOfStep());
        isSeen[s] = b.compare(Predicate::sle, keyRow, last);
        if (attention.getWindow())
          isSeen[s] = b.both(isSeen[s], b.compare(Predicate::sge, b.add(key, keyRow), firstSeen));
        for (int64_t h = 0; h < heads; ++h) {
          Value &score = scores[s * heads + h];
          score = b.select(isSeen[s], b.sumLanes(score, shape.lanes), b.f32(kMaskedScore));
          maximum[h] = b.maxf(maximum[h], score);
        }
      }
      Values nextSums, total;
      for (int64_t h = 0; h < heads; ++h) {
        Value correction = b.exp2(b.subf(m[h], maximum[h]));
        total.push_back(b.mulf(l[h], correction));
        for (int64_t i = 0; i < width; ++i)
          nextSums.push_back(b.mulf(sums[h * width + i], correction));
        for (int64_t s = 0; s < steps; ++s) {
          Value &p = scores[s * heads + h];
          p = b.exp2(b.subf(p, maximum[h]));
          total[h] = b.addf(total[h], p);
        }
      }
      for (int64_t s = 0; s < steps; ++s)
        for (int64_t r = 0; r < shape.repeats; ++r)
          for (auto [i, v] : llvm::enumerate(b.unpack16(shape.element, tileValues[s * shape.repeats + r])))
            for (int64_t h = 0; h < heads; ++h) {
              Value &sum = nextSums[h * width + r * shape.run + i];
              sum = b.fma(scores[s * heads + h], v, sum);
            }

      Values carry = maximum;
      carry.append(total);
      carry.append(nextSums);
      carry.append(nextKeys);
      carry.append(loadTile(values, pageOfNext, next));
      carry.push_back(pageAfter);
      return carry;
    });
    share(ArrayRef(state).take_front(heads), ArrayRef(state).slice(heads, heads),
          ArrayRef(state).slice(2 * heads, heads * width));
  }

  /// Brings a warp to one maximum; what a thread that saw no key has summed vanishes with its factor 2^(masked - m).
  void share(ArrayRef<Value> m, ArrayRef<Value> l, ArrayRef<Value> sums) {
    Value shared = b.shared();
    Value partial = b.add(b.mul(warp, shape.rowsOfStep()), laneRow);
    Value target = b.at(shared, b.mul(partial, shape.partialBytes()));
    for (int64_t h = 0; h < shape.heads; ++h) {
      Value maximum = m[h];
      for (int64_t mask = shape.lanes; mask < 32; mask *= 2)
        maximum = b.maxf(maximum, b.shuffleXor(maximum, mask));
      Value factor = b.exp2(b.subf(m[h], maximum)), total = b.mulf(l[h], factor);
      for (int64_t mask = shape.lanes; mask < 32; mask *= 2)
        total = b.addf(total, b.shuffleXor(total, mask));
      for (int64_t r = 0; r < shape.repeats; ++r) {
        auto storeChunk = [&] {
          for (int64_t half = 0; half < shape.run / 4; ++half) {
            Values quad;
            for (int64_t i = 0; i < 4; ++i)
              quad.push_back(b.mulf(sums[h * shape.width() + r * shape.run + half * 4 + i], factor));
            Value slot = b.add(b.add(laneChunk, r * shape.lanes), h * shape.slots() + half * shape.halfSlots());
            b.storeRun(b.getF32Type(), quad, b.at(target, b.mul(slot, 16)));
          }
        };
        if (Value valid = hasChunk(r))
          b.ifThen(valid, storeChunk);
        else
          storeChunk();
      }
      b.ifThen(b.compare(Predicate::eq, lane, 0), [&] {
        Value pair = b.add(b.mul(warp, shape.heads * 8), shape.pairsBegin() + h * 8);
        b.storeRun(b.getF32Type(), {maximum, total}, b.at(shared, pair));
      });
    }
    b.barrier();
  }

  /// What `finish` makes of four neighbouring elements of a head.
  struct Merged {
    Value maximum, total;
    Values quad;
  };

  /// Merges the warps' work: into the result if this part is the row's only one, otherwise into the workspace.
  void finish() {
    Value isOnly = b.compare(Predicate::sle, length, part);
    forQuads([&](Value head, Value quad) {
      Merged merged = mergeWarps(head, quad);
      if (shape.splits == 1) {
        storeDivided(head, quad, merged);
        return;
      }
      b.ifElse(
          isOnly,
          [&] {
            storeDivided(head, quad, merged);
            return Values();
          },
          [&] {
            b.storeRun(b.getF32Type(), merged.quad, sumsAddress(head, quad, split));
            b.ifThen(b.compare(Predicate::eq, quad, 0),
                     [&] { b.storeRun(b.getF32Type(), {merged.maximum, merged.total}, pairAddress(head, split)); });
            return Values();
          });
    });
    if (shape.splits == 1)
      return;
    b.ifThen(b.compare(Predicate::sgt, length, part), [&] {
      // Parts of this row that are used, less one.
      Value lastPart = b.div(b.sub(length, 1), part);
      Value flag = b.at(b.shared(), shape.flagBegin());
      b.barrier();
      b.ifThen(b.compare(Predicate::eq, thread, 0), [&] {
        Value counter = b.add(b.mul(b.widen(row), shape.kvHeads * shape.subgroups()), b.widen(unit));
        Value address = b.at(LLVM::AddressOfOp::create(b, b.pointerType(1), counters), b.mul(counter, 4));
        // Releases what the block's threads stored before the barrier, acquires what the other blocks released, and
        // begins again at zero after lastPart.
        Value before = b.ptx("atom.inc.acq_rel.gpu.global.u32 $0, [$1], $2;", {b.getI32Type()}, {address, lastPart},
                             /*memory=*/true)
                           .front();
        b.store(before, flag, 4);
      });
      b.barrier();
      b.ifThen(b.compare(Predicate::eq, b.loadI32(flag), lastPart), [&] {
        forQuads([&](Value head, Value quad) { storeDivided(head, quad, mergeParts(head, quad, lastPart)); });
      });
    });
  }

  /// body(head of the block, quad of the head): every four elements of the block's result, one thread each.
  void forQuads(llvm::function_ref<void(Value, Value)> body) {
    int64_t quads = shape.head / 4, all = shape.heads * quads;
    for (int64_t first = 0; first < all; first += shape.threads()) {
      Value index = b.add(thread, first);
      auto one = [&] { body(b.div(index, quads), b.rem(index, quads)); };
      if (first + shape.threads() <= all)
        one();
      else
        b.ifThen(b.compare(Predicate::slt, index, all), one);
    }
  }

  Merged mergeWarps(Value head, Value quad) {
    Value shared = b.shared();
    SmallVector<Values> pairs;
    for (int64_t w = 0; w < shape.warps; ++w)
      pairs.push_back(
          b.loadRun(b.getF32Type(), 2, b.at(shared, b.add(b.mul(head, 8), shape.pairsBegin() + w * shape.heads * 8))));
    Merged merged{pairs[0][0], b.f32(0.0f), Values(4, b.f32(0.0f))};
    for (const Values &pair : pairs)
      merged.maximum = b.maxf(merged.maximum, pair[0]);
    Value slot = shape.run == 8 ? b.add(b.div(quad, 2), b.mul(b.rem(quad, 2), shape.halfSlots())) : quad;
    Value source = b.at(shared, b.mul(b.add(b.mul(head, shape.slots()), slot), 16));
    for (int64_t w = 0; w < shape.warps; ++w) {
      Value factor = b.exp2(b.subf(pairs[w][0], merged.maximum));
      merged.total = b.fma(pairs[w][1], factor, merged.total);
      for (int64_t i = 0; i < shape.rowsOfStep(); ++i) {
        Values sums = b.loadRun(b.getF32Type(), 4, b.at(source, (w * shape.rowsOfStep() + i) * shape.partialBytes()));
        for (int64_t j = 0; j < 4; ++j)
          merged.quad[j] = b.fma(sums[j], factor, merged.quad[j]);
      }
    }
    return merged;
  }

  /// Merges parts 0 to `lastPart`, all of whose loads are in flight at once where there are few.
  Merged mergeParts(Value head, Value quad, Value lastPart) {
    int64_t count = std::min<int64_t>(shape.splits, 16);
    Values initial = {b.f32(kMaskedScore), b.f32(0.0f)};
    initial.append(4, b.f32(0.0f));
    Values state = b.loop(b.i32(0), b.add(lastPart, 1), count, initial, [&](Value first, ValueRange carried) {
      SmallVector<Values> pairs, sums;
      Value maximum = carried[0];
      for (int64_t i = 0; i < count; ++i) {
        Value index = b.min(b.add(first, i), lastPart);
        pairs.push_back(loadParts(pairAddress(head, index), 2));
        sums.push_back(loadParts(sumsAddress(head, quad, index), 4));
      }
      for (const Values &pair : pairs)
        maximum = b.maxf(maximum, pair[0]);
      Value correction = b.exp2(b.subf(carried[0], maximum));
      Values next = {maximum};
      for (Value value : carried.drop_front())
        next.push_back(b.mulf(value, correction));
      for (int64_t i = 0; i < count; ++i) {
        Value factor = b.select(b.compare(Predicate::sle, b.add(first, i), lastPart),
                                b.exp2(b.subf(pairs[i][0], maximum)), b.f32(0.0f));
        next[1] = b.fma(pairs[i][1], factor, next[1]);
        for (int64_t j = 0; j < 4; ++j)
          next[2 + j] = b.fma(sums[i][j], factor, next[2 + j]);
      }
      return next;
    });
    return {state[0], state[1], Values(ArrayRef(state).drop_front(2))};
  }

  /// f32 values that other blocks wrote: from L2, where the release of the writers and our acquire have put them.
  Values loadParts(Value pointer, int64_t count) {
    SmallVector<Type> types(count, b.getF32Type());
    return b.ptx(count == 2 ? "ld.relaxed.gpu.global.v2.f32 {$0, $1}, [$2];"
                            : "ld.relaxed.gpu.global.v4.f32 {$0, $1, $2, $3}, [$4];",
                 types, {pointer}, /*memory=*/false, /*ordered=*/true);
  }

  /// Number of part `index` of `head` among the row's parts.
  Value partOf(Value head, Value index) { return b.add(b.mul(b.add(firstHead, head), shape.splits), index); }
  Value workspaceRow() { return b.at(frame.workspace(0), b.mul(b.widen(row), workspace.rowElements() * 4)); }
  Value sumsAddress(Value head, Value quad, Value index) {
    return b.at(workspaceRow(), b.add(b.mul(partOf(head, index), shape.head * 4), b.mul(quad, 16)));
  }
  Value pairAddress(Value head, Value index) {
    return b.at(workspaceRow(), b.add(b.mul(partOf(head, index), 8), workspace.pairsOffset() * 4));
  }

  void storeDivided(Value head, Value quad, const Merged &merged) {
    Value inverse = b.reciprocal(merged.total);
    Values values;
    for (Value sum : merged.quad)
      values.push_back(b.mulf(sum, inverse));
    storeResult(head, quad, values);
  }

  void storeResult(Value head, Value quad, ArrayRef<Value> values) {
    Value heads = b.add(b.mul(b.widen(row), attention.getNumHeads()), b.widen(b.add(firstHead, head)));
    Value index = b.add(b.mul(heads, shape.head), b.mul(b.widen(quad), 4));
    b.storeRun(resultElement, values, b.at(frame.result(0), b.mul(index, bytesOf(resultElement))));
  }

  CudaBuilder &b;
  AttentionOp attention;
  const FewShape &shape;
  AttentionWorkspace workspace;
  const CudaFrame &frame;
  CacheAddress cache;
  StringRef counters;
  Type queryElement, resultElement;
  /// Of the thread; of the block (i32; `sequence` i64); of the row (i32); of the lane among the keys of a step.
  Value thread, lane, warp;
  Value row, split, unit, firstHead;
  Value position, sequence, firstSeen, length, part, begin, end;
  Value laneRow, laneChunk;
};

} // namespace

LogicalResult emitAttentionFew(CudaBuilder &b, KernelOp kernel, AttentionOp attention,
                               CudaAttentionScheduleAttr schedule, int64_t maxRows, GeneratedKernel &generated) {
  int64_t group = attention.getNumHeads() / attention.getNumKvHeads();
  KVLayerType cache = attention.getKv().getType();
  if (cache.getHeadDim() * bytesOf(cache.getElementType()) % 16)
    return kernel.emitOpError() << "attends to heads of " << cache.getHeadDim() << " elements of "
                                << cache.getElementType() << "; the schedule needs a multiple of 16 bytes";
  if (schedule.getTokens() != 1 || schedule.getHeads() < 1 || group % schedule.getHeads() || schedule.getWarps() < 1 ||
      schedule.getWarps() > 32 || schedule.getKeys() < 1 || schedule.getSplits() < 1 ||
      schedule.getDot() != CudaDot::Fma)
    return kernel.emitOpError() << "has schedule " << schedule << ", which attention of few rows in groups of " << group
                                << " query heads cannot follow";
  FewShape shape(attention, schedule);
  if (shape.registers() > shape.registerLimit())
    return kernel.emitOpError() << "has schedule " << schedule << ", whose " << shape.heads << " heads of "
                                << shape.head << " elements do not fit a thread's registers";
  SmallVector<Type> workspaces = attentionFewWorkspaces(attention, schedule);
  auto found = kernel.getWorkspace();
  if ((found ? found->size() : 0) != workspaces.size() ||
      (found && !llvm::equal(found->getAsValueRange<TypeAttr>(), workspaces)))
    return kernel.emitOpError() << "has schedule " << schedule << ", but not the workspaces of it";

  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  entry.fixed = shape.kvHeads * shape.subgroups() * shape.splits;
  entry.rows = RowDim::Tokens;
  entry.threads = shape.threads();
  entry.sharedBytes = shape.sharedBytes();
  std::string counters = entry.symbol + "_counters";
  if (shape.splits > 1) {
    auto type = LLVM::LLVMArrayType::get(b.getI32Type(), maxRows * shape.kvHeads * shape.subgroups());
    LLVM::GlobalOp::create(b, type, /*isConstant=*/false, LLVM::Linkage::Internal, counters,
                           LLVM::ZeroAttr::get(b.getContext()),
                           /*alignment=*/4, /*addrSpace=*/1);
  }
  {
    CudaFrame frame(b, kernel, entry);
    FewEmitter(b, kernel, attention, shape, AttentionWorkspace(attention, schedule), frame, counters).emit();
  }
  generated.entries.push_back(std::move(entry));
  return success();
}

} // namespace quipu::codegen
