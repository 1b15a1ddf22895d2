//===- AttentionMany.cpp - Attention of many rows -------------------------------===//
//
// A block is `lanes` consecutive rows of one sequence and one key/value head. A vector holds one number of each of
// these rows, so scores, softmax and outputs need no shuffles: keys and values are broadcast element by element, and
// each broadcast serves every query head of the group. Page by page with a running softmax, as in AttentionFew.cpp:
//
//   scores[group][key][row]  = sum_d key[key][d] * query[group][d][row]
//   outputs[group][d][row]   = outputs * correction + sum_key value[key][d] * p[group][key][row]
//
// Pages after the last position of the tile are not visited; the page on the diagonal is masked by comparing positions.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/CacheAddress.h"
#include "codegen/common/Divisor.h"
#include "codegen/cpu/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

namespace {

class ManyAttention {
public:
  ManyAttention(KernelBuilder &b, KernelOp kernel, AttentionOp attention, CpuAttentionScheduleAttr schedule,
                StringRef symbol)
      : b(b), attention(attention), frame(b, kernel, symbol), cache(b, frame, attention.getKv()),
        query(attention.getQuery().getType()), result(attention.getResult().getType()),
        kvHeads(attention.getNumKvHeads()), group(attention.getNumHeads() / kvHeads), head(cache.type.getHeadDim()),
        page(cache.type.getPage()), lanes(schedule.getLanes()), keyLanes(widestVector(page, lanes)),
        vectorBytes(lanes * 4), kvElement(cache.type.getElementType()),
        scale(static_cast<float>(attention.getScale().convertToDouble())), bf16Dot(schedule.getDot() == DotKind::Bf16) {
    // Sums for each head of the group that fit into registers beside an operand of each head, and one of all of them.
    int64_t registers = lanes == 16 ? 32 : 16;
    int64_t sumsOfHead = (registers - 1 - group) / group;
    keysAtOnce = largestDivisor(page, sumsOfHead);
    featuresAtOnce = largestDivisor(head, sumsOfHead);
    widensQueries = !bf16Dot && !query.element.isF32();
    widensKeys = !bf16Dot && !kvElement.isF32();
  }

  void emit() {
    placeScratch();
    b.loop(frame.begin, frame.end, 1, [&](Value block) {
      Value rowTile = inTurns(b.div(block, kvHeads)), kvHead = b.rem(block, kvHeads);
      Value firstRow = b.mul(b.mul(rowTile, lanes), 4);
      positions = b.loadI32(b.at(frame.argument(attention.getPositions()), firstRow), lanes);
      lastPosition = b.widen(vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, positions));
      b.ifThen(b.compare(arith::CmpIPredicate::sge, lastPosition, b.i64(0)),
               [&] { attendTile(rowTile, kvHead, firstRow); });
    });
  }

private:
  using Values = KernelBuilder::Values;

  /// The first, the last, the second, the last but one, ... row tile. Later rows see more keys, so each thread's range
  /// of blocks has as many rows of the beginning as of the end.
  Value inTurns(Value number) {
    Value half = b.div(number, 2), tiles = b.div(frame.tokens, lanes);
    return b.add(half, b.mul(b.rem(number, 2), b.sub(b.sub(tiles, 1), b.mul(half, 2))));
  }

  void placeScratch() {
    scores = frame.scratch;                           // [group][page][lanes]
    sums = b.at(scores, group * page * vectorBytes);  // [group][head][lanes]
    running = b.at(sums, group * head * vectorBytes); // m, l, correction: [3][group][lanes]
    widened = b.at(running, 3 * group * vectorBytes); // [page][head] keys, then values, in f32
    queries = b.at(widened, page * head * 4);         // [group][head][lanes] in f32
  }

  Value maximum(Value g) { return b.at(running, b.mul(g, vectorBytes)); }
  Value total(Value g) { return b.at(running, b.mul(b.add(g, group), vectorBytes)); }
  Value correction(Value g) { return b.at(running, b.mul(b.add(g, 2 * group), vectorBytes)); }
  Value loadVector(Value pointer) { return b.load(b.vectorOf(f32, lanes), pointer, 4); }

