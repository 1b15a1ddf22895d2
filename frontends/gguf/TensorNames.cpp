//===- TensorNames.cpp - What GGUF files call the tensors of a model ---------------------===//

#include "frontends/gguf/TensorNames.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quipu::frontend::gguf {

/// Canonical names, those in a layer without "layers.0.", and what files say, there without "blk.0.".
static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    // Gate and up, one below the other, under the name of the second.
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

std::string nameInFiles(const ExpectedWeight &weight) {
  constexpr std::string_view kLayers = "layers.", kBias = ".bias";
  std::string_view name = weight.tensor;
  std::string prefix;
  if (name.starts_with(kLayers)) {
    size_t end = name.find('.', kLayers.size());
    prefix = concat("blk.", name.substr(kLayers.size(), end + 1 - kLayers.size()));
    name.remove_prefix(end + 1);
  }
  bool isBias = weight.role == WeightRole::bias;
  if (isBias)
    name.remove_suffix(kBias.size());
  const auto *found = std::ranges::find(kNames, name, [](const auto &entry) { return entry.first; });
  if (found == std::end(kNames))
    fail("tensor ", weight.tensor, " has no name in GGUF files");
  return concat(prefix, found->second, isBias ? kBias : ".weight");
}

std::string shapeText(const std::vector<uint64_t> &shape) { return frontend::shown(nlohmann::json(shape)); }

} // namespace quipu::frontend::gguf
