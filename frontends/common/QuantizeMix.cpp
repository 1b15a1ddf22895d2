//===- QuantizeMix.cpp - Which format --quantize gives each tensor -----------------------===//

#include "frontends/common/QuantizeMix.h"

#include "runtime/support/Error.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

namespace quipu::frontend {

static constexpr std::string_view kQ4KM = "q4_k_m";

/// What takes the place of a format where rows are no whole blocks of it.
/// Source of the pairs, and of the rule of q4_k_m: what llama.cpp's llama-quantize writes (llama-quant.cpp).
static constexpr std::pair<std::string_view, std::string_view> kSmallerBlocks[] = {
    {"q2_k", "q4_0"}, {"q3_k", "q4_0"}, {"q4_k", "q5_0"}, {"q5_k", "q5_1"}, {"q6_k", "q8_0"}};

std::vector<std::string> QuantizeMix::names() {
  std::vector<std::string> names;
  for (const WeightFormat &format : weightFormats())
    if (format.block && format.canEncode())
      names.emplace_back(format.name);
  names.emplace_back(kQ4KM);
  return names;
}

std::optional<QuantizeMix> QuantizeMix::find(std::string_view name) {
  if (name == kQ4KM)
    return QuantizeMix(kQ4KM, *findWeightFormat("q4_k"));
  const WeightFormat *format = findWeightFormat(name);
  if (!format || !format->block || !format->canEncode())
    return std::nullopt;
  return QuantizeMix(format->name, *format);
}

/// Whether tensors that matter have more bits in a layer: in the first eighth of the layers, in the last, and in each
/// third layer between.
static bool hasMoreBits(uint32_t layer, uint32_t layers) {
  uint32_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

/// The format of a matrix in a q4_k_m model.
static std::string_view formatInQ4KM(const ExpectedWeight &weight, const ModelConfig &config) {
  constexpr std::string_view kLayers = "layers.";
  std::string_view tensor = weight.tensor;
  if (!tensor.starts_with(kLayers)) {
    bool isHead = weight.role == WeightRole::matrix || config.tieWordEmbeddings;
    return isHead ? "q6_k" : "q4_k";
  }
  tensor.remove_prefix(kLayers.size());
  uint32_t layer = 0;
  std::from_chars(tensor.data(), tensor.data() + tensor.size(), layer);
  bool hasValues = tensor.ends_with("self_attn.v_proj") || tensor.ends_with("self_attn.qkv_proj");
  if ((hasValues || tensor.ends_with("mlp.down_proj")) && hasMoreBits(layer, config.numLayers))
    return "q6_k";
  // In models of 70 B parameters eight heads share the values.
  if (hasValues && config.numLayers == 80 && config.numKvHeads < config.numHeads)
    return "q5_k";
  return "q4_k";
}

const WeightFormat &QuantizeMix::wantedFormat(const ExpectedWeight &weight, const ModelConfig &config) const {
  return mixName == kQ4KM ? *findWeightFormat(formatInQ4KM(weight, config)) : *base;
}

const WeightFormat *QuantizeMix::formatOf(const ExpectedWeight &weight, const ModelConfig &config) const {
  if (!isMatrix(weight))
    return nullptr;
  uint64_t columns = weight.shape.back();
  const WeightFormat &wanted = wantedFormat(weight, config);
  if (wanted.fits(columns))
    return &wanted;
  const auto *smaller = std::ranges::find(kSmallerBlocks, wanted.name, [](const auto &pair) { return pair.first; });
  if (smaller == std::end(kSmallerBlocks))
    return nullptr;
  const WeightFormat *format = findWeightFormat(smaller->second);
  return format->fits(columns) ? format : nullptr;
}

namespace {
/// Matrices with which the same happens, for one reason.
struct Group {
  size_t count = 0;
  std::string first;
};
} // namespace

std::string describeFallbacks(const ModelConfig &config, const QuantizeMix &mix) {
  size_t matrices = 0;
  // By the format that was wanted, and the one that is there.
  std::map<std::pair<const WeightFormat *, const WeightFormat *>, Group> groups;
  for (const ExpectedWeight &weight : expectedWeights(config)) {
    if (!isMatrix(weight))
      continue;
    ++matrices;
    const WeightFormat *wanted = &mix.wantedFormat(weight, config), *format = mix.formatOf(weight, config);
    if (format == wanted)
      continue;
    // What stays does so whatever was wanted.
    Group &group = groups[{format ? wanted : nullptr, format}];
    if (!group.count++)
      group.first = concat(weight.tensor, " of ", weight.shape.back(), " columns");
  }
  std::string text;
  for (const auto &[formats, group] : groups) {
    const auto &[wanted, format] = formats;
    text += concat(text.empty() ? "" : "; ", group.count, " of ", matrices, " matrices ",
                   format ? concat("are rounded to ", format->name, " in place of ", wanted->name)
                          : std::string("stay as they are"),
                   ", since their columns are no multiple of ", format ? wanted->blockElements : 32u,
                   ", the first of them ", group.first);
  }
  return text;
}

} // namespace quipu::frontend