  /// `firstRow`: byte offset of the tile's first row in an i32 tensor of the step's rows.
  void attendTile(Value rowTile, Value kvHead, Value firstRow) {
    // Padding rows come after the rows of the tile's sequence.
    Value sequence = b.widen(b.loadI32(b.at(frame.argument(attention.getSequences()), firstRow)));
    queryTile = b.at(frame.argument(attention.getQuery()), b.mul(rowTile, query.strideBytes()));
    firstHead = b.mul(kvHead, group);
    if (widensQueries)
      widen(query.element, queryHead(0), queries, b.i64(group * head * lanes), lanes);
    clearSums();
    Value firstPage = b.i64(0);
    if (auto window = attention.getWindow()) {
      Value first = b.widen(b.loadI32(b.at(frame.argument(attention.getPositions()), firstRow)));
      firstPage = b.div(b.max(b.sub(first, b.i64(static_cast<int64_t>(*window) - 1)), b.i64(0)), page);
    }
    b.loop(firstPage, b.add(b.div(lastPosition, page), 1), 1, [&](Value pageIndex) {
      Value firstKey = b.mul(pageIndex, page);
      Value pageBase = b.add(cache.pageOffset(b, sequence, pageIndex), b.mul(kvHead, cache.headBytes()));
      Value keys = b.at(cache.keys, pageBase), values = b.at(cache.values, pageBase);
      // Keys of this page that some row sees.
      Value seenKeys = b.min(b.sub(b.add(lastPosition, 1), firstKey), b.i64(page));
      if (widensKeys)
        keys = widenPage(keys, seenKeys);
      int64_t rowBytes = head * bytesOf(keyElement());
      b.loop(b.i64(0), seenKeys, keysAtOnce,
             [&](Value key) { storeScores(firstKey, key, scoreKeys(b.at(keys, b.mul(key, rowBytes)))); });
      b.loop(b.i64(0), b.i64(group), 1, [&](Value g) { weighScores(g, seenKeys); });
      addValues(kvElement.isF32() ? values : widenPage(values, seenKeys), seenKeys);
    });
    storeResult(rowTile);
  }

  void clearSums() {
    b.loop(b.i64(0), b.i64(group), 1, [&](Value g) {
      b.store(b.splat(kMaskedScore, lanes), maximum(g), 4);
      b.store(b.splat(0.0f, lanes), total(g), 4);
    });
    b.loop(b.i64(0), b.i64(group * head), 1,
           [&](Value i) { b.store(b.splat(0.0f, lanes), b.at(sums, b.mul(i, vectorBytes)), 4); });
  }

  /// Products of `keysAtOnce` keys, the first of which is at `keyRows`, with the group's queries: [group][key], vectors
  /// over rows.
  Values scoreKeys(Value keyRows) {
    Values zero(group * keysAtOnce, b.splat(0.0f, lanes));
    return b.loop(b.i64(0), b.i64(head), bf16Dot ? 2 : 1, zero, [&](Value d, ValueRange carried) {
      Values next(carried.begin(), carried.end());
      Values queries;
      for (int64_t g = 0; g < group; ++g)
        queries.push_back(loadQuery(g, d));
      for (int64_t i = 0; i < keysAtOnce; ++i) {
        int64_t elementBytes = bytesOf(keyElement());
        Value address = b.at(keyRows, b.add(b.mul(d, elementBytes), i * head * elementBytes));
        Value key = broadcastKey(address);
        for (int64_t g = 0; g < group; ++g) {
          Value &sum = next[g * keysAtOnce + i];
          sum = bf16Dot ? b.dotBf16(sum, queries[g], key) : b.fma(key, queries[g], sum);
        }
      }
      return next;
    });
  }

  /// The elements of keys, as products read them.
  Type keyElement() const { return widensKeys ? f32 : kvElement; }

  /// The rows of query head g of the group.
  Value queryHead(int64_t g) {
    return b.at(queryTile, b.mul(b.add(firstHead, g), head * lanes * query.elementBytes()));
  }

