//===- Windows.cpp - Sliding windows of a Hugging Face config ----------------------------===//

#include "frontends/hf/Windows.h"

#include "frontends/common/Json.h"
#include "frontends/hf/Notes.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <limits>

using nlohmann::json;

namespace quipu::frontend::hf {

/// Sets the number of positions. Returns whether the config may call layers sliding: it has a window, even one as wide
/// as the context, which hides nothing.
static bool readWidth(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  bool used = fields.boolean("use_sliding_window", architecture.windows != Windows::lastLayers);
  std::optional<uint32_t> window = fields.optionalPositive("sliding_window", std::numeric_limits<uint32_t>::max());
  if (!window && architecture.slidingWindow && !fields.object().contains("sliding_window")) {
    window = architecture.slidingWindow;
    note(config, "sliding_window", concat("default of ", architecture.modelType, ": ", architecture.slidingWindow));
  }
  if (window && !used) {
    if (architecture.windows == Windows::allLayers)
      fields.fail("use_sliding_window", false,
                  concat("\"sliding_window\" is ", *window, "; say null there if there is no window"));
    note(config, "sliding_window", "unused: use_sliding_window is false");
    return false;
  }
  if (window && *window >= config.maxPositionEmbeddings) {
    note(config, "sliding_window", concat(*window, " covers the whole context: no window"));
    return true;
  }
  if (window && architecture.windows == Windows::none)
    fields.fail("sliding_window", *window,
                concat("a ", architecture.modelType,
                       " model has no sliding window; if it was trained with one, its model_type is \"mistral\""));
  config.slidingWindow = window.value_or(0);
  return window.has_value();
}

/// The layers that "layer_types" calls sliding. Nothing if there is no such field.
static std::optional<std::vector<bool>> readLayerTypes(Fields &fields, const Architecture &architecture,
                                                       const ModelConfig &config, bool maySlide) {
  const json *types = fields.find("layer_types");
  if (!types)
    return std::nullopt;
  auto isAny = [&](const json &type) { return type == "full_attention" || (maySlide && type == "sliding_attention"); };
  bool all = types->is_array() && !types->empty() && std::ranges::all_of(*types, isAny);
  // If the class does not choose layers, all layers have the window.
  bool alike = all && std::ranges::all_of(*types, [&](const json &type) { return type == types->front(); }) &&
               !(config.slidingWindow && types->front() == "full_attention");
  if (!all || (architecture.windows != Windows::lastLayers && !alike))
    fields.fail("layer_types", *types,
                architecture.windows == Windows::lastLayers
                    ? concat("each layer must be \"full_attention\"",
                             maySlide ? " or \"sliding_attention\"" : ", as there is no sliding window", "; correct it")
                    : concat("all layers must attend alike, here \"",
                             config.slidingWindow ? "sliding_attention" : "full_attention",
                             "\"; layers that differ are not supported for a ", architecture.modelType, " model"));
  if (types->size() != config.numLayers)
    fields.fail("layer_types", *types,
                concat("must name each of the ", config.numLayers, " layers of \"num_hidden_layers\"; correct one"));
  std::vector<bool> slides;
  for (const json &type : *types)
    slides.push_back(type == "sliding_attention");
  return slides;
}

void readWindows(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  bool maySlide = readWidth(fields, architecture, config);
  std::optional<uint32_t> first = fields.optionalInteger("max_window_layers", 0, kMaxLayers);
  std::optional<std::vector<bool>> slides = readLayerTypes(fields, architecture, config, maySlide);
  if (!config.slidingWindow)
    return;
  if (architecture.windows != Windows::lastLayers) {
    if (first.value_or(0) != 0)
      fields.fail(
          "max_window_layers", *first,
          concat("all layers of a ", architecture.modelType, " model have the sliding window; remove the field"));
    return;
  }
  if (!slides) {
    if (!first) {
      first = architecture.maxWindowLayers;
      note(config, "max_window_layers", concat("default of ", architecture.modelType, ": ", *first));
    }
    slides.emplace(config.numLayers);
    for (uint32_t layer = 0; layer < config.numLayers; ++layer)
      (*slides)[layer] = layer >= *first;
  }
  if (std::ranges::count(*slides, true) == 0) {
    note(config, "sliding_window", "unused: no layer has it");
    config.slidingWindow = 0;
  } else if (std::ranges::count(*slides, false) != 0) {
    config.slidingLayers = std::move(*slides);
  }
}

} // namespace quipu::frontend::hf
