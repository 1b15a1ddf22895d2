//===- AttentionLeftParts.h - Parts of a row in the workspace ---*- C++ -*-===//
//
// Blocks that have one part of a row's keys each leave its softmax in the workspace (AttentionWorkspace.h), and the
// last one of the row merges what they left (AttentionParts.h). This is for blocks whose tile has the heads of one row,
// and whose warps divide the features (AttentionMany.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONLEFTPARTS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONLEFTPARTS_H

#include "codegen/cuda/attention/AttentionParts.h"
#include "codegen/cuda/attention/AttentionWorkspace.h"

namespace quipu::codegen::cuda {

class AttentionLeftParts {
public:
  using Value = mlir::Value;

  /// What is known when the code is emitted: the heads of a block, the features of a warp, and the halves and sums of a
  /// state.
  struct Shape {
    int64_t heads, features, halves, sums;
    float factor;
  };
  /// Where the thread works (i32): the row of the step, the block's first query head, the lane, and the first feature
  /// of the warp.
  struct Place {
    Value row, firstHead, lane, firstFeature;
  };

  AttentionLeftParts(CudaBuilder &b, Value workspace, const AttentionWorkspace &layout, const Shape &shape,
                     const Place &place)
      : b(b), workspace(workspace), layout(layout), shape(shape), place(place) {}

  /// Stores part `number` (i32), which has whole totals.
  void leave(const SoftmaxState &part, Value number);
  /// Merges parts `first` to `last` (i32). Other blocks have stored them, and this one has acquired what they released.
  SoftmaxState merge(Value first, Value last);

private:
  /// The head of the block that a half has. A tile may have more halves than the block has heads.
  Value headOf(int64_t half);
  /// Addresses of a part's sums, from the thread's first feature on, and of its reference and total. A half without a
  /// head gets those of the last head.
  struct Addresses {
    Value sums, pair;
  };
  Addresses addressesOf(int64_t half, Value number);

  CudaBuilder &b;
  Value workspace;
  const AttentionWorkspace &layout;
  Shape shape;
  Place place;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONLEFTPARTS_H
