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

/// What a weight is. The names are the same as in WeightRole of plan.fbs.
enum class WeightRole : uint8_t { matrix, norm, embedding, bias };

struct ExpectedWeight {
  /// The canonical name, which is also the symbol in the IR: "layers.0.self_attn.q_proj",
  /// "layers.0.self_attn.q_proj.bias", "embed_tokens", "norm", "lm_head".
  std::string name;
  WeightRole role;
  /// [outputs, inputs] for a matrix, [V, D] for the embedding, [N] for a norm or bias.
  std::vector<uint64_t> shape;
  /// Canonical name of the tensor that has the weight. It is the weight's name, or the name of a fused tensor
  /// ("layers.0.self_attn.qkv_proj"). The weight is its shape[0] rows from row `firstRow` on.
  std::string tensor;
  std::vector<uint64_t> tensorShape;
  uint64_t firstRow = 0;
};

/// All weights of a model, in the order of the graph: embedding, each layer, final norm, head. A tied head is left out.
std::vector<ExpectedWeight> expectedWeights(const ModelConfig &config);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_LAYOUT_H
