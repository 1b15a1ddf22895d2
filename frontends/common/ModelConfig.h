//===- ModelConfig.h - What a model is, as every frontend resolves it -*- C++ -*-===//
//
// The format-independent description of a LLaMA-family model: defaults filled in, every number checked, nothing
// left to interpret. Each frontend (hf/, ...) produces one; the graph builder, the plan writer and `inspect` read it.
// The fields are those of the table ModelConfig in runtime/abi/plan.fbs.
//
// Part of QuipuConfig, which needs no MLIR.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_MODELCONFIG_H
#define QUIPU_FRONTENDS_COMMON_MODELCONFIG_H

#include "frontends/common/FieldOrigin.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend {

/// Element type of activations, and of dense weights.
enum class DType : uint8_t { f32, f16, bf16 };

/// "f32", "f16", "bf16": the spelling of MLIR, of --dtype and of plan.fbs.
std::string_view name(DType type);
/// The type of this spelling. Nothing for other texts, "auto" among them.
std::optional<DType> dtypeNamed(std::string_view name);

/// Which elements of a head form the pairs that rotary embedding turns: (j, j + Dh/2) for `half` (Hugging Face's
/// rotate_half), (2j, 2j+1) for `interleaved` (Meta, llama2.c, GGUF).
enum class RotaryLayout : uint8_t { half, interleaved };
std::string_view name(RotaryLayout layout);

/// How rotary frequencies f_j = theta^(-2j/Dh), j in [0, Dh/2), are changed:
/// - none:   not at all;
/// - linear: f_j / factor;
/// - llama3: with wavelength w = 2*pi/f_j, low = originalContext/lowFreqFactor, high = originalContext/highFreqFactor:
///           f_j when w < high; f_j / factor when w > low; between, (1 - s) * f_j / factor + s * f_j with
///           s = (originalContext/w - lowFreqFactor) / (highFreqFactor - lowFreqFactor).
/// Source: transformers, modeling_rope_utils.py (_compute_linear_scaling_rope_parameters, _compute_llama3_parameters).
enum class RopeScaling : uint8_t { none, linear, llama3 };
std::string_view name(RopeScaling scaling);

/// The function of the gate of a feed-forward network:
/// - silu:     x / (1 + exp(-x)), the activation of LLaMA models;
/// - geluTanh: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)));
/// - relu:     max(x, 0).
enum class Activation : uint8_t { silu, geluTanh, relu };
/// "silu", "gelu_tanh", "relu": the spelling of the dialect and of plans.
std::string_view name(Activation activation);

struct Rope {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::none;
  /// Factor of the context, >= 1. 1 without scaling.
  double factor = 1.0;
  /// For llama3 only; 0 otherwise. 0 < lowFreqFactor < highFreqFactor. originalContext: context length of pretraining,
  /// in tokens.
  double lowFreqFactor = 0.0;
  double highFreqFactor = 0.0;
  uint32_t originalContext = 0;
  /// One for each pair of a head, each above 0: the frequency, scaled as above, is divided by it. Empty: none is.
  std::vector<double> divisors;
  /// Where the divisors depend on the length (longrope): `divisors` hold in plans for at most so many positions, and
  /// `longDivisors` in plans for more. 0: they do not.
  uint32_t shortContext = 0;
  std::vector<double> longDivisors;
  /// What cosines and sines are multiplied by (yarn, longrope), for queries and keys alike.
  double amplitude = 1.0;
  RotaryLayout layout = RotaryLayout::half;
};

/// Weights of a layer that files store as one tensor. In it they lie one below the other, in the order of the graph.
struct FusedTensor {
  /// Names in a layer: "self_attn.qkv_proj" of "self_attn.q_proj", "self_attn.k_proj" and "self_attn.v_proj".
  std::string name;
  std::vector<std::string> parts;
};

