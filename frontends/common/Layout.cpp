//===- Layout.cpp - The weights that a model config implies ------------------------------===//

#include "frontends/common/Layout.h"

#include <algorithm>
#include <map>

namespace quipu::frontend {
namespace {

class Layout {
public:
  explicit Layout(const ModelConfig &config) : config(config) {}

  std::vector<ExpectedWeight> weights() {
    uint64_t hidden = config.hiddenSize;
    add("embed_tokens", WeightRole::embedding, {config.vocabSize, hidden});
    for (uint32_t i = 0; i < config.numLayers; ++i)
      addLayer("layers." + std::to_string(i) + ".");
    add("norm", WeightRole::norm, {hidden});
    if (!config.tieWordEmbeddings)
      add("lm_head", WeightRole::matrix, {config.vocabSize, hidden});
    // The number of a fused tensor's rows is known when all its weights are known.
    for (ExpectedWeight &weight : list)
      if (auto rows = fusedRows.find(weight.tensor); rows != fusedRows.end())
        weight.tensorShape[0] = rows->second;
    return std::move(list);
  }

private:
  void addLayer(const std::string &layer) {
    uint64_t hidden = config.hiddenSize, feedForward = config.intermediateSize;
    uint64_t query = uint64_t(config.numHeads) * config.headDim;
    uint64_t keyValue = uint64_t(config.numKvHeads) * config.headDim;
    add(layer + "input_layernorm", WeightRole::norm, {hidden});
    addLinear(layer, "self_attn.q_proj", query, hidden, config.attentionBias);
    addLinear(layer, "self_attn.k_proj", keyValue, hidden, config.attentionBias);
    addLinear(layer, "self_attn.v_proj", keyValue, hidden, config.attentionBias);
    addLinear(layer, "self_attn.o_proj", hidden, query, config.attentionOutputBias);
    add(layer + "post_attention_layernorm", WeightRole::norm, {hidden});
    addLinear(layer, "mlp.gate_proj", feedForward, hidden, config.mlpBias);
    addLinear(layer, "mlp.up_proj", feedForward, hidden, config.mlpBias);
    addLinear(layer, "mlp.down_proj", hidden, feedForward, config.mlpBias);
  }

  void addLinear(const std::string &layer, const std::string &stem, uint64_t outputs, uint64_t inputs, bool bias) {
    addToTensor(layer, stem, "", WeightRole::matrix, {outputs, inputs});
    if (bias)
      addToTensor(layer, stem, ".bias", WeightRole::bias, {outputs});
  }

  /// Adds a weight of a layer that may lie in a fused tensor.
  void addToTensor(const std::string &layer, const std::string &stem, const std::string &ending, WeightRole role,
                   std::vector<uint64_t> shape) {
    add(layer + stem + ending, role, std::move(shape));
    auto holds = [&](const FusedTensor &fused) { return std::ranges::count(fused.parts, stem) > 0; };
    auto fused = std::ranges::find_if(config.fusedTensors, holds);
    if (fused == config.fusedTensors.end())
      return;
    ExpectedWeight &weight = list.back();
    weight.tensor = layer + fused->name + ending;
    uint64_t &rows = fusedRows[weight.tensor];
    weight.firstRow = rows;
    rows += weight.shape[0];
  }

  void add(const std::string &name, WeightRole role, std::vector<uint64_t> shape) {
    list.push_back({name, role, shape, name, shape, 0});
  }

  const ModelConfig &config;
  std::vector<ExpectedWeight> list;
  /// Of each fused tensor, by canonical name.
  std::map<std::string, uint64_t> fusedRows;
};

} // namespace

std::vector<ExpectedWeight> expectedWeights(const ModelConfig &config) { return Layout(config).weights(); }

} // namespace quipu::frontend
