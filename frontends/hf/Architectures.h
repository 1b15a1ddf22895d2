//===- Architectures.h - The classes of models that are supported -*- C++ -*-===//
//
// All LLaMA-like models share one graph (common/GraphBuilder.h). What differs between the classes of Hugging Face
// transformers is data: an entry of one table. docs/add-an-architecture.md says how to add one.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_ARCHITECTURES_H
#define QUIPU_FRONTENDS_HF_ARCHITECTURES_H

#include "frontends/common/ModelConfig.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::hf {

/// Which layers attend to a window of "sliding_window" positions, where that field has a number.
enum class Windows : uint8_t {
  none,
  allLayers,
  /// If "use_sliding_window" is true: the layers that "layer_types" names. Without this field the layers from number
  /// "max_window_layers" on.
  lastLayers
};

/// A field of config.json that is not read. It may have some values, because these mean what the class does anyway.
struct AcceptedField {
  std::string_view name;
  /// JSON array.
  std::string_view values;
};

/// How config.json, tensors and graph of a class differ from LLaMA. The default values of the members are LLaMA's.
struct Architecture {
  /// "architectures" and "model_type" of config.json.
  std::string_view name;
  std::string_view modelType;

  // Defaults of transformers for fields that config.json does not have.
  uint32_t maxPositions = 2048;
  /// "original_max_position_embeddings" beside the rotary parameters; 0: those among them count.
  uint32_t originalPositions = 0;
  /// 0: as many as query heads.
  uint32_t kvHeads = 0;
  /// Elements; 0: hidden_size / num_attention_heads.
  uint32_t headDim = 0;
  double rmsNormEps = 1e-6;
  Activation activation = Activation::silu;
  /// Positions; 0: none.
  uint32_t slidingWindow = 0;
  /// Number of the first layer with the window, where `windows` is lastLayers.
  uint32_t maxWindowLayers = 0;
  bool tiesHead = false;
  /// The id that ends a text; nothing: none.
  std::optional<uint32_t> endId = 2;

  // What the class computes.
  /// Whether queries, keys and values have biases whatever the config says.
  bool biasesQueryKeyValue = false;
  /// Whether the config's fields count: attention_bias for biases of q, k, v and o, mlp_bias for gate, up and down.
  bool readsAttentionBias = false, readsMlpBias = false;
  Windows windows = Windows::none;
  /// Tensors that hold several weights of a layer.
  std::vector<FusedTensor> fusedTensors = {};
  /// Norms multiply by (this number + their weight).
  double normPlus = 0;
  /// Whether embeddings are multiplied by the square root of hidden_size.
  bool scalesEmbedding = false;
  /// Whether "gelu" as hidden_act means GELU approximated with tanh.
  bool geluIsByTanh = false;
  std::vector<AcceptedField> acceptedFields = {};
};

const std::vector<Architecture> &architectures();

/// "only "LlamaForCausalLM" (model_type "llama"), ... are supported; use a model of one of these", for messages.
std::string describeArchitectures();

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_ARCHITECTURES_H
