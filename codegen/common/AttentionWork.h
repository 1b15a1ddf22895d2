//===- AttentionWork.h - What attention has to read and compute -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_ATTENTIONWORK_H
#define QUIPU_CODEGEN_COMMON_ATTENTIONWORK_H

#include "codegen/common/GeneratedKernel.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// Notes the kernel's work for each key: its key and value are read once for all query heads; a row multiplies and adds
/// for the score and for the sum, in each of its heads.
inline void noteAttentionWork(llama::AttentionOp attention, GeneratedKernel &generated) {
  llama::KVLayerType cache = attention.getKv().getType();
  int64_t headDim = cache.getHeadDim();
  generated.cacheBytesPerKey = 2 * cache.getKvHeads() * headDim * (cache.getElementType().getIntOrFloatBitWidth() / 8);
  generated.flopsPerKey = 2 * 2 * static_cast<int64_t>(attention.getNumHeads()) * headDim;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_ATTENTIONWORK_H
