//===- AttentionFew.cpp - Attention of a handful of rows ----------------------===//
//
// A block is one row and one key/value head, whose keys and values are each read once for the whole group of query
// heads. Vectors lie along the keys or along the head. Page by page, with a running softmax (Milakov and Gimelshein,
// 2018):
//
//   for each page of the sequence that the row sees
//     scores[group][key] = scale * <query, key>            (scratch; a lane has a key)
//     m' = max(m, scores); correction = exp(m - m'); p = exp(scores - m'); l = l * correction + sum p
//     out[group] = out[group] * correction + sum_key p[key] * value[key]
//   result = out / l
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CacheAddress.h"
#include "codegen/cpu/Emitters.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

int64_t attentionScratchBytes(AttentionOp attention, CpuAttentionScheduleAttr schedule) {
  int64_t group = attention.getNumHeads() / attention.getNumKvHeads();
  int64_t head = attention.getKv().getType().getHeadDim(), keys = schedule.getKeys(), lanes = schedule.getLanes();
  if (schedule.getRows() == RowRegime::Few)
    // Scratch of scores, of outputs, and of m and l of each query head of the group.
    return 4 * (group * keys + group * head + llvm::alignTo(2 * group, 16));
  // Scores and outputs of `lanes` rows, m, l and correction, a page of keys or values, and queries, in f32.
  return 4 * (group * keys * lanes + group * head * lanes + 3 * group * lanes + keys * head + group * head * lanes);
}

namespace {

class FewAttention {
public:
  FewAttention(KernelBuilder &b, KernelOp kernel, AttentionOp attention, CpuAttentionScheduleAttr schedule,
               StringRef symbol)
      : b(b), attention(attention), frame(b, kernel, symbol), cache(b, frame, attention.getKv()),
        query(attention.getQuery().getType()), result(attention.getResult().getType()),
        kvHeads(attention.getNumKvHeads()), group(attention.getNumHeads() / kvHeads), head(cache.type.getHeadDim()),
        page(cache.type.getPage()), width(widestVector(head, schedule.getLanes())),
        keyLanes(widestVector(page, schedule.getLanes())), kvElement(cache.type.getElementType()),
        scale(static_cast<float>(attention.getScale().convertToDouble())), bf16Dot(schedule.getDot() == DotKind::Bf16) {
  }

  void emit() {
    placeScratch();
    b.loop(frame.begin, frame.end, 1, [&](Value block) {
      Value row = b.div(block, kvHeads);
      kvHead = b.rem(block, kvHeads);
      Value position = b.widen(b.loadI32(b.at(frame.argument(attention.getPositions()), b.mul(row, 4))));
      b.ifThen(b.compare(arith::CmpIPredicate::sge, position, b.i64(0)), [&] { attendRow(row, position); });
    });
  }

private:
  using Values = KernelBuilder::Values;

  void placeScratch() {
    scores = frame.scratch;                 // [group][page]
    sums = b.at(scores, group * page * 4);  // [group][head]
    running = b.at(sums, group * head * 4); // m[group], l[group]
    firstOfGroup = b.i64(0);
    endOfGroup = b.i64(group);
  }

  Value scoreRow(Value g) { return b.at(scores, b.mul(g, page * 4)); }
  Value sumRow(Value g) { return b.at(sums, b.mul(g, head * 4)); }
  Value maximum(Value g) { return b.at(running, b.mul(g, 4)); }
  Value total(Value g) { return b.at(running, b.mul(b.add(g, group), 4)); }

  /// Emits body(g) for each query head of the group. If the heads share nothing, it is a loop, so that the code does
  /// not grow with the group.
  void forEachHead(llvm::function_ref<void(Value)> body) { b.loop(firstOfGroup, endOfGroup, 1, body); }

  void attendRow(Value row, Value position) {
    sequence = b.widen(b.loadI32(b.at(frame.argument(attention.getSequences()), b.mul(row, 4))));
    queryRow = b.at(frame.argument(attention.getQuery()),
                    b.add(b.mul(row, query.strideBytes()), b.mul(kvHead, group * head * query.elementBytes())));
    keyEnd = b.add(position, 1);
    keyBegin = b.i64(0);
    if (auto window = attention.getWindow())
      keyBegin = b.max(b.sub(keyEnd, b.i64(*window)), keyBegin);
    clearSums();
    b.loop(b.div(keyBegin, page), b.div(b.add(keyEnd, page - 1), page), 1,
           [&](Value pageIndex) { attendPage(pageIndex); });
    storeResult(row);
  }

  void clearSums() {
    forEachHead([&](Value g) {
      b.storeF32(b.f32(kMaskedScore), f32, maximum(g));
      b.storeF32(b.f32(0.0f), f32, total(g));
      for (int64_t d = 0; d < head; d += width)
        b.storeF32(b.splat(0.0f, width), f32, b.at(sumRow(g), d * 4));
    });
  }

