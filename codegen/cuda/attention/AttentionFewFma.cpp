//===- AttentionFewFma.cpp - Attention of few rows in f32 arithmetic ---------===//
//
// `lanes` lanes share one key: each has chunks of 16 bytes of it. A warp has 32 / lanes keys side by side, and `steps`
// such rows of keys make a tile. A thread keeps the softmax of its own keys:
//
//   for each tile                                           (keys of the next tile are requested after the scores,
//     scores[step][head] = <query, key>, over the lanes      values of the next after the sums; page numbers two ahead)
//     m' = max(m, scores); correction = 2^(m - m'); p = 2^(scores - m'); l = l * correction + sum p
//     sums[head] = sums[head] * correction + sum_step p[step] * value[step]
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/attention/AttentionFew.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

AttentionFewFmaShape::AttentionFewFmaShape(AttentionOp attention, CudaAttentionScheduleAttr schedule)
    : AttentionFewShape(attention, schedule) {
  lanes = std::min<int64_t>(32, llvm::PowerOf2Ceil(chunks));
  while (lanes < 32 && page % (32 / lanes))
    lanes *= 2;
  repeats = llvm::divideCeil(chunks, lanes);
  partialsOfWarp = rowsOfStep();
  // Registers of the query and the sums, of keys and values, of scores, and of addresses.
  auto registersAt = [&] { return 2 * heads * width() + 8 * steps * repeats + steps * heads + 2 * heads + 32; };
  // A part of `keys` keys is one tile for each warp, if a tile then has at least four steps to load at once.
  steps = std::clamp<int64_t>(llvm::bit_floor(static_cast<uint64_t>(keys / (warps * rowsOfStep()))), 4, 8);
  while (steps > 1 && (page % (steps * rowsOfStep()) || registersAt() > registerLimit()))
    steps /= 2;
  tile = steps * rowsOfStep();
  registers = registersAt();
}

namespace {

class FmaBlock : public AttentionFewBody {
public:
  FmaBlock(CudaBuilder &b, const CudaFrame &frame, AttentionOp attention, const AttentionFewFmaShape &shape,
           const AttentionWorkspace &workspace, StringRef counters)
      : AttentionFewBody(b, frame, attention, shape, workspace, counters), shape(shape) {}

private:
  bool isPartial(int64_t repeat) const { return (repeat + 1) * shape.lanes > shape.chunks; }
  /// Number of the thread's chunk of a key. Lanes without a chunk take the last one.
  Value chunkOf(int64_t repeat) {
    Value chunk = b.add(laneChunk, repeat * shape.lanes);
    return isPartial(repeat) ? b.min(chunk, b.i32(shape.chunks - 1)) : chunk;
  }
  /// Whether the thread has the chunk; null if every thread does.
  Value hasChunk(int64_t repeat) {
    return isPartial(repeat) ? b.compare(Predicate::slt, b.add(laneChunk, repeat * shape.lanes), shape.chunks)
                             : Value();
  }

  void placeLane() override {
    laneRow = b.div(lane, shape.lanes);
    laneChunk = b.rem(lane, shape.lanes);
  }

  /// Loads the thread's elements of the queries and multiplies them by scale * log2(e). Lanes without a chunk get
  /// zeros.
  void loadQueries() override {
    for (int64_t h = 0; h < shape.heads; ++h)
      for (int64_t r = 0; r < shape.repeats; ++r) {
        Value from = b.at(queryOf(b.i32(h)), b.mul(b.widen(chunkOf(r)), shape.chunkElements * bytesOf(queryElement)));
        Value valid = hasChunk(r);
        for (Value value : b.loadRun(queryElement, shape.chunkElements, from)) {
          Value scaled = b.mulf(value, b.f32(factor));
          query.push_back(valid ? b.select(valid, scaled, b.f32(0.0f)) : scaled);
        }
      }
  }

  Values loadTile(Value pool, Value page, Value key) {
    return ifTile(key, shape.steps * shape.repeats, [&](Value last) {
      Value tile = tileOf(pool, page, key);
      Values chunks;
      for (int64_t s = 0; s < shape.steps; ++s) {
        Value keyRow = keyOf(tile, b.add(laneRow, s * shape.rowsOfStep()), last);
        for (int64_t r = 0; r < shape.repeats; ++r)
          chunks.push_back(loadOnce(b.at(keyRow, b.mul(b.widen(chunkOf(r)), 16))));
      }
      return chunks;
    });
  }

