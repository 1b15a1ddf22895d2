//===- AttentionWorkspace.h - Split attention for its scheduler -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONWORKSPACE_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONWORKSPACE_H

#include "ir/Llama/Llama.h"

#include "llvm/Support/MathExtras.h"

namespace quipu::codegen::cuda {

/// The workspace in which the blocks of a row leave their parts; the last block merges them. Each row of the step has
/// f32 elements: sums [heads][splits][Dh] (not yet divided by the total), then pairs (maximum score, total)
/// [heads][splits].
struct AttentionWorkspace {
  AttentionWorkspace(llama::AttentionOp attention, llama::CudaAttentionScheduleAttr schedule)
      : heads(attention.getNumHeads()), splits(schedule.getSplits()), head(attention.getKv().getType().getHeadDim()) {}

  int64_t pairsOffset() const { return heads * splits * head; }
  /// Elements of a row, a multiple of 16 bytes.
  int64_t rowElements() const { return llvm::alignTo(heads * splits * (head + 2), 4); }

  int64_t heads, splits, head;
};

/// The workspaces of a kernel whose rows by themselves have this schedule: one if blocks may divide the keys, otherwise
/// none.
inline llvm::SmallVector<mlir::Type> attentionWorkspaces(llama::AttentionOp attention,
                                                         llama::CudaAttentionScheduleAttr schedule) {
  if (schedule.getSplits() == 1)
    return {};
  int64_t elements = AttentionWorkspace(attention, schedule).rowElements();
  return {mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, elements},
                                      mlir::Float32Type::get(attention.getContext()))};
}

/// Whether the kernel has just these workspaces.
inline bool hasWorkspacesOf(llama::KernelOp kernel, llama::AttentionOp attention,
                            llama::CudaAttentionScheduleAttr schedule) {
  llvm::SmallVector<mlir::Type> wanted = attentionWorkspaces(attention, schedule);
  std::optional<mlir::ArrayAttr> found = kernel.getWorkspace();
  return found ? llvm::equal(found->getAsValueRange<mlir::TypeAttr>(), wanted) : wanted.empty();
}

/// The instruction for products of a `few` schedule with `heads` query heads in a block: tensor cores where they can.
inline llama::CudaDot attentionFewDot(llama::AttentionOp attention, int64_t heads) {
  llama::KVLayerType cache = attention.getKv().getType();
  auto query = mlir::cast<mlir::RankedTensorType>(attention.getQuery().getType());
  bool tensorCores = query.getElementType() == cache.getElementType() && !cache.getElementType().isF32() &&
                     cache.getHeadDim() % 16 == 0 && cache.getHeadDim() <= 128 && cache.getPage() % 16 == 0 &&
                     heads <= 8;
  return tensorCores ? llama::CudaDot::Mma : llama::CudaDot::Fma;
}

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONWORKSPACE_H