  void attendPage(Value pageIndex) {
    Value firstKey = b.mul(pageIndex, page);
    Value from = b.max(b.sub(keyBegin, firstKey), b.i64(0));
    Value to = b.min(b.sub(keyEnd, firstKey), b.i64(page));
    Value pageBase = b.add(cache.pageOffset(b, sequence, pageIndex), b.mul(kvHead, cache.headBytes()));
    Value keys = b.at(cache.keys, pageBase), values = b.at(cache.values, pageBase);
    scoreKeys(keys, from, to);
    forEachHead([&](Value g) { weighScores(g); });
    addValues(values, from, to);
  }

  /// Computes scores of keys [from, to) of the page. Other keys of the page get the masked score. A lane has a key, so
  /// that the products of its features are added one after the other, as a kernel over many rows does it.
  void scoreKeys(Value keys, Value from, Value to) {
    b.loop(b.i64(0), b.i64(group * page), keyLanes,
           [&](Value i) { b.storeF32(b.splat(kMaskedScore, keyLanes), f32, b.at(scores, b.mul(i, 4))); });
    int64_t words = head / wordElements(), width = widestVector(words, keyLanes);
    b.loop(b.mul(b.div(from, keyLanes), keyLanes), to, keyLanes, [&](Value key) {
      Value keyRows = b.at(keys, b.mul(key, cache.rowBytes()));
      Values products = b.loop(b.i64(0), b.i64(words), width, Values(group, b.splat(0.0f, keyLanes)),
                               [&](Value word, ValueRange carried) {
                                 Values sums(carried.begin(), carried.end());
                                 for (auto [i, k] : llvm::enumerate(loadKeys(keyRows, word, width)))
                                   for (int64_t g = 0; g < group; ++g)
                                     sums[g] = addProduct(sums[g], k, g, b.add(word, static_cast<int64_t>(i)));
                                 return sums;
                               });
      Value isSeen = areWithin(key, from, to);
      for (int64_t g = 0; g < group; ++g) {
        Value score = b.mulf(products[g], b.splat(scale, keyLanes));
        b.storeF32(b.select(isSeen, score, b.splat(kMaskedScore, keyLanes)), f32,
                   b.at(scores, b.add(b.mul(key, 4), g * page * 4)));
      }
    });
  }

  /// Elements of a head that are multiplied together.
  int64_t wordElements() const { return bf16Dot ? 2 : 1; }

  /// Words [word, word + width) of `keyLanes` keys: for each word a vector over the keys.
  Values loadKeys(Value keyRows, Value word, int64_t width) {
    Values rows;
    for (int64_t i = 0; i < keyLanes; ++i) {
      Value start = b.at(keyRows, b.add(b.mul(word, wordElements() * bytesOf(kvElement)), i * cache.rowBytes()));
      rows.push_back(bf16Dot ? b.load(b.vectorOf(b.getI32Type(), width), start, 2)
                             : b.loadF32(kvElement, start, width));
    }
    return b.transpose(rows);
  }

  /// sum + word `word` of query head g times the same word of each key.
  Value addProduct(Value sum, Value keys, int64_t g, Value word) {
    Value q =
        b.at(queryRow, b.add(b.mul(word, wordElements() * query.elementBytes()), g * head * query.elementBytes()));
    if (!bf16Dot)
      return b.fma(b.splat(b.loadF32(query.element, q, 0), keyLanes), keys, sum);
    auto pairs = b.vectorOf(kvElement, 2 * keyLanes);
    Value pair = b.splat(b.load(b.getI32Type(), q, 2), keyLanes);
    return b.dotBf16(sum, vector::BitCastOp::create(b, pairs, pair), vector::BitCastOp::create(b, pairs, keys));
  }

