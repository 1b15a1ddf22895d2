//===- AttentionRows.h - Rows of a tile and their sequences -----*- C++ -*-===//
//
// What kernels of attention for many rows share. A tile is some neighbouring rows of the step. They may belong to
// several sequences. A run is the rows of one sequence in a tile. The keys are walked once for each run; almost always
// a tile has one run.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H

#include "codegen/cuda/vocabulary/CudaFrame.h"
#include "codegen/cuda/vocabulary/PtxStrings.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace quipu::codegen::cuda {

/// Reference of a row before its first key, divided by the factor of the exponents. It is below every real score. It is
/// so far above masked scores that their exponential is 0.
inline constexpr float kNoScore = kMaskedScore / 2;
/// Scores may exceed the reference by this power of two before the reference is raised.
inline constexpr float kGrowth = 8.0f;

class AttentionRows {
public:
  using Value = mlir::Value;
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  /// Tiles of the schedule's number of rows. If lone rows have a body of their own, the tiles begin behind them.
  AttentionRows(CudaBuilder &b, const CudaFrame &frame, llama::AttentionOp attention,
                llama::CudaAttentionScheduleAttr schedule)
      : b(b), frame(frame), attention(attention), tokens(schedule.getTokens()),
        isBehindLone(schedule.getLone() != nullptr) {}

  /// The rows over which the grid of the tiles grows.
  static RowDim rowsOf(llama::CudaAttentionScheduleAttr schedule) {
    return schedule.getLone() ? RowDim::Other : RowDim::Tokens;
  }

  /// Number of tiles of the step (i32).
  Value countTiles() { return b.ceilDiv(isBehindLone ? b.sub(frame.tokens, frame.loneRows) : frame.tokens, tokens); }

  /// Call it when the block begins with tile number `tile` (i32).
  void enter(Value tile) {
    first = b.mul(tile, tokens);
    if (isBehindLone)
      first = b.add(first, frame.loneRows);
    count = b.min(b.sub(frame.tokens, first), b.i32(tokens));
  }

  /// The same i32, but the compiler does not know that it is the same. So values that are computed from it are computed
  /// again where they are used, and take no registers in the loops around.
  Value fresh(Value number) { return ptx::opaque(b, number); }

  /// Element of an i32 tensor for row `row` of the tile. For rows behind the last it is the element of the last row.
  Value number(Value tensor, Value row) {
    Value inside = b.min(row, b.sub(count, 1));
    return b.loadI32(b.at(frame.argument(tensor), b.mul(b.widen(b.add(first, inside)), 4)));
  }
  Value position(Value row) { return number(attention.getPositions(), row); }
  /// Whether a row belongs to the run.
  Value inRun(Value row) { return b.both(b.compare(Predicate::sle, begin, row), b.compare(Predicate::slt, row, end)); }

  /// Emits `body` in a loop over the runs of the tile. It sets sequence, begin and end for it. `body` gets the carried
  /// values and returns the next ones. All lanes of a warp call it.
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

  /// Least and greatest position of the rows that a warp's lanes name. Rows outside the run and padding rows do not
  /// count. If no row counts, they are INT32_MAX and -1.
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
  /// Least and greatest position of all rows of the run.
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
  bool isBehindLone;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONROWS_H
