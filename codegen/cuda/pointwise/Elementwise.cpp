//===- Elementwise.cpp - Ops of activations that are kernels alone -----------===//
//
// What no linear kernel takes as its prologue or epilogue, because types differ in a group of projections or the graph
// is another one: a block has a row, its threads have neighbouring runs of features.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Activation.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/cuda/SingleOps.h"
#include "codegen/cuda/pointwise/RowBlocks.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {
namespace {

/// A row of an activation.
class Row {
public:
  using Values = CudaBuilder::Values;

  Row(CudaBuilder &b, Type type, Value base, Value row) : b(b), element(cast<RankedTensorType>(type).getElementType()) {
    start = b.at(base, b.mul(row, cast<RankedTensorType>(type).getDimSize(1) * bytesOf(element)));
  }
  /// Loads `count` features from feature `k` (i32) on.
  Values load(Value k, int64_t count) { return b.loadRun(element, count, place(k)); }
  void store(Value k, ArrayRef<Value> values) { b.storeRun(element, values, place(k)); }

private:
  Value place(Value k) { return b.at(start, b.mul(k, bytesOf(element))); }

  CudaBuilder &b;
  Type element;
  Value start;
};

/// What a block of a kernel that is one op works with: a row of the step.
class RowKernel {
public:
  RowKernel(CudaBuilder &b, const CudaFrame &frame, int64_t threads) : b(b), frame(frame), threads(threads) {
    frame.letNextStart();
    frame.waitForPrevious();
    row = b.widen(frame.block(1));
  }

  Row argument(Value value) { return Row(b, value.getType(), frame.argument(value), row); }
  Row result(Value value) {
    return Row(b, value.getType(), frame.result(cast<OpResult>(value).getResultNumber()), row);
  }
  /// Emits body(k) for each run of the thread. A run is `run` features from feature k (i32) on; the row has `extent`
  /// features.
  void forEachRun(int64_t extent, int64_t run, llvm::function_ref<void(Value)> body) {
    b.loop(b.thread(), b.i32(extent / run), threads, [&](Value i) { body(b.mul(i, run)); });
  }

  CudaBuilder &b;
  const CudaFrame &frame;
  int64_t threads;
  /// Number of the block's row (i64).
  Value row;
};

/// The body of an op alone: `emit` writes what a block does with its row.
CudaBody rowBody(CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated,
                 std::function<void(CudaBuilder &b, RowKernel &rows)> emit) {
  GeneratedEntry entry = rowEntry(schedule, generated);
  return {entry, [threads = entry.threads, emit = std::move(emit)](CudaBuilder &b, const CudaFrame &frame) {
            RowKernel rows(b, frame, threads);
            emit(b, rows);
          }};
}

int64_t widthOf(Value activation) { return cast<RankedTensorType>(activation.getType()).getDimSize(1); }

} // namespace

FailureOr<CudaBody> emitRotate(CudaBuilder & /*b*/, KernelOp /*kernel*/, RotateOp rotate,
                               CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [rotate](CudaBuilder &b, RowKernel &rows) mutable {
    Row input = rows.argument(rotate.getInput()), table = rows.argument(rotate.getTable());
    Row result = rows.result(rotate.getResult());
    int64_t head = rotate.getHeadDim(), half = head / 2, run = widestRun(half, 4);
    bool isInterleaved = rotate.getLayout() == RotaryLayout::Interleaved;
    // Pairs are counted through all heads.
    rows.forEachRun(widthOf(rotate.getInput()) / 2, run, [&](Value pair) {
      Value inHead = b.rem(pair, half), start = b.mul(b.div(pair, half), head);
      CudaBuilder::Values cosines = table.load(inHead, run), sines = table.load(b.add(inHead, half), run);
      if (isInterleaved) {
        Value first = b.mul(pair, 2);
        CudaBuilder::Values both = input.load(first, 2 * run);
        for (int64_t i = 0; i < run; ++i)
          std::tie(both[2 * i], both[2 * i + 1]) = b.rotatePair(both[2 * i], both[2 * i + 1], cosines[i], sines[i]);
        return result.store(first, both);
      }
      Value first = b.add(start, inHead), second = b.add(first, half);
      CudaBuilder::Values a = input.load(first, run), c = input.load(second, run);
      for (int64_t i = 0; i < run; ++i)
        std::tie(a[i], c[i]) = b.rotatePair(a[i], c[i], cosines[i], sines[i]);
      result.store(first, a);
      result.store(second, c);
    });
  });
}

