//===- Elementwise.cpp - Ops of activations that are kernels alone -----------===//
//
// What no linear kernel takes as its prologue or epilogue, because types differ in a group of projections or the graph
// is another one.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Activation.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/cpu/RowAccess.h"
#include "codegen/cpu/SingleOps.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

int64_t widthOf(Value activation) { return cast<RankedTensorType>(activation.getType()).getDimSize(1); }

/// The entry of a kernel that is one op. The emitters write its body.
class RowKernel {
public:
  RowKernel(KernelBuilder &b, KernelOp kernel, CpuPointwiseScheduleAttr schedule, RowDim rows, StringRef symbol)
      : b(b), schedule(schedule), rows(rows), frame(b, kernel, symbol) {}

  /// Emits body(block) for each row, or each tile of rows, of the thread's part of the grid.
  void forEachBlock(llvm::function_ref<void(Value)> body) {
    if (schedule.getRows() == RowRegime::Many)
      b.loop(frame.begin, frame.end, 1, body);
    else
      forEachRow(b, frame, schedule.getRowsPerBlock(), rows, body);
  }
  RowAccess argument(Value value, Value block) { return {b, value.getType(), frame.argument(value), block}; }
  RowAccess result(Value value, Value block) {
    return {b, value.getType(), frame.result(cast<OpResult>(value).getResultNumber()), block};
  }
  int64_t lanes() const { return schedule.getLanes(); }

  KernelBuilder &b;
  CpuPointwiseScheduleAttr schedule;
  RowDim rows;
  KernelFrame frame;
};

} // namespace

void emitRotate(KernelBuilder &b, KernelOp kernel, RotateOp rotate, CpuPointwiseScheduleAttr schedule, RowDim rows,
                StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  int64_t head = rotate.getHeadDim(), half = head / 2, width = widthOf(rotate.getInput());
  entry.forEachBlock([&](Value block) {
    RowAccess input = entry.argument(rotate.getInput(), block), table = entry.argument(rotate.getTable(), block);
    RowAccess result = entry.result(rotate.getResult(), block);
    int64_t count = RowAccess::countFor({input, table, result}, half, entry.lanes());
    auto turn = [&](RowAccess::Values &a, RowAccess::Values &c, Value pair) {
      RowAccess::Values cosines = table.load(pair, count), sines = table.load(b.add(pair, half), count);
      for (size_t i = 0; i < a.size(); ++i)
        std::tie(a[i], c[i]) = b.rotatePair(a[i], c[i], cosines[i], sines[i]);
    };
    b.loop(b.i64(0), b.i64(width), head, [&](Value start) {
      b.loop(b.i64(0), b.i64(half), count, [&](Value pair) {
        if (rotate.getLayout() == RotaryLayout::Interleaved) {
          Value first = b.add(start, b.mul(pair, 2));
          auto [a, c] = input.loadPairs(first, count);
          turn(a, c, pair);
          result.storePairs(first, a, c);
          return;
        }
        Value first = b.add(start, pair), second = b.add(first, half);
        RowAccess::Values a = input.load(first, count), c = input.load(second, count);
        turn(a, c, pair);
        result.store(first, a);
        result.store(second, c);
      });
    });
  });
}

void emitGate(KernelBuilder &b, KernelOp kernel, GateOp gate, CpuPointwiseScheduleAttr schedule, RowDim rows,
              StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  int64_t width = widthOf(gate.getResult()), shift = gate.getUp() ? 0 : width;
  entry.forEachBlock([&](Value block) {
    RowAccess gates = entry.argument(gate.getGate(), block), result = entry.result(gate.getResult(), block);
    RowAccess ups = entry.argument(gate.getUp() ? gate.getUp() : gate.getGate(), block);
    int64_t count = RowAccess::countFor({gates, ups, result}, width, entry.lanes());
    b.loop(b.i64(0), b.i64(width), count, [&](Value k) {
      RowAccess::Values values = gates.load(k, count);
      for (auto [value, up] : llvm::zip_equal(values, ups.load(b.add(k, shift), count)))
        value = b.mulf(activate(b, gate.getActivation(), value), up);
      result.store(k, values);
    });
  });
}

void emitAdd(KernelBuilder &b, KernelOp kernel, AddOp add, CpuPointwiseScheduleAttr schedule, RowDim rows,
             StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  int64_t width = widthOf(add.getResult());
  entry.forEachBlock([&](Value block) {
    RowAccess left = entry.argument(add.getLhs(), block), right = entry.argument(add.getRhs(), block);
    RowAccess result = entry.result(add.getResult(), block);
    int64_t count = RowAccess::countFor({left, right, result}, width, entry.lanes());
    b.loop(b.i64(0), b.i64(width), count, [&](Value k) {
      RowAccess::Values values = left.load(k, count);
      for (auto [value, other] : llvm::zip_equal(values, right.load(k, count)))
        value = b.addf(value, other);
      result.store(k, values);
    });
  });
}

