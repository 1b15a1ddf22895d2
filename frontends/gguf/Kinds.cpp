//===- Kinds.cpp - Kinds of GGUF files that are not supported ----------------------------===//

#include "frontends/gguf/Kinds.h"

#include "frontends/common/Json.h"
#include "frontends/gguf/Architectures.h"
#include "runtime/support/Error.h"

namespace quipu::frontend::gguf {

static void refuseType(const Metadata &metadata, std::string_view key, const Value &value) {
  std::string_view type = value.text();
  if (type == "model")
    return;
  if (type == "adapter")
    metadata.fail(key, value,
                  "only \"model\" is supported: this is an adapter (LoRA), not a model; merge it into its model "
                  "(llama-export-lora) and give the result");
  if (type == "mmproj")
    metadata.fail(key, value,
                  "only \"model\" is supported: this projects images into a model's input; give the file of the "
                  "language model");
  metadata.fail(key, value, "only \"model\" is supported; give the file of a model");
}

void refuseOtherKinds(Metadata &metadata, std::string_view key) {
  const Value &value = *metadata.peek(key);
  auto requireString = [&] {
    if (value.type != ValueType::string)
      metadata.fail(key, value, "must be a string; the file is damaged, convert the model again");
  };
  if (key == "general.architecture") {
    requireString();
    if (!findArchitecture(value.text()))
      metadata.fail(key, value,
                    concat("only the architectures ", architectureNames(),
                           " are supported (files of Mistral have llama); use a model of one of these"));
  } else if (key == "general.type") {
    requireString();
    refuseType(metadata, key, value);
  } else if (key.ends_with(".expert_count")) {
    if (metadata.integer(key, 0, UINT32_MAX) != 0u)
      metadata.fail(key, value, "a mixture of experts is not supported; use a dense model");
  }
}

std::string_view describeForeignTensor(std::string_view name) {
  struct Sign {
    std::string_view part;
    std::string_view meaning;
  };
  static constexpr Sign kSigns[] = {
      {"_exps.", "a mixture of experts, which is not supported"},
      {"_shexp.", "a mixture of experts, which is not supported"},
      {"ffn_gate_inp.", "a mixture of experts, which is not supported"},
      {"attn_q_norm.", "norms of queries and keys, which are not supported"},
      {"attn_k_norm.", "norms of queries and keys, which are not supported"},
      {"post_attention_norm.", "norms behind the attention, which are not supported"},
      {"post_ffw_norm.", "norms behind the feed-forward network, which are not supported"},
      {"attn_sinks.", "attention sinks, which are not supported"},
      {"nextn.", "layers that predict more than one token, which are not supported"},
      {".lora_a", "an adapter (LoRA), which must be merged into its model (llama-export-lora)"},
      {".lora_b", "an adapter (LoRA), which must be merged into its model (llama-export-lora)"},
      {".scale", "scales beside the tensors, which are not supported"},
      {"v.blk.", "an image encoder, which is not supported"},
  };
  for (const Sign &sign : kSigns)
    if (name.find(sign.part) != std::string_view::npos)
      return sign.meaning;
  return "";
}

} // namespace quipu::frontend::gguf
