//===- AttentionFewMma.cpp - Attention of few rows on tensor cores -----------===//
//
// Keys and values are the big operand (A, 16 rows). The heads of the block, at most eight, are the columns of the small
// operand (B). With g = lane / 4 and q = lane % 4 (the fragments are in CudaBuilder.h):
//
//   scores[key][head] = K Q'        A: keys 16 t + g, + 8; B: head g. A lane loads chunks 4 i + q, 16 bytes, of its two
//                                   keys and of its head: operands of two products each, permuted alike along Dh.
//   m, p = 2^(scores - m), l        a lane has heads 2q, 2q + 1 of keys g, g + 8; maxima go over the lanes with equal q
//   sums[element][head] = V' P      A: elements of chunk 8 i + g, two at a time: rows g and g + 8; keys along the sum.
//                                   A lane loads that chunk of keys 2q, 2q + 1, 2q + 8, 2q + 9 and pairs the keys'
//                                   elements. B: P, rounded, each 8 x 8 of it transposed within the warp.
//
// So at the end a lane has heads 2q and 2q + 1 of chunks 8 i + g, and its part of l. Loads run ahead: keys of the next
// tile are loaded after the scores, values of the next tile after the sums, and page numbers two tiles ahead. In a step
// of one row the loads of the first tile start before the kernel in front has finished.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/attention/AttentionFew.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

AttentionFewMmaShape::AttentionFewMmaShape(AttentionOp attention, CudaAttentionScheduleAttr schedule)
    : AttentionFewShape(attention, schedule) {
  // Registers of keys, values and scores of each set, of sums, of the query, and of addresses.
  auto registersAt = [&] {
    return sets * (8 * keyGroups() + 16 * valueGroups() + 4) + 16 * valueGroups() + 4 * keyGroups() + 48;
  };
  // A part of `keys` keys is one tile for each warp.
  sets = std::clamp<int64_t>(llvm::bit_floor(static_cast<uint64_t>(keys / (warps * 16))), 1, 2);
  if (page % (16 * sets) || registersAt() > std::min<int64_t>(registerLimit(), 200))
    sets = 1;
  tile = 16 * sets;
  registers = registersAt();
}

namespace {

class MmaBlock : public AttentionFewBody {
public:
  MmaBlock(CudaBuilder &b, const CudaFrame &frame, AttentionOp attention, const AttentionFewMmaShape &shape,
           const AttentionWorkspace &workspace, StringRef counters)
      : AttentionFewBody(b, frame, attention, shape, workspace, counters), shape(shape) {}

private:
  /// Byte offset of a chunk of a key or value. Behind the head's end it is the offset of the last chunk.
  Value chunkBytes(Value chunk, bool mayExceed) {
    return b.mul(b.widen(mayExceed ? b.min(chunk, b.i32(shape.chunks - 1)) : chunk), 16);
  }
  Value keyChunk(int64_t group) { return chunkBytes(b.add(q, 4 * group), 4 * (group + 1) > shape.chunks); }
  Value valueChunk(int64_t group) { return chunkBytes(b.add(g, 8 * group), 8 * (group + 1) > shape.chunks); }

  void placeLane() override {
    g = b.div(lane, 4);
    q = b.rem(lane, 4);
  }

  /// Loads the words of the queries. Heads and chunks that do not exist get zeros.
  void loadQueries() override {
    Value row = queryOf(shape.heads < 8 ? b.min(g, b.i32(shape.heads - 1)) : g);
    for (int64_t group = 0; group < shape.keyGroups(); ++group) {
      Value words = loadInput16(b.at(row, keyChunk(group)));
      Value valid;
      if (shape.heads < 8)
        valid = b.compare(Predicate::slt, g, shape.heads);
      if (4 * (group + 1) > shape.chunks) {
        Value inside = b.compare(Predicate::slt, b.add(q, 4 * group), shape.chunks);
        valid = valid ? b.both(valid, inside) : inside;
      }
      for (int64_t i = 0; i < 4; ++i) {
        Value word = b.extract(words, i);
        query.push_back(valid ? b.select(valid, word, b.i32(0)) : word);
      }
    }
  }

  int64_t keyLoads() const { return shape.sets * 2 * shape.keyGroups(); }
  int64_t valueLoads() const { return shape.sets * 4 * shape.valueGroups(); }