/// A note on a field: where its value came from, or what the reader noticed about it. `inspect` and `--verbose` print
/// notes.
struct Note {
  enum class Kind : uint8_t {
    /// The value was not in the file; `text` says where it came from ("default", "= num_attention_heads", ...).
    provenance,
    /// Something that the user should know, but that does not stop the import (such as an unknown field).
    warning
  };
  Kind kind = Kind::provenance;
  /// Name of the field in the *file* ("num_key_value_heads").
  std::string field;
  std::string text;
};

/// Bounds that every frontend enforces. So products of dimensions fit in 64 bits: the largest, F * D * layers * 4
/// bytes, is below 2^58. And a nonsense value is refused before anything is built.
inline constexpr uint32_t kMaxHidden = 1u << 20;
inline constexpr uint32_t kMaxIntermediate = 1u << 22;
inline constexpr uint32_t kMaxLayers = 1u << 14;
inline constexpr uint32_t kMaxHeads = 1u << 14;
inline constexpr uint32_t kMaxHeadDim = 1u << 14;
inline constexpr uint32_t kMaxVocab = 1u << 26;
inline constexpr uint32_t kMaxPositions = 1u << 26;

/// A model config with all defaults filled in. What a frontend returns always satisfies: every dimension is positive
/// and within the bounds above; numHeads % numKvHeads == 0; headDim is even; numHeads * headDim <= kMaxHidden.
struct ModelConfig {
  /// For people: the folder's or file's name.
  std::string name;
  /// The name of its class in transformers: "LlamaForCausalLM".
  std::string architecture;

  uint32_t hiddenSize = 0;       ///< D
  uint32_t intermediateSize = 0; ///< F
  uint32_t numLayers = 0;
  uint32_t numHeads = 0;   ///< H
  uint32_t numKvHeads = 0; ///< Hkv
  uint32_t headDim = 0;    ///< Dh; H * Dh need not equal D
  uint32_t vocabSize = 0;  ///< V
  /// The model was made for positions 0 to maxPositionEmbeddings - 1.
  uint32_t maxPositionEmbeddings = 0;
  /// Why there cannot be more, where that is not only what it was made for.
  std::string positionsReason;
  double rmsNormEps = 1e-6;
  Rope rope;
  /// lm_head uses the embedding matrix.
  bool tieWordEmbeddings = false;
  /// q, k and v projections have biases.
  bool attentionBias = false;
  /// The o projection has a bias.
  bool attentionOutputBias = false;
  /// gate, up and down projections have biases.
  bool mlpBias = false;
  Activation activation = Activation::silu;
  /// Tensors of a layer that hold several weights.
  std::vector<FusedTensor> fusedTensors;
  /// Norms multiply by (this number + their weight).
  double normPlus = 0.0;
  /// Embeddings are multiplied by this factor.
  double embeddingScale = 1.0;
  /// A query at position p sees keys max(0, p - slidingWindow + 1) to p. 0: it sees all keys up to p.
  uint32_t slidingWindow = 0;
  /// For each layer whether it has the window. Empty: all layers have it.
  std::vector<bool> slidingLayers;
  /// The window of a layer, in positions. 0: no window.
  uint32_t windowOf(uint32_t layer) const { return slidingLayers.empty() || slidingLayers[layer] ? slidingWindow : 0; }
  /// In the file's order, without duplicates. Generation stops at each of `eosTokenIds`.
  std::vector<int32_t> bosTokenIds;
  std::vector<int32_t> eosTokenIds;
  /// For each of `eosTokenIds` the field or rule that says so ("config.json: eos_token_id").
  std::vector<std::string> eosOrigins;
  /// The file says that nothing ends a text (`"eos_token_id": null`), whatever the tokenizer says.
  bool endsNowhere = false;
  /// The dtype that the config names (Hugging Face `torch_dtype` or `dtype`), if any. The dtypes of weights are in the
  /// weight files. This one is used if there are no weights, and by --dtype auto.
  std::optional<DType> declaredDtype;

  std::vector<Note> notes;
  /// Where the fields stand, for the locations of ops.
  std::vector<FieldOrigin> origins;
};

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_MODELCONFIG_H
