//===- Layout.h - The weights that a model config implies ----------*- C++ -*-===//
//
// The one place that knows which weights a LLaMA-family model has, by canonical name, and which tensors hold them:
// weight readers check files against it and the graph builder declares weights from it. Part of QuipuConfig.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_LAYOUT_H
#define QUIPU_FRONTENDS_COMMON_LAYOUT_H

#include "frontends/common/ModelConfig.h"

#include <string>
#include <vector>

namespace quipu::frontend {

/// What a weight is; the names are those of plan.fbs's WeightRole.
enum class WeightRole : uint8_t { matrix, norm, embedding, bias };

struct ExpectedWeight {
  /// The canonical name, which is the symbol in the IR: "layers.0.self_attn.q_proj", "layers.0.self_attn.q_proj.bias",
  /// "embed_tokens", "norm", "lm_head".
  std::string name;
  WeightRole role;
  /// [outputs, inputs] of a matrix, [V, D] of the embedding, [N] of a norm or bias.
  std::vector<uint64_t> shape;
  /// The tensor that holds the weight, by canonical name: the weight's own, or that of a fused tensor
  /// ("layers.0.self_attn.qkv_proj"), of which the weight is shape[0] rows from `firstRow` on.
  std::string tensor;
  std::vector<uint64_t> tensorShape;
  uint64_t firstRow = 0;
};

/// In the order of the graph: embedding, each layer, final norm, head (not when it is tied).
std::vector<ExpectedWeight> expectedWeights(const ModelConfig &config);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_LAYOUT_H