  /// Loads chunks [set][key g, g + 8][group].
  Values loadKeys(Value page, Value key) {
    return ifTile(key, keyLoads(), [&](Value last) {
      Value tile = tileOf(keyPool, page, key);
      Values chunks;
      for (int64_t r = 0; r < 2 * shape.sets; ++r) {
        Value keyRow = keyOf(tile, b.add(g, 8 * r), last);
        for (int64_t group = 0; group < shape.keyGroups(); ++group)
          chunks.push_back(loadOnce(b.at(keyRow, keyChunk(group))));
      }
      return chunks;
    });
  }

  /// Loads chunks [set][key 2q, 2q + 1, 2q + 8, 2q + 9][group].
  Values loadValues(Value page, Value key) {
    return ifTile(key, valueLoads(), [&](Value last) {
      Value tile = tileOf(valuePool, page, key);
      Values chunks;
      for (int64_t set = 0; set < shape.sets; ++set)
        for (int64_t offset : {0, 1, 8, 9}) {
          Value keyRow = keyOf(tile, b.add(b.mul(q, 2), 16 * set + offset), last);
          for (int64_t group = 0; group < shape.valueGroups(); ++group)
            chunks.push_back(loadOnce(b.at(keyRow, valueChunk(group))));
        }
      return chunks;
    });
  }

  Values loadTile(Value page, Value key) {
    Values tile = loadKeys(page, key);
    tile.append(loadValues(page, key));
    return tile;
  }

  void prefetch(Value works) override {
    prefetched = b.ifElse(
        works, [&] { return loadTile(firstPage, start); },
        [&] { return Values(keyLoads() + valueLoads(), LLVM::PoisonOp::create(b, b.vec4i32()).getResult()); });
  }

  /// Keys and values of the warp's first tile. What was loaded before the wait is used only if the row is behind the
  /// whole tile.
  Values firstTile() {
    if (!shape.hasOneRow)
      return loadTile(firstPage, start);
    Value isOld = b.compare(Predicate::sle, b.add(start, shape.tile), position);
    return b.ifElse(isOld, [&] { return prefetched; }, [&] { return loadTile(firstPage, start); });
  }

  void attend() override {
    int64_t sums = 16 * shape.valueGroups();
    // The loop carries m and l of two heads, sums [group][pair of elements][rows g, g + 8][head], keys and values of a
    // tile, and the page of the next tile.
    Values initial = {b.f32(kMaskedScore), b.f32(kMaskedScore)};
    initial.append(2 + sums, b.f32(0.0f));
    initial.append(firstTile());
    initial.push_back(nextPage);
    Values state = b.loop(start, end, stride, initial, [&](Value key, ValueRange carried) {
      ValueRange keys = carried.slice(4 + sums, keyLoads());
      ValueRange values = carried.slice(4 + sums + keyLoads(), valueLoads());
      Value next = b.add(key, stride), pageOfNext = carried.back();
      Value pageAfter = pageOf(b.add(next, stride));
      Values scores = scoresOf(keys);
      Values nextKeys = loadKeys(pageOfNext, next);

      // Rows of the scores: keys g + 8 r; columns: heads 2q + e.
      Value last = b.sub(b.sub(end, 1), key);
      Values maximum = {carried[0], carried[1]}, total, nextSums;
      for (int64_t r = 0; r < 2 * shape.sets; ++r) {
        Value seen = isSeen(key, b.add(g, 8 * r), last);
        for (int64_t e = 0; e < 2; ++e) {
          Value &score = scores[2 * r + e];
          score = b.select(seen, b.mulf(score, b.f32(factor)), b.f32(kMaskedScore));
          maximum[e] = b.maxf(maximum[e], score);
        }
      }
      Values correction;
      for (int64_t e = 0; e < 2; ++e) {
        for (int64_t mask = 4; mask < 32; mask *= 2)
          maximum[e] = b.maxf(maximum[e], b.shuffleXor(maximum[e], mask));
        correction.push_back(b.exp2(b.subf(carried[e], maximum[e])));
        total.push_back(b.mulf(carried[2 + e], correction[e]));
      }
      for (auto [i, score] : llvm::enumerate(scores)) {
        score = b.exp2(b.subf(score, maximum[i % 2]));
        total[i % 2] = b.addf(total[i % 2], score);
      }
      for (int64_t i = 0; i < sums; ++i)
        nextSums.push_back(b.mulf(carried[4 + i], correction[i % 2]));
      addValues(nextSums, scores, values);

      Values carry = maximum;
      carry.append(total);
      carry.append(nextSums);
      carry.append(nextKeys);
      carry.append(loadValues(pageOfNext, next));
      carry.push_back(pageAfter);
      return carry;
    });
    share(ArrayRef(state).take_front(2), ArrayRef(state).slice(2, 2), ArrayRef(state).slice(4, sums));
  }