  /// Which of the keys from number `key` of the page on are within [from, to).
  Value areWithin(Value key, Value from, Value to) {
    auto all = [&](Value number) {
      return b.splat(arith::TruncIOp::create(b, b.getI32Type(), number).getResult(), keyLanes);
    };
    SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(keyLanes)));
    Value keys = b.add(arith::ConstantOp::create(b, b.getI32VectorAttr(numbers)), all(key));
    return b.both(b.compare(arith::CmpIPredicate::sge, keys, all(from)),
                  b.compare(arith::CmpIPredicate::slt, keys, all(to)));
  }

  /// Computes the softmax of a head's scores of the page. It scales the sums so far to the new maximum.
  void weighScores(Value g) {
    Value pageMaximum = b.splat(kMaskedScore, keyLanes);
    for (int64_t k = 0; k < page; k += keyLanes)
      pageMaximum = b.maxf(pageMaximum, b.loadF32(f32, b.at(scoreRow(g), k * 4), keyLanes));
    Value old = b.loadF32(f32, maximum(g), 0);
    Value next = b.maxf(old, b.maxLanes(pageMaximum));
    Value correction = b.exp(b.subf(old, next));
    Value sum = b.splat(0.0f, keyLanes);
    for (int64_t k = 0; k < page; k += keyLanes) {
      Value p = b.weightOf(b.loadF32(f32, b.at(scoreRow(g), k * 4), keyLanes), b.splat(next, keyLanes));
      b.storeF32(p, f32, b.at(scoreRow(g), k * 4));
      sum = b.addf(sum, p);
    }
    b.storeF32(next, f32, maximum(g));
    b.storeF32(b.addf(b.mulf(b.loadF32(f32, total(g), 0), correction), b.sumLanes(sum)), f32, total(g));
    Value corrections = b.splat(correction, width);
    for (int64_t d = 0; d < head; d += width) {
      Value address = b.at(sumRow(g), d * 4);
      b.storeF32(b.mulf(b.loadF32(f32, address, width), corrections), f32, address);
    }
  }

  /// Number of vectors of the head that are computed at once. With so many the sums of the group stay in registers.
  int64_t vectorsAtOnce() const {
    constexpr int64_t kRegistersForSums = 12;
    int64_t vectors = 1;
    while (head % (2 * vectors * width) == 0 && 2 * vectors * group <= kRegistersForSums)
      vectors *= 2;
    return vectors;
  }

  /// Adds the weighted values of keys [from, to) of the page to the sums.
  void addValues(Value values, Value from, Value to) {
    int64_t vectors = vectorsAtOnce();
    b.loop(b.i64(0), b.i64(head), vectors * width, [&](Value d) {
      auto sumVector = [&](int64_t g, int64_t v) { return b.at(sums, b.add(b.mul(d, 4), (g * head + v * width) * 4)); };
      Values initial;
      for (int64_t g = 0; g < group; ++g)
        for (int64_t v = 0; v < vectors; ++v)
          initial.push_back(b.loadF32(f32, sumVector(g, v), width));
      Value column = b.at(values, b.mul(d, bytesOf(kvElement)));
      Values after = b.loop(from, to, 1, initial, [&](Value key, ValueRange carried) {
        Values next;
        Value valueRow = b.at(column, b.mul(key, cache.rowBytes()));
        Values v;
        for (int64_t i = 0; i < vectors; ++i)
          v.push_back(b.loadF32(kvElement, b.at(valueRow, i * width * bytesOf(kvElement)), width));
        for (int64_t g = 0; g < group; ++g) {
          Value p = b.splat(b.loadF32(f32, b.at(scores, b.add(b.mul(key, 4), g * page * 4)), 0), width);
          for (int64_t i = 0; i < vectors; ++i)
            next.push_back(b.fma(p, v[i], carried[g * vectors + i]));
        }
        return next;
      });
      for (int64_t g = 0; g < group; ++g)
        for (int64_t v = 0; v < vectors; ++v)
          b.storeF32(after[g * vectors + v], f32, sumVector(g, v));
    });
  }

  void storeResult(Value row) {
    Value resultRow = b.at(
        frame.result(0), b.add(b.mul(row, result.strideBytes()), b.mul(kvHead, group * head * result.elementBytes())));
    forEachHead([&](Value g) {
      Value inverse = b.splat(b.divf(b.f32(1.0f), b.loadF32(f32, total(g), 0)), width);
      Value target = b.at(resultRow, b.mul(g, head * result.elementBytes()));
      for (int64_t d = 0; d < head; d += width)
        b.storeF32(b.mulf(b.loadF32(f32, b.at(sumRow(g), d * 4), width), inverse), result.element,
                   b.at(target, d * result.elementBytes()));
    });
  }

  KernelBuilder &b;
  AttentionOp attention;
  KernelFrame frame;
  CacheAddress cache;
  ActivationLayout query, result;
  /// Query heads of a key/value head; elements of a head; keys of a page.
  int64_t kvHeads, group, head, page;
  /// Elements of a vector along the head, and along the keys of a page.
  int64_t width, keyLanes;
  Type kvElement, f32 = b.getF32Type();
  float scale;
  bool bf16Dot;

  // Scratch, in f32: scores of a page; weighted sums of values; the greatest score and the sum of weights.
  Value scores, sums, running;
  Value firstOfGroup, endOfGroup;
  // The row. It sees keys [keyBegin, keyEnd).
  Value kvHead, sequence, queryRow, keyBegin, keyEnd;
};

} // namespace

void emitAttentionFew(KernelBuilder &b, KernelOp kernel, AttentionOp attention, CpuAttentionScheduleAttr schedule,
                      StringRef symbol) {
  FewAttention(b, kernel, attention, schedule, symbol).emit();
}

} // namespace quipu::codegen::cpu
