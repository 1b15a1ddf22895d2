//===- AttentionParts.h - Parts of the keys in one order --------*- C++ -*-===//
//
// A schedule with `part` begins the softmax anew with each part of the positions, and merges the parts of a row in
// their order (Milakov and Gimelshein, 2018). A part has a reference r, a total l = sum_j 2^(score_j - r) and sums
// sum_j 2^(score_j - r) value_j. What was merged before has the same. A row has the same bits whether one block merges
// its parts as it walks them, or another block has each of them, because both use joinParts().
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H

#include "codegen/cuda/attention/AttentionRows.h"

namespace quipu::codegen::cuda {

/// The factors with which a part joins those in front of it, and the reference of all of them.
class PartJoint {
public:
  using Value = mlir::Value;

  /// `before` and `part`: references (f32). Before the first part it is the reference of a row without keys; total and
  /// sums are 0 then, and stay exactly those of the part.
  PartJoint(CudaBuilder &b, Value before, Value part)
      : reference(b.maxf(before, part)), b(b), keep(b.exp2(b.subf(before, reference))),
        add(b.exp2(b.subf(part, reference))) {}

  /// A total or a sum.
  Value join(Value before, Value part) const { return b.fma(part, add, b.mulf(before, keep)); }

  const Value reference;

private:
  CudaBuilder &b;
  Value keep, add;
};

/// Whether a new part begins with the tile of keys at `tile` (i32, a multiple of the keys of a tile).
inline mlir::Value beginsPart(CudaBuilder &b, mlir::Value tile, int64_t part) {
  return b.compare(CudaBuilder::Predicate::eq, b.rem(tile, part), 0);
}

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H