  /// Feature d (bf16Dot: features d and d + 1) of query head g of the group, as a vector over rows.
  Value loadQuery(int64_t g, Value d) {
    if (widensQueries)
      return loadVector(b.at(queries, b.add(b.mul(d, vectorBytes), g * head * vectorBytes)));
    Value address = b.at(queryHead(g), b.mul(d, lanes * query.elementBytes()));
    return bf16Dot ? b.load(b.vectorOf(query.element, 2 * lanes), address, 2)
                   : b.loadF32(query.element, address, lanes);
  }
  /// A feature (bf16Dot: two) of a key in every lane.
  Value broadcastKey(Value address) {
    if (bf16Dot)
      return vector::BitCastOp::create(b, b.vectorOf(kvElement, 2 * lanes),
                                       b.splat(b.load(b.getI32Type(), address, 2), lanes));
    return b.splat(b.loadF32(keyElement(), address, 0), lanes);
  }

  /// Scales and masks the products of `keysAtOnce` keys from number `key` of the page on.
  void storeScores(Value firstKey, Value key, const Values &products) {
    for (int64_t i = 0; i < keysAtOnce; ++i) {
      Value keyPosition = arith::TruncIOp::create(b, b.getI32Type(), b.add(b.add(firstKey, key), i));
      Value keyPositions = b.splat(keyPosition, lanes);
      Value seen = b.compare(arith::CmpIPredicate::sle, keyPositions, positions);
      if (auto window = attention.getWindow()) {
        Value oldest = b.splat(b.i32(static_cast<int32_t>(*window)), lanes);
        seen = arith::AndIOp::create(
            b, seen, b.compare(arith::CmpIPredicate::sgt, keyPositions, arith::SubIOp::create(b, positions, oldest)));
      }
      for (int64_t g = 0; g < group; ++g) {
        Value score = b.mulf(products[g * keysAtOnce + i], b.splat(scale, lanes));
        score = arith::SelectOp::create(b, seen, score, b.splat(kMaskedScore, lanes));
        b.store(score, b.at(scores, b.mul(b.add(b.add(key, i), g * page), vectorBytes)), 4);
      }
    }
  }

  /// Computes the softmax of a head's scores of the page, and the factor by which its sums shrink.
  void weighScores(Value g, Value seenKeys) {
    Value rows = b.at(scores, b.mul(g, page * vectorBytes));
    Value old = loadVector(maximum(g));
    Value next = b.loop(b.i64(0), seenKeys, 1, {old}, [&](Value key, ValueRange carried) {
      return Values{b.maxf(carried[0], loadVector(b.at(rows, b.mul(key, vectorBytes))))};
    })[0];
    Value shrink = b.exp(b.subf(old, next));
    // The sum of a page has one order of additions, also over few rows, where a vector has the weights of `keyLanes`
    // neighbouring keys.
    b.loop(b.i64(0), seenKeys, 1, [&](Value key) {
      Value address = b.at(rows, b.mul(key, vectorBytes));
      b.store(b.weightOf(loadVector(address), next), address, 4);
    });
    Value end = b.mul(b.ceilDiv(seenKeys, keyLanes), keyLanes);
    b.loop(seenKeys, end, 1, [&](Value key) { b.store(b.splat(0.0f, lanes), b.at(rows, b.mul(key, vectorBytes)), 4); });
    Values parts = b.loop(b.i64(0), end, keyLanes, Values(static_cast<size_t>(keyLanes), b.splat(0.0f, lanes)),
                          [&](Value key, ValueRange carried) {
                            Values sums;
                            for (auto [i, part] : llvm::enumerate(carried)) {
                              Value at = b.add(key, static_cast<int64_t>(i));
                              sums.push_back(b.addf(part, loadVector(b.at(rows, b.mul(at, vectorBytes)))));
                            }
                            return sums;
                          });
    Value sum = b.addf(b.mulf(loadVector(total(g)), shrink), b.sumHalves(parts));
    b.store(next, maximum(g), 4);
    b.store(sum, total(g), 4);
    b.store(shrink, correction(g), 4);
  }

  /// Widens `count` elements to f32, `width` at a time.
  void widen(Type element, Value from, Value to, Value count, int64_t width) {
    b.loop(b.i64(0), count, width, [&](Value i) {
      b.store(b.loadF32(element, b.at(from, b.mul(i, bytesOf(element))), width), b.at(to, b.mul(i, 4)), 4);
    });
  }

  /// Widens the keys or values of a page to f32 once. Otherwise each broadcast of a bf16 or f16 scalar would cost
  /// several instructions.
  Value widenPage(Value rows, Value seenKeys) {
    widen(kvElement, rows, widened, b.mul(seenKeys, head), widestVector(head, lanes));
    return widened;
  }