  /// Scores [set][keys g, g + 8][heads 2q, 2q + 1].
  Values scoresOf(ValueRange keys) {
    Values scores;
    for (int64_t set = 0; set < shape.sets; ++set) {
      Values c(4, b.f32(0.0f));
      for (int64_t group = 0; group < shape.keyGroups(); ++group)
        for (int64_t step = 0; step < 2; ++step) {
          auto word = [&](int64_t r, int64_t i) {
            return b.extract(keys[(2 * set + r) * shape.keyGroups() + group], 2 * step + i);
          };
          ArrayRef<Value> operand = ArrayRef(query).slice(4 * group + 2 * step, 2);
          c = b.mma(shape.element, {word(0, 0), word(1, 0), word(0, 1), word(1, 1)}, operand, c);
        }
      scores.append(c);
    }
    return scores;
  }

  void addValues(Values &sums, ArrayRef<Value> p, ValueRange values) {
    for (int64_t set = 0; set < shape.sets; ++set) {
      Values weights;
      for (int64_t r = 0; r < 2; ++r) {
        Value pair = b.pack(shape.element, p[4 * set + 2 * r], p[4 * set + 2 * r + 1]);
        weights.push_back(ptx::transposePairs(b, pair));
      }
      for (int64_t group = 0; group < shape.valueGroups(); ++group)
        for (int64_t i = 0; i < 4; ++i) {
          auto word = [&](int64_t key) { return b.extract(values[(4 * set + key) * shape.valueGroups() + group], i); };
          // Elements 2i and 2i + 1 of two neighbouring keys.
          auto pairOf = [&](int64_t key, bool second) -> Value {
            int64_t selector = second ? 0x7632 : 0x5410;
            return NVVM::PermuteOp::create(b, b.getI32Type(), word(key), word(key + 1), b.i32(selector),
                                           NVVM::PermuteMode::DEFAULT);
          };
          Values a = {pairOf(0, false), pairOf(0, true), pairOf(2, false), pairOf(2, true)};
          MutableArrayRef<Value> c = MutableArrayRef(sums).slice((group * 4 + i) * 4, 4);
          llvm::copy(b.mma(shape.element, a, weights, c), c.begin());
        }
    }
  }

  void share(ArrayRef<Value> m, ArrayRef<Value> l, ArrayRef<Value> sums) {
    for (int64_t e = 0; e < 2; ++e) {
      Value head = b.add(b.mul(q, 2), e), total = l[e];
      for (int64_t mask = 4; mask < 32; mask *= 2)
        total = b.addf(total, b.shuffleXor(total, mask));
      auto storeHead = [&] {
        for (int64_t group = 0; group < shape.valueGroups(); ++group) {
          auto storeChunk = [&] {
            for (int64_t half = 0; half < 2; ++half) {
              auto element = [&](int64_t pair, int64_t second) {
                return sums[((group * 4 + 2 * half + pair) * 2 + second) * 2 + e];
              };
              b.storeRun(b.getF32Type(), {element(0, 0), element(0, 1), element(1, 0), element(1, 1)},
                         sumsOf(warp, head, b.add(g, 8 * group + half * shape.halfSlots())));
            }
          };
          if (8 * (group + 1) > shape.chunks)
            b.ifThen(b.compare(Predicate::slt, b.add(g, 8 * group), shape.chunks), storeChunk);
          else
            storeChunk();
        }
        b.ifThen(b.compare(Predicate::eq, g, 0), [&] { storePair(head, m[e], total); });
      };
      if (shape.heads < 8)
        b.ifThen(b.compare(Predicate::slt, head, shape.heads), storeHead);
      else
        storeHead();
    }
  }

  const AttentionFewMmaShape &shape;
  /// lane / 4 and lane % 4.
  Value g, q;
  /// Words of the queries, [group][4].
  Values query;
  Values prefetched;
};

} // namespace

std::unique_ptr<AttentionFewBody> createAttentionFewMma(CudaBuilder &b, const CudaFrame &frame, AttentionOp attention,
                                                        const AttentionFewMmaShape &shape,
                                                        const AttentionWorkspace &workspace, StringRef counters) {
  return std::make_unique<MmaBlock>(b, frame, attention, shape, workspace, counters);
}

} // namespace quipu::codegen::cuda
