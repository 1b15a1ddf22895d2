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
#include "codegen/cpu/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Largest divisor of `count` that is at most `limit`.
static int64_t divisorUpTo(int64_t count, int64_t limit) {
  int64_t divisor = std::max<int64_t>(1, std::min(count, limit));
  while (count % divisor)
    --divisor;
  return divisor;
}

void emitAttentionMany(KernelBuilder &b, KernelOp kernel, AttentionOp attention, CpuAttentionScheduleAttr schedule,
                       StringRef symbol) {
  KernelFrame frame(b, kernel, symbol);
  CacheAddress cache(b, frame, attention.getKv());
  int64_t kvHeads = attention.getNumKvHeads(), group = attention.getNumHeads() / kvHeads;
  int64_t head = cache.type.getHeadDim(), page = cache.type.getPage(), lanes = schedule.getLanes();
  Type kvElement = cache.type.getElementType(), f32 = b.getF32Type();
  ActivationLayout query(attention.getQuery().getType()), result(attention.getResult().getType());
  float scale = static_cast<float>(attention.getScale().convertToDouble());
  bool bf16Dot = schedule.getDot() == DotKind::Bf16;
  int64_t vectorBytes = lanes * 4;

  // Accumulators that fit beside the operands: at most 24 of 32 registers, 10 of 16.
  int64_t budget = lanes == 16 ? 24 : 10;
  int64_t keysAtOnce = divisorUpTo(page, budget / group), featuresAtOnce = divisorUpTo(head, budget / group);

  Value scores = frame.scratch;                           // [group][page][lanes]
  Value out = b.at(scores, group * page * vectorBytes);   // [group][head][lanes]
  Value running = b.at(out, group * head * vectorBytes);  // m, l, correction: [3][group][lanes]
  Value widened = b.at(running, 3 * group * vectorBytes); // [page][head] values in f32
  auto maximum = [&](Value g) { return b.at(running, b.mul(g, vectorBytes)); };
  auto total = [&](Value g) { return b.at(running, b.mul(b.add(g, group), vectorBytes)); };
  auto correction = [&](Value g) { return b.at(running, b.mul(b.add(g, 2 * group), vectorBytes)); };
  auto loadVector = [&](Value pointer) { return b.load(b.vectorOf(f32, lanes), pointer, 4); };

  b.loop(frame.begin, frame.end, 1, [&](Value block) {
    Value rowTile = b.div(block, kvHeads), kvHead = b.rem(block, kvHeads);
    Value firstRow = b.mul(b.mul(rowTile, lanes), 4);
    Value positions = b.loadI32(b.at(frame.argument(attention.getPositions()), firstRow), lanes);
    Value last = b.widen(vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, positions));
    b.ifThen(b.compare(arith::CmpIPredicate::sge, last, b.i64(0)), [&] {
      // Padding rows come after the rows of the tile's sequence.
      Value sequence = b.widen(b.loadI32(b.at(frame.argument(attention.getSequences()), firstRow)));
      Value queryTile = b.at(frame.argument(attention.getQuery()), b.mul(rowTile, query.strideBytes()));
      Value firstHead = b.mul(kvHead, group);
      // Feature d of query head g of the group, as vectors over rows.
      auto queryHead = [&](int64_t g) {
        return b.at(queryTile, b.mul(b.add(firstHead, g), head * lanes * query.elementBytes()));
      };

      b.loop(b.i64(0), b.i64(group), 1, [&](Value g) {
        b.store(b.splat(kMaskedScore, lanes), maximum(g), 4);
        b.store(b.splat(0.0f, lanes), total(g), 4);
      });
      b.loop(b.i64(0), b.i64(group * head), 1,
             [&](Value i) { b.store(b.splat(0.0f, lanes), b.at(out, b.mul(i, vectorBytes)), 4); });

      Value firstPage = b.i64(0);
      if (auto window = attention.getWindow()) {
        Value first = b.widen(b.loadI32(b.at(frame.argument(attention.getPositions()), firstRow)));
        firstPage = b.div(b.max(b.sub(first, b.i64(static_cast<int64_t>(*window) - 1)), b.i64(0)), page);
      }
      b.loop(firstPage, b.add(b.div(last, page), 1), 1, [&](Value pageIndex) {
        Value firstKey = b.mul(pageIndex, page);
        Value pageBase = b.add(cache.pageOffset(b, sequence, pageIndex), b.mul(kvHead, cache.headBytes()));
        Value keys = b.at(cache.keys, pageBase), values = b.at(cache.values, pageBase);
        // Keys of this page that some row sees.
        Value used = b.min(b.sub(b.add(last, 1), firstKey), b.i64(page));

        b.loop(b.i64(0), b.i64(page), keysAtOnce, [&](Value key) {
          Value keyRows = b.at(keys, b.mul(key, cache.rowBytes()));
          SmallVector<Value> zero(group * keysAtOnce, b.splat(0.0f, lanes));
          SmallVector<Value> sums =
              b.loop(b.i64(0), b.i64(head), bf16Dot ? 2 : 1, zero, [&](Value d, ValueRange carried) {
                KernelBuilder::Values next(carried.begin(), carried.end());
                SmallVector<Value> q;
                for (int64_t g = 0; g < group; ++g) {
                  Value address = b.at(queryHead(g), b.mul(d, lanes * query.elementBytes()));
                  q.push_back(bf16Dot ? b.load(b.vectorOf(query.element, 2 * lanes), address, 2)
                                      : b.loadF32(query.element, address, lanes));
                }
                for (int64_t i = 0; i < keysAtOnce; ++i) {
                  Value address = b.at(keyRows, b.add(b.mul(d, bytesOf(kvElement)), i * cache.rowBytes()));
                  Value k;
                  if (bf16Dot)
                    k = vector::BitCastOp::create(b, b.vectorOf(kvElement, 2 * lanes),
                                                  b.splat(b.load(b.getI32Type(), address, 2), lanes));
                  else
                    k = b.splat(b.loadF32(kvElement, address, 0), lanes);
                  for (int64_t g = 0; g < group; ++g) {
                    Value &sum = next[g * keysAtOnce + i];
                    sum = bf16Dot ? b.dotBf16(sum, q[g], k) : b.fma(k, q[g], sum);
                  }
                }
                return next;
              });
          for (int64_t i = 0; i < keysAtOnce; ++i) {
            Value keyPosition = arith::TruncIOp::create(b, b.getI32Type(), b.add(b.add(firstKey, key), i));
            Value keyPositions = b.splat(keyPosition, lanes);
            Value seen = b.compare(arith::CmpIPredicate::sle, keyPositions, positions);
            if (auto window = attention.getWindow()) {
              Value oldest = b.splat(b.i32(static_cast<int32_t>(*window)), lanes);
              seen = arith::AndIOp::create(
                  b, seen,
                  b.compare(arith::CmpIPredicate::sgt, keyPositions, arith::SubIOp::create(b, positions, oldest)));
            }
            for (int64_t g = 0; g < group; ++g) {
              Value score = b.mulf(sums[g * keysAtOnce + i], b.splat(scale, lanes));
              score = arith::SelectOp::create(b, seen, score, b.splat(kMaskedScore, lanes));
              b.store(score, b.at(scores, b.mul(b.add(b.add(key, i), g * page), vectorBytes)), 4);
            }
          }
        });

        b.loop(b.i64(0), b.i64(group), 1, [&](Value g) {
          Value rows = b.at(scores, b.mul(g, page * vectorBytes));
          Value old = loadVector(maximum(g));
          Value next = b.loop(b.i64(0), used, 1, {old}, [&](Value key, ValueRange carried) {
            return KernelBuilder::Values{b.maxf(carried[0], loadVector(b.at(rows, b.mul(key, vectorBytes))))};
          })[0];
          Value shrink = b.exp(b.subf(old, next));
          Value sum =
              b.loop(b.i64(0), used, 1, {b.mulf(loadVector(total(g)), shrink)}, [&](Value key, ValueRange carried) {
                Value address = b.at(rows, b.mul(key, vectorBytes));
                Value p = b.exp(b.subf(loadVector(address), next));
                b.store(p, address, 4);
                return KernelBuilder::Values{b.addf(carried[0], p)};
              })[0];
          b.store(next, maximum(g), 4);
          b.store(sum, total(g), 4);
          b.store(shrink, correction(g), 4);
        });

        // A scalar of bf16 or f16 costs several instructions to broadcast as f32, so widen the page once.
        Value valueRows = values;
        if (!kvElement.isF32()) {
          int64_t width = widestVector(head, lanes);
          b.loop(b.i64(0), b.mul(used, head), width, [&](Value i) {
            b.store(b.loadF32(kvElement, b.at(values, b.mul(i, bytesOf(kvElement))), width), b.at(widened, b.mul(i, 4)),
                    4);
          });
          valueRows = widened;
        }
        b.loop(b.i64(0), b.i64(head), featuresAtOnce, [&](Value d) {
          auto outAddress = [&](int64_t g, int64_t i) { return b.at(out, b.mul(b.add(d, g * head + i), vectorBytes)); };
          SmallVector<Value> initial;
          for (int64_t g = 0; g < group; ++g)
            for (int64_t i = 0; i < featuresAtOnce; ++i)
              initial.push_back(b.mulf(loadVector(outAddress(g, i)), loadVector(correction(b.i64(g)))));
          SmallVector<Value> sums = b.loop(b.i64(0), used, 1, initial, [&](Value key, ValueRange carried) {
            KernelBuilder::Values next(carried.begin(), carried.end());
            SmallVector<Value> p;
            for (int64_t g = 0; g < group; ++g)
              p.push_back(loadVector(b.at(scores, b.mul(b.add(key, g * page), vectorBytes))));
            Value valueRow = b.at(valueRows, b.mul(b.add(b.mul(key, head), d), 4));
            for (int64_t i = 0; i < featuresAtOnce; ++i) {
              Value v = b.splat(b.loadF32(f32, b.at(valueRow, i * 4), 0), lanes);
              for (int64_t g = 0; g < group; ++g)
                next[g * featuresAtOnce + i] = b.fma(v, p[g], carried[g * featuresAtOnce + i]);
            }
            return next;
          });
          for (int64_t g = 0; g < group; ++g)
            for (int64_t i = 0; i < featuresAtOnce; ++i)
              b.store(sums[g * featuresAtOnce + i], outAddress(g, i), 4);
        });
      });

      Value resultTile = b.at(frame.result(0), b.mul(rowTile, result.strideBytes()));
      b.loop(b.i64(0), b.i64(group), 1, [&](Value g) {
        Value inverse = b.divf(b.splat(1.0f, lanes), loadVector(total(g)));
        Value target = b.at(resultTile, b.mul(b.add(firstHead, g), head * lanes * result.elementBytes()));
        b.loop(b.i64(0), b.i64(head), result.pack, [&](Value d) {
          auto scaled = [&](int64_t i) {
            return b.mulf(loadVector(b.at(out, b.mul(b.add(b.add(b.mul(g, head), d), i), vectorBytes))), inverse);
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
    });
  });
}

} // namespace quipu::codegen::cpu
