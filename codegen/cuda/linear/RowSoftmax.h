//===- RowSoftmax.h - Probabilities of given tokens -------------*- C++ -*-===//
//
// A linear kernel over many rows that ends in llama.log_prob stores no logits. The four lanes of a quad have the sums
// of one row of the step, for neighbouring features. They keep two numbers of these in a workspace: the largest logit
// m, and the sum of exp(logit - m). The thread that has the target's logit stores it too. An entry behind the product
// joins what all tiles have left of a row:
//
//   log_prob = target's logit - M - log(sum_parts sum * exp(m - M)),   M = max_parts m
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_ROWSOFTMAX_H
#define QUIPU_CODEGEN_CUDA_LINEAR_ROWSOFTMAX_H

#include "codegen/cuda/linear/LinearEpilogue.h"
#include "codegen/cuda/vocabulary/CudaBody.h"

namespace quipu::codegen::cuda {

class RowSoftmax {
public:
  RowSoftmax(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, llama::CudaLinearManyScheduleAttr schedule)
      : b(b), region(region), frame(frame), schedule(schedule), epilogue(b, region, frame) {}

  /// The type of the workspace, which is the kernel's last one: of each row a maximum and a sum of each part, and the
  /// target's logit.
  static mlir::Type workspace(LinearRegion &region, llama::CudaLinearManyScheduleAttr schedule);

  /// The largest of some logits of a row, and the sum of exp(logit - largest). f32.
  struct Part {
    mlir::Value largest, sum;
  };
  /// Of no logits.
  Part none();
  /// Adds the logits of `values`, which are of tile number `tile` (i32) of the weight. `present`: whether the tile
  /// exists (i1, null: always). Stores the target's logit if it is among them.
  Part add(const Part &part, mlir::Value tile, mlir::Value present, const EpilogueValues &values);
  /// Joins what the lanes of a quad have of a row and stores it. `values` say which row, `tile` is a tile of the
  /// quad's features. All lanes of a warp call it.
  void store(const Part &part, mlir::Value tile, const EpilogueValues &values);

private:
  using Value = mlir::Value;
  friend class ScoresBody;
  static int64_t countParts(LinearRegion &region, llama::CudaLinearManyScheduleAttr schedule);
  static int64_t rowBytes(int64_t parts) { return (2 * parts + 2) * 4; }
  /// Address of a row of the workspace.
  static Value rowOf(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, int64_t parts, Value row);
  Value rowOf(Value row) { return rowOf(b, region, frame, countParts(region, schedule), row); }
  void keepTarget(Value target, Value feature, llvm::ArrayRef<Value> logits, Value exists, Value row);

  CudaBuilder &b;
  LinearRegion &region;
  const CudaFrame &frame;
  llama::CudaLinearManyScheduleAttr schedule;
  LinearEpilogue epilogue;
};

/// The entry that joins the parts of each row.
CudaBody emitScores(LinearRegion &region, llama::CudaLinearManyScheduleAttr schedule, const GeneratedKernel &generated);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_ROWSOFTMAX_H