  /// Adds the weighted values (f32) of the page to the sums.
  void addValues(Value values, Value seenKeys) {
    b.loop(b.i64(0), b.i64(head), featuresAtOnce, [&](Value d) {
      auto sumAddress = [&](int64_t g, int64_t i) { return b.at(sums, b.mul(b.add(d, g * head + i), vectorBytes)); };
      Values initial;
      for (int64_t g = 0; g < group; ++g)
        for (int64_t i = 0; i < featuresAtOnce; ++i)
          initial.push_back(b.mulf(loadVector(sumAddress(g, i)), loadVector(correction(b.i64(g)))));
      Values after = b.loop(b.i64(0), seenKeys, 1, initial, [&](Value key, ValueRange carried) {
        Values next(carried.begin(), carried.end());
        Values p;
        for (int64_t g = 0; g < group; ++g)
          p.push_back(loadVector(b.at(scores, b.mul(b.add(key, g * page), vectorBytes))));
        Value valueRow = b.at(values, b.mul(b.add(b.mul(key, head), d), 4));
        for (int64_t i = 0; i < featuresAtOnce; ++i) {
          Value v = b.splat(b.loadF32(f32, b.at(valueRow, i * 4), 0), lanes);
          for (int64_t g = 0; g < group; ++g)
            next[g * featuresAtOnce + i] = b.fma(v, p[g], carried[g * featuresAtOnce + i]);
        }
        return next;
      });
      for (int64_t g = 0; g < group; ++g)
        for (int64_t i = 0; i < featuresAtOnce; ++i)
          b.store(after[g * featuresAtOnce + i], sumAddress(g, i), 4);
    });
  }

  void storeResult(Value rowTile) {
    Value resultTile = b.at(frame.result(0), b.mul(rowTile, result.strideBytes()));
    b.loop(b.i64(0), b.i64(group), 1, [&](Value g) {
      Value inverse = b.divf(b.splat(1.0f, lanes), loadVector(total(g)));
      Value target = b.at(resultTile, b.mul(b.add(firstHead, g), head * lanes * result.elementBytes()));
      b.loop(b.i64(0), b.i64(head), result.pack, [&](Value d) {
        auto scaled = [&](int64_t i) {
          return b.mulf(loadVector(b.at(sums, b.mul(b.add(b.add(b.mul(g, head), d), i), vectorBytes))), inverse);
        };
        Value address = b.at(target, b.mul(d, lanes * result.elementBytes()));
        if (result.pack == 1)
          b.storeF32(scaled(0), result.element, address);
        else
          b.store(vector::InterleaveOp::create(b, b.roundTo(result.element, scaled(0)),
                                               b.roundTo(result.element, scaled(1))),
                  address, 2);
      });
    });
  }

  KernelBuilder &b;
  AttentionOp attention;
  KernelFrame frame;
  CacheAddress cache;
  ActivationLayout query, result;
  /// Query heads of a key/value head; elements of a head; keys of a page; rows of a tile.
  int64_t kvHeads, group, head, page, lanes;
  /// Keys that lie in a vector where few rows are computed.
  int64_t keyLanes;
  int64_t vectorBytes;
  Type kvElement, f32 = b.getF32Type();
  float scale;
  bool bf16Dot, widensQueries, widensKeys;
  /// Number of keys whose scores one loop computes, and of features of values that one loop adds. Their sums are in
  /// registers.
  int64_t keysAtOnce, featuresAtOnce;

  // Scratch, in f32: scores of a page; weighted sums of values; the greatest score, the sum of weights and the last
  // correction; the keys or the values of a page; the queries.
  Value scores, sums, running, widened, queries;
  // The tile of rows: their positions (i32, -1 is padding), the greatest of them, and the queries.
  Value positions, lastPosition, queryTile, firstHead;
};

} // namespace

void emitAttentionMany(KernelBuilder &b, KernelOp kernel, AttentionOp attention, CpuAttentionScheduleAttr schedule,
                       StringRef symbol) {
  ManyAttention(b, kernel, attention, schedule, symbol).emit();
}

} // namespace quipu::codegen::cpu