  void attend() override {
    int64_t heads = shape.heads, width = shape.width(), steps = shape.steps, loads = steps * shape.repeats;
    // The loop carries m[heads], l[heads], sums[heads][width], keys and values of a tile, and the page of the next
    // tile.
    Values initial(heads, b.f32(kMaskedScore));
    initial.append(heads * (1 + width), b.f32(0.0f));
    initial.append(loadTile(keyPool, firstPage, start));
    initial.append(loadTile(valuePool, firstPage, start));
    initial.push_back(nextPage);
    Values state = b.loop(start, end, stride, initial, [&](Value key, ValueRange carried) {
      ValueRange m = carried.take_front(heads), l = carried.slice(heads, heads);
      ValueRange sums = carried.slice(2 * heads, heads * width);
      ValueRange keys = carried.slice(heads * (2 + width), loads);
      ValueRange values = carried.slice(heads * (2 + width) + loads, loads);
      Value next = b.add(key, stride), pageOfNext = carried.back();
      Value pageAfter = pageOf(b.add(next, stride));
      Values scores = scoresOf(keys);
      Values nextKeys = loadTile(keyPool, pageOfNext, next);

      Value last = b.sub(b.sub(end, 1), key);
      Values maximum(m.begin(), m.end());
      for (int64_t s = 0; s < steps; ++s) {
        Value seen = isSeen(key, b.add(laneRow, s * shape.rowsOfStep()), last);
        for (int64_t h = 0; h < heads; ++h) {
          Value &score = scores[s * heads + h];
          score = b.select(seen, b.sumLanes(score, shape.lanes), b.f32(kMaskedScore));
          maximum[h] = b.maxf(maximum[h], score);
        }
      }
      Values total, nextSums;
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
      addValues(nextSums, scores, values);

      Values carry = maximum;
      carry.append(total);
      carry.append(nextSums);
      carry.append(nextKeys);
      carry.append(loadTile(valuePool, pageOfNext, next));
      carry.push_back(pageAfter);
      return carry;
    });
    share(ArrayRef(state).take_front(heads), ArrayRef(state).slice(heads, heads),
          ArrayRef(state).slice(2 * heads, heads * width));
  }

  /// Products of the thread's elements of queries and keys: [step][head].
  Values scoresOf(ValueRange keys) {
    Values scores(shape.steps * shape.heads);
    for (int64_t s = 0; s < shape.steps; ++s)
      for (int64_t r = 0; r < shape.repeats; ++r)
        for (auto [i, k] : llvm::enumerate(b.unpackWords(shape.element, keys[s * shape.repeats + r])))
          for (int64_t h = 0; h < shape.heads; ++h) {
            Value q = query[h * shape.width() + r * shape.chunkElements + i], &score = scores[s * shape.heads + h];
            score = score ? b.fma(q, k, score) : b.mulf(q, k);
          }
    return scores;
  }

  void addValues(Values &sums, ArrayRef<Value> p, ValueRange values) {
    for (int64_t s = 0; s < shape.steps; ++s)
      for (int64_t r = 0; r < shape.repeats; ++r)
        for (auto [i, v] : llvm::enumerate(b.unpackWords(shape.element, values[s * shape.repeats + r])))
          for (int64_t h = 0; h < shape.heads; ++h) {
            Value &sum = sums[h * shape.width() + r * shape.chunkElements + i];
            sum = b.fma(p[s * shape.heads + h], v, sum);
          }
  }

  /// Scales the sums of a warp to one maximum and leaves them in shared memory. A thread that saw no key has the factor
  /// 2^(masked - m) = 0, so its sums vanish.
  void share(ArrayRef<Value> m, ArrayRef<Value> l, ArrayRef<Value> sums) {
    Value partial = b.add(b.mul(warp, shape.rowsOfStep()), laneRow);
    for (int64_t h = 0; h < shape.heads; ++h) {
      Value maximum = m[h];
      for (int64_t mask = shape.lanes; mask < 32; mask *= 2)
        maximum = b.maxf(maximum, b.shuffleXor(maximum, mask));
      Value correction = b.exp2(b.subf(m[h], maximum)), total = b.mulf(l[h], correction);
      for (int64_t mask = shape.lanes; mask < 32; mask *= 2)
        total = b.addf(total, b.shuffleXor(total, mask));
      for (int64_t r = 0; r < shape.repeats; ++r) {
        auto storeChunk = [&] {
          for (int64_t half = 0; half < shape.chunkElements / 4; ++half) {
            Values quad;
            for (int64_t i = 0; i < 4; ++i)
              quad.push_back(b.mulf(sums[h * shape.width() + r * shape.chunkElements + half * 4 + i], correction));
            Value slot = b.add(laneChunk, r * shape.lanes + half * shape.halfSlots());
            b.storeRun(b.getF32Type(), quad, sumsOf(partial, b.i32(h), slot));
          }
        };
        if (Value valid = hasChunk(r))
          b.ifThen(valid, storeChunk);
        else
          storeChunk();
      }
      b.ifThen(b.compare(Predicate::eq, lane, 0), [&] { storePair(b.i32(h), maximum, total); });
    }
  }

  const AttentionFewFmaShape &shape;
  /// The lane's key within a step, and its first chunk of a key.
  Value laneRow, laneChunk;
  /// Elements of the queries, [heads][width].
  Values query;
};

} // namespace

std::unique_ptr<AttentionFewBody> createAttentionFewFma(CudaBuilder &b, const CudaFrame &frame, AttentionOp attention,
                                                        const AttentionFewFmaShape &shape,
                                                        const AttentionWorkspace &workspace, StringRef counters) {
  return std::make_unique<FmaBlock>(b, frame, attention, shape, workspace, counters);
}

} // namespace quipu::codegen::cuda
