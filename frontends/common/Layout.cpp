//===- Layout.cpp - The weights that a model config implies ------------------------------===//

#include "frontends/common/Layout.h"

namespace quipu::frontend {

std::vector<ExpectedWeight> expectedWeights(const ModelConfig &config) {
  std::vector<ExpectedWeight> weights;
  uint64_t hidden = config.hiddenSize;
  uint64_t feedForward = config.intermediateSize;
  uint64_t query = uint64_t(config.numHeads) * config.headDim;
  uint64_t keyValue = uint64_t(config.numKvHeads) * config.headDim;

  auto add = [&](const std::string &symbol, WeightRole role, std::vector<uint64_t> shape) {
    weights.push_back({"model." + symbol + ".weight", symbol, role, std::move(shape)});
  };
  auto addLinear = [&](const std::string &symbol, uint64_t outputs, uint64_t inputs, bool bias) {
    add(symbol, WeightRole::matrix, {outputs, inputs});
    if (bias)
      weights.push_back({"model." + symbol + ".bias", symbol + ".bias", WeightRole::bias, {outputs}});
  };

  add("embed_tokens", WeightRole::embedding, {config.vocabSize, hidden});
  for (uint32_t i = 0; i < config.numLayers; ++i) {
    std::string layer = "layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm", WeightRole::norm, {hidden});
    addLinear(layer + "self_attn.q_proj", query, hidden, config.attentionBias);
    addLinear(layer + "self_attn.k_proj", keyValue, hidden, config.attentionBias);
    addLinear(layer + "self_attn.v_proj", keyValue, hidden, config.attentionBias);
    addLinear(layer + "self_attn.o_proj", hidden, query, config.attentionBias);
    add(layer + "post_attention_layernorm", WeightRole::norm, {hidden});
    addLinear(layer + "mlp.gate_proj", feedForward, hidden, config.mlpBias);
    addLinear(layer + "mlp.up_proj", feedForward, hidden, config.mlpBias);
    addLinear(layer + "mlp.down_proj", hidden, feedForward, config.mlpBias);
  }
  add("norm", WeightRole::norm, {hidden});
  if (!config.tieWordEmbeddings)
    weights.push_back({"lm_head.weight", "lm_head", WeightRole::matrix, {config.vocabSize, hidden}});
  return weights;
}

} // namespace quipu::frontend
