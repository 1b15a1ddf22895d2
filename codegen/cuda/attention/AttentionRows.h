//===- AttentionRows.h - Rows of a tile and their sequences -----*- C++ -*-===//
//
// What kernels of attention for many rows share. A tile is some rows of the step, neighbours, which need not belong to
// one sequence: the keys are walked once for each run of rows of one sequence, which is once almost always.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H

#include "codegen/cuda/vocabulary/CudaFrame.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace quipu::codegen::cuda {

/// Reference of a row (over the scale of its exponents) before its first key: below every real score, but so far above
/// masked ones that their exponential is 0.
inline constexpr float kNoScore = kMaskedScore / 2;
/// How far, as a power of two, scores may exceed the reference before it is raised.
inline constexpr float kGrowth = 8.0f;

class AttentionRows {
public:
  using Value = mlir::Value;
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  /// Tiles of `tokens` rows.
  AttentionRows(CudaBuilder &b, const CudaFrame &frame, llama::AttentionOp attention, int64_t tokens)
      : b(b), frame(frame), attention(attention), tokens(tokens) {}

  /// Turns to the tile that begins with row `row` of the step.
  void enter(Value row) {
    first = row;
    count = b.min(b.sub(frame.tokens, first), b.i32(tokens));
  }

  /// An i32 that the compiler takes for another number: what follows from it is computed where it is used and takes no
  /// register in the loops around.
  Value fresh(Value number) { return ptx::opaque(b, number); }

  /// Element `row` of the tile's part of an i32 tensor; that of the last row for rows behind it.
  Value number(Value tensor, Value row) {
    Value inside = b.min(row, b.sub(count, 1));
    return b.loadI32(b.at(frame.argument(tensor), b.mul(b.widen(b.add(first, inside)), 4)));
  }
  Value position(Value row) { return number(attention.getPositions(), row); }
  /// Whether a row belongs to the run.
  Value inRun(Value row) { return b.both(b.compare(Predicate::sle, begin, row), b.compare(Predicate::slt, row, end)); }

  /// Walks the runs, with carried values: sets sequence, begin and end. In every lane of a warp.
  Values forEachRun(Value lane, llvm::ArrayRef<Value> initial, llvm::function_ref<Values(mlir::ValueRange)> body) {
    Values carried{b.i32(0)};
    carried.append(initial.begin(), initial.end());
    auto types = mlir::ValueRange(carried).getTypes();
    llvm::SmallVector<mlir::Location> locations(carried.size(), b.getLoc());
    auto loop = mlir::scf::WhileOp::create(b, types, carried);
    mlir::OpBuilder::InsertionGuard guard(b);
    mlir::Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
    mlir::scf::ConditionOp::create(b, b.compare(Predicate::slt, before->getArgument(0), count), before->getArguments());
    mlir::Block *run = b.createBlock(&loop.getAfter(), {}, types, locations);
    begin = run->getArgument(0);
    sequence = number(attention.getSequences(), begin);
    end = count;
    lane = fresh(lane);
    for (int64_t row = 0; row < tokens; row += 32) {
      Value mine = b.add(lane, row);
      Value same = b.compare(Predicate::eq, number(attention.getSequences(), mine), sequence);
      Value isBehind = b.compare(Predicate::slt, begin, mine);
      end = b.min(end, b.select(b.both(isBehind, b.compare(Predicate::eq, same, 0)), mine, count));
    }
    end = reduce(mlir::NVVM::ReduxKind::MIN, end);
    Values next{end};
    next.append(body(run->getArguments().drop_front()));
    mlir::scf::YieldOp::create(b, next);
    return Values(loop.getResults().drop_front());
  }

  /// Least and greatest position (INT32_MAX and -1 if there is no row) of the rows of the run that a warp's lanes
  /// name, padding left out.
  std::pair<Value, Value> bounds(llvm::ArrayRef<Value> rowsOfLane) {
    Value low = b.i32(INT32_MAX), high = b.i32(-1);
    for (Value row : rowsOfLane) {
      Value at = position(row);
      Value counts = b.both(inRun(row), b.compare(Predicate::sge, at, 0));
      low = b.min(low, b.select(counts, at, b.i32(INT32_MAX)));
      high = b.max(high, b.select(counts, at, b.i32(-1)));
    }
    return {reduce(mlir::NVVM::ReduxKind::MIN, low), reduce(mlir::NVVM::ReduxKind::MAX, high)};
  }
  /// The same of all rows of the run.
  std::pair<Value, Value> boundsOfRun(Value lane) {
    Values rows;
    for (int64_t row = 0; row < tokens; row += 32)
      rows.push_back(b.add(lane, row));
    return bounds(rows);
  }

  /// The tile's first row and number of rows; the run's sequence and rows [begin, end) of the tile.
  Value first, count, sequence, begin, end;

private:
  /// Least or greatest i32 of a warp's lanes.
  Value reduce(mlir::NVVM::ReduxKind kind, Value value) {
    return mlir::NVVM::ReduxOp::create(b, b.getI32Type(), value, kind, b.i32(-1));
  }

  CudaBuilder &b;
  const CudaFrame &frame;
  llama::AttentionOp attention;
  int64_t tokens;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H
