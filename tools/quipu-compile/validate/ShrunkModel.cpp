//===- ShrunkModel.cpp - A small model like a given one -------------------===//

#include "tools/quipu-compile/validate/ShrunkModel.h"

#include "frontends/common/Layout.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <numeric>
#include <string_view>
#include <vector>

namespace quipu::tool {

using frontend::ModelConfig;

/// The greatest power of two up to 256 that divides a width. Larger units (blocks of 256, tiles) are multiples of it.
static uint32_t unitOf(uint32_t width) { return std::gcd(width, 256u); }

/// The smallest width from 96 on with the same unit.
static uint32_t shrinkWidth(uint32_t width) {
  constexpr uint32_t kLeast = 96;
  uint32_t unit = unitOf(width), small = (kLeast + unit - 1) / unit * unit;
  if (unitOf(small) != unit)
    small += unit;
  return std::min(width, small);
}

/// Keeps the number of query heads of a key/value head. The input of the output projection keeps its unit.
static void shrinkHeads(ModelConfig &config) {
  uint32_t group = config.numHeads / config.numKvHeads, unit = unitOf(config.numHeads * config.headDim);
  uint32_t heads = std::min(config.numKvHeads, 2u);
  while (heads < config.numKvHeads && heads * group * config.headDim % unit)
    ++heads;
  config.numKvHeads = heads;
  config.numHeads = heads * group;
}

/// "layers.1.mlp.up_proj": 1 and ".mlp.up_proj". Nothing where the tensor is that of no layer.
static std::optional<std::pair<uint32_t, std::string_view>> splitLayer(std::string_view name) {
  constexpr std::string_view kPrefix = "layers.";
  uint32_t layer = 0;
  if (!name.starts_with(kPrefix))
    return std::nullopt;
  auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  if (error != std::errc())
    return std::nullopt;
  return std::pair(layer, std::string_view(end, size_t(name.data() + name.size() - end)));
}

/// What the code for a layer depends on beside the widths: its window and the stored types of its tensors.
static std::vector<const void *> traitsOf(const frontend::Model &model, uint32_t layer) {
  std::vector<const void *> traits = {model.config.windowOf(layer) ? &model : nullptr};
  if (!model.weights)
    return traits;
  std::string prefix = "layers." + std::to_string(layer) + ".";
  const auto &tensors = model.weights->tensors;
  for (auto it = tensors.lower_bound(prefix); it != tensors.end() && it->first.starts_with(prefix); ++it)
    traits.push_back(it->second.format);
  return traits;
}

/// The layers that the shrunk model has.
static std::vector<uint32_t> chooseLayers(const frontend::Model &model) {
  if (model.config.numLayers == 1)
    return {0};
  for (uint32_t layer = 1; layer < model.config.numLayers; ++layer)
    if (traitsOf(model, layer) != traitsOf(model, 0))
      return {0, layer};
  return {0, 1};
}

/// The tensors of the shrunk model, with the stored types of the model's.
static frontend::WeightIndex shrinkIndex(const frontend::WeightIndex &index, const ModelConfig &config,
                                         const std::vector<uint32_t> &layers) {
  frontend::WeightIndex small;
  for (const frontend::ExpectedWeight &weight : frontend::expectedWeights(config)) {
    std::string name = weight.tensor;
    if (auto split = splitLayer(weight.tensor))
      name = concat("layers.", layers[split->first], split->second);
    const frontend::WeightEntry *stored = index.find(name);
    if (!stored)
      continue;
    frontend::WeightEntry &entry = small.tensors[weight.tensor];
    entry.nameInFile = stored->nameInFile;
    entry.format = stored->format;
    entry.shape = weight.tensorShape;
    entry.size = stored->format->bytes(
        std::accumulate(entry.shape.begin(), entry.shape.end(), uint64_t(1), std::multiplies<>()));
  }
  return small;
}

frontend::Model shrinkModel(const frontend::Model &model, Widths widths) {
  frontend::Model small;
  ModelConfig &config = small.config = model.config;
  std::vector<uint32_t> layers = chooseLayers(model);
  config.numLayers = uint32_t(layers.size());
  if (!config.slidingLayers.empty()) {
    config.slidingLayers.clear();
    for (uint32_t layer : layers)
      config.slidingLayers.push_back(model.config.windowOf(layer) != 0);
  }
  // A window that is longer than the sequences would change nothing.
  constexpr uint32_t kWindow = 6;
  config.slidingWindow = std::min(config.slidingWindow, kWindow);
  config.vocabSize = shrinkWidth(config.vocabSize);
  if (widths == Widths::Small) {
    config.hiddenSize = shrinkWidth(config.hiddenSize);
    config.intermediateSize = shrinkWidth(config.intermediateSize);
    shrinkHeads(config);
  }
  config.notes.clear();
  if (model.weights)
    small.weights = shrinkIndex(*model.weights, config, layers);
  return small;
}

std::string describeSizes(const ModelConfig &config) {
  return concat(config.numLayers, config.numLayers == 1 ? " layer, " : " layers, ", config.hiddenSize, " and ",
                config.intermediateSize, " wide, ", config.numHeads, " heads of ", config.headDim, ", ",
                config.numKvHeads, " of keys and values, ", config.vocabSize, " tokens");
}

} // namespace quipu::tool