FailureOr<CudaBody> emitGate(CudaBuilder & /*b*/, KernelOp /*kernel*/, GateOp gate, CudaPointwiseScheduleAttr schedule,
                             const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [gate](CudaBuilder &b, RowKernel &rows) mutable {
    Row gates = rows.argument(gate.getGate()), result = rows.result(gate.getResult());
    Row ups = gate.getUp() ? rows.argument(gate.getUp()) : gates;
    int64_t width = widthOf(gate.getResult()), run = widestRun(width), shift = gate.getUp() ? 0 : width;
    rows.forEachRun(width, run, [&](Value k) {
      CudaBuilder::Values values = gates.load(k, run);
      for (auto [value, up] : llvm::zip_equal(values, ups.load(b.add(k, shift), run)))
        value = b.mulf(activate(b, gate.getActivation(), value), up);
      result.store(k, values);
    });
  });
}

FailureOr<CudaBody> emitAdd(CudaBuilder & /*b*/, KernelOp /*kernel*/, AddOp add, CudaPointwiseScheduleAttr schedule,
                            const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [add](CudaBuilder &b, RowKernel &rows) mutable {
    Row left = rows.argument(add.getLhs()), right = rows.argument(add.getRhs()), result = rows.result(add.getResult());
    int64_t width = widthOf(add.getResult()), run = widestRun(width);
    rows.forEachRun(width, run, [&](Value k) {
      CudaBuilder::Values values = left.load(k, run);
      for (auto [value, other] : llvm::zip_equal(values, right.load(k, run)))
        value = b.addf(value, other);
      result.store(k, values);
    });
  });
}

FailureOr<CudaBody> emitSplit(CudaBuilder & /*b*/, KernelOp /*kernel*/, SplitOp split,
                              CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [split](CudaBuilder &b, RowKernel &rows) mutable {
    Row input = rows.argument(split.getInput());
    int64_t first = 0, all = widthOf(split.getInput());
    for (Value part : split.getParts()) {
      Row result = rows.result(part);
      int64_t width = widthOf(part);
      // A run begins at a multiple of its size in the input too.
      int64_t run = std::min({widestRun(width), widestRun(all), first ? widestRun(first) : 8});
      rows.forEachRun(width, run, [&](Value k) { result.store(k, input.load(b.add(k, first), run)); });
      first += width;
    }
  });
}

FailureOr<CudaBody> emitRepeatKv(CudaBuilder & /*b*/, KernelOp /*kernel*/, RepeatKVOp repeat,
                                 CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [repeat](CudaBuilder &b, RowKernel &rows) mutable {
    Row input = rows.argument(repeat.getInput()), result = rows.result(repeat.getResult());
    int64_t head = repeat.getHeadDim(), times = repeat.getTimes(), run = widestRun(head);
    rows.forEachRun(widthOf(repeat.getResult()), run, [&](Value k) {
      Value source = b.add(b.mul(b.div(k, head * times), head), b.rem(k, head));
      result.store(k, input.load(source, run));
    });
  });
}

FailureOr<CudaBody> emitGatherRows(CudaBuilder & /*b*/, KernelOp /*kernel*/, GatherRowsOp gather,
                                   CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [gather](CudaBuilder &b, RowKernel &rows) mutable {
    Value selected = b.widen(b.loadI32(b.at(rows.frame.argument(gather.getRows()), b.mul(rows.row, 4))));
    Row input(b, gather.getInput().getType(), rows.frame.argument(gather.getInput()), selected);
    Row result = rows.result(gather.getResult());
    int64_t width = widthOf(gather.getResult()), run = widestRun(width);
    rows.forEachRun(width, run, [&](Value k) { result.store(k, input.load(k, run)); });
  });
}

FailureOr<CudaBody> emitAppend(CudaBuilder & /*b*/, KernelOp /*kernel*/, KVAppendOp append,
                               CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  return rowBody(schedule, generated, [append](CudaBuilder &b, RowKernel &rows) mutable {
    CacheAddress cache(b, rows.frame, append.getKv());
    Type element = cache.type.getElementType();
    int64_t head = cache.type.getHeadDim(), run = widestRun(head);
    Value place = b.mul(rows.row, 4);
    Value position = b.loadI32(b.at(rows.frame.argument(append.getPositions()), place));
    b.ifThen(b.compare(CudaBuilder::Predicate::sge, position, 0), [&] {
      Value sequence = b.widen(b.loadI32(b.at(rows.frame.argument(append.getSequences()), place)));
      Value offset = cache.rowOffset(b, sequence, b.widen(position));
      for (auto [values, pool] :
           {std::pair(append.getKeys(), cache.keys), std::pair(append.getValues(), cache.values)}) {
        Row input = rows.argument(values);
        rows.forEachRun(widthOf(values), run, [&, pool = pool](Value k) {
          Value inHead = b.mul(b.widen(b.rem(k, head)), bytesOf(element));
          Value target = b.add(b.add(offset, b.mul(b.widen(b.div(k, head)), cache.headBytes())), inHead);
          b.storeRun(element, input.load(k, run), b.at(pool, target));
        });
      }
    });
  });
}

} // namespace quipu::codegen::cuda
