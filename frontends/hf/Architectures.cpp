//===- Architectures.cpp - The classes of models that are supported ----------------------===//
//
// Source: configuration_*.py and modeling_*.py of transformers 5.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/hf/Architectures.h"

#include "runtime/support/Error.h"

namespace quipu::frontend::hf {

const std::vector<Architecture> &architectures() {
  static const std::vector<Architecture> table = {
      {.name = "LlamaForCausalLM", .modelType = "llama", .readsAttentionBias = true, .readsMlpBias = true},
      {.name = "MistralForCausalLM",
       .modelType = "mistral",
       .maxPositions = 131072,
       .kvHeads = 8,
       .slidingWindow = 4096,
       .windows = Windows::allLayers},
      {.name = "Qwen2ForCausalLM",
       .modelType = "qwen2",
       .maxPositions = 32768,
       .kvHeads = 32,
       .slidingWindow = 4096,
       .maxWindowLayers = 28,
       .endId = std::nullopt,
       .biasesQueryKeyValue = true,
       .windows = Windows::lastLayers,
       .acceptedFields = {{"qkv_bias", "[true]"}, {"use_qkv_bias", "[true]"}}},
      {.name = "Phi3ForCausalLM",
       .modelType = "phi3",
       .maxPositions = 4096,
       .originalPositions = 4096,
       .rmsNormEps = 1e-5,
       .endId = 32000,
       .windows = Windows::allLayers,
       .fusedTensors = {{"self_attn.qkv_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
                        {"mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}}},
      {.name = "GemmaForCausalLM",
       .modelType = "gemma",
       .maxPositions = 8192,
       .kvHeads = 16,
       .headDim = 256,
       .activation = Activation::geluTanh,
       .tiesHead = true,
       .endId = 1,
       .readsAttentionBias = true,
       .normPlus = 1,
       .scalesEmbedding = true,
       .geluIsByTanh = true,
       .acceptedFields = {{"hidden_activation", "[\"gelu_pytorch_tanh\"]"}}},
  };
  return table;
}

std::string describeArchitectures() {
  std::string names;
  const std::vector<Architecture> &table = architectures();
  for (size_t i = 0; i < table.size(); ++i)
    names += concat(i == 0                 ? ""
                    : i + 1 < table.size() ? ", "
                                           : " and ",
                    "\"", table[i].name, "\" (model_type \"", table[i].modelType, "\")");
  return concat("only ", names, " are supported; use a model of one of these");
}

} // namespace quipu::frontend::hf