void emitSplit(KernelBuilder &b, KernelOp kernel, SplitOp split, CpuPointwiseScheduleAttr schedule, RowDim rows,
               StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  entry.forEachBlock([&](Value block) {
    RowAccess input = entry.argument(split.getInput(), block);
    int64_t first = 0;
    for (Value part : split.getParts()) {
      RowAccess result = entry.result(part, block);
      int64_t width = widthOf(part), count = RowAccess::countFor({input, result}, width, entry.lanes());
      b.loop(b.i64(0), b.i64(width), count, [&](Value k) { result.store(k, input.load(b.add(k, first), count)); });
      first += width;
    }
  });
}

void emitRepeatKv(KernelBuilder &b, KernelOp kernel, RepeatKVOp repeat, CpuPointwiseScheduleAttr schedule, RowDim rows,
                  StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  int64_t head = repeat.getHeadDim(), times = repeat.getTimes();
  entry.forEachBlock([&](Value block) {
    RowAccess input = entry.argument(repeat.getInput(), block), result = entry.result(repeat.getResult(), block);
    int64_t count = RowAccess::countFor({input, result}, head, entry.lanes());
    b.loop(b.i64(0), b.i64(widthOf(repeat.getResult())), head, [&](Value start) {
      Value source = b.mul(b.div(start, head * times), head);
      b.loop(b.i64(0), b.i64(head), count,
             [&](Value k) { result.store(b.add(start, k), input.load(b.add(source, k), count)); });
    });
  });
}

void emitNorm(KernelBuilder &b, KernelOp kernel, RMSNormOp norm, CpuPointwiseScheduleAttr schedule, RowDim rows,
              StringRef symbol) {
  RowKernel entry(b, kernel, schedule, rows, symbol);
  int64_t width = widthOf(norm.getInput());
  Value gain = entry.frame.argument(norm.getWeight());
  WeightOperand gains(b, norm.getWeight().getType());
  entry.forEachBlock([&](Value block) {
    RowAccess input = entry.argument(norm.getInput(), block), result = entry.result(norm.getResult(), block);
    int64_t count = RowAccess::countFor({input, result}, width, entry.lanes());
    // Rows and tiles of rows have one order of additions: a part of the sum for each lane of a vector of features.
    int64_t parts = widestVector(width, entry.lanes());
    RowAccess::Values sums =
        b.loop(b.i64(0), b.i64(width), parts, input.zeros(parts), [&](Value k, ValueRange carried) {
          RowAccess::Values next;
          for (auto [x, sum] : llvm::zip_equal(input.load(k, parts), carried))
            next.push_back(b.fma(x, x, sum));
          return next;
        });
    Value squares = input.sumFeatures(sums);
    Value mean = b.mulf(squares, b.constantLike(squares, 1.0f / static_cast<float>(width)));
    float eps = static_cast<float>(norm.getEps().convertToDouble());
    Value scale = input.spread(b.rsqrt(b.addf(mean, b.constantLike(mean, eps))), count);
    b.loop(b.i64(0), b.i64(width), count, [&](Value k) {
      RowAccess::Values values = input.load(k, count);
      for (auto [value, factor] : llvm::zip_equal(values, input.loadConstants(gains, gain, k, count)))
        value = b.mulf(b.mulf(value, scale), factor);
      result.store(k, values);
    });
  });
}

void emitAppend(KernelBuilder &b, KernelOp kernel, KVAppendOp append, CpuPointwiseScheduleAttr schedule, RowDim rows,
                StringRef symbol) {
  KernelFrame frame(b, kernel, symbol);
  CacheAddress cache(b, frame, append.getKv());
  Type element = cache.type.getElementType();
  int64_t head = cache.type.getHeadDim();
  forEachRow(b, frame, schedule.getRowsPerBlock(), rows, [&](Value row) {
    Value place = b.mul(row, 4);
    Value position = b.loadI32(b.at(frame.argument(append.getPositions()), place));
    b.ifThen(b.compare(arith::CmpIPredicate::sge, position, b.i32(0)), [&] {
      Value sequence = b.widen(b.loadI32(b.at(frame.argument(append.getSequences()), place)));
      Value offset = cache.rowOffset(b, sequence, b.widen(position));
      for (auto [values, pool] :
           {std::pair(append.getKeys(), cache.keys), std::pair(append.getValues(), cache.values)}) {
        ActivationLayout layout(values.getType());
        Value from = frame.argument(values);
        int64_t count = layout.lanes ? 0 : widestVector(head, schedule.getLanes()), step = count ? count : 1;
        b.loop(b.i64(0), b.i64(cache.type.getKvHeads()), 1, [&, pool = pool](Value kvHead) {
          Value target = b.at(pool, b.add(offset, b.mul(kvHead, cache.headBytes())));
          b.loop(b.i64(0), b.i64(head), step, [&](Value k) {
            Value feature = b.add(b.mul(kvHead, head), k);
            Value value = b.loadF32(layout.element, addressOf(b, layout, from, row, feature), count);
            b.storeF32(value, element, b.at(target, b.mul(k, bytesOf(element))));
          });
        });
      }
    });
  });
}

} // namespace quipu::codegen::cpu
