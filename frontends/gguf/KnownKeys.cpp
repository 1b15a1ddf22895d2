//===- KnownKeys.cpp - Keys of GGUF files that Quipu does not read -----------------------===//

#include "frontends/gguf/KnownKeys.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace quipu::frontend::gguf {

/// Beginnings of keys that say where a file comes from, how it was made, and how text is made to ids: the tokenizer's
/// reader looks at the last.
static constexpr std::string_view kHarmlessRooms[] = {"general.", "quantize.", "tokenizer.", "split.", "training."};

/// Behind the architecture's name.
static constexpr std::string_view kHarmless[] = {
    "decoder_start_token_id",
    "pooling_type",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    // How converters of 2023 called the order of rows of queries and keys, which all of them write.
    "tensor_data_layout",
};

namespace {
/// A key that changes the model unless its value is one of these; a bool is 0 or 1.
struct MeaningKey {
  std::string_view name;
  std::string_view meaning;
  std::initializer_list<double> off;
};
} // namespace

/// Numbers that llama.cpp takes for "not set" are 0 there.
static const MeaningKey kMeaning[] = {
    {"attention.causal", "attention to later tokens", {1}},
    {"attention.clamp_kqv", "clamping of queries, keys and values", {0}},
    {"attention.group_norm_epsilon", "group norms", {}},
    {"attention.group_norm_groups", "group norms", {}},
    {"attention.key_length_mla", "latent attention", {}},
    {"attention.key_length_swa", "other heads in layers with a window", {}},
    {"attention.kv_lora_rank", "latent attention", {0}},
    {"attention.max_alibi_bias", "biases by distance (ALiBi)", {0}},
    {"attention.output_scale", "scaling of the attention's output", {0, 1}},
    {"attention.q_lora_rank", "latent attention", {0}},
    {"attention.relative_buckets_count", "biases by relative position", {0}},
    {"attention.scale", "another scale of the scores than 1 / sqrt(head size)", {0}},
    {"attention.shared_kv_layers", "layers that share keys and values", {0}},
    {"attention.sliding_window_pattern", "a window in some layers alone", {}},
    {"attention.temperature_length", "scaling of queries by position", {0}},
    {"attention.temperature_scale", "scaling of queries by position", {0, 1}},
    {"attention.value_length_mla", "latent attention", {}},
    {"attention.value_length_swa", "other heads in layers with a window", {}},
    {"attn_logit_softcapping", "capping of scores", {0}},
    {"embedding_scale", "scaling of embeddings", {0, 1}},
    {"expert_shared_count", "a mixture of experts", {0}},
    {"expert_used_count", "a mixture of experts", {0}},
    {"final_logit_softcapping", "capping of logits", {0}},
    {"leading_dense_block_count", "a mixture of experts", {0}},
    {"logit_scale", "scaling of logits", {0, 1}},
    {"nextn_predict_layers", "layers that predict more than one token", {0}},
    {"rescale_every_n_layers", "rescaling between layers", {0}},
    {"residual_scale", "scaling of residual additions", {0, 1}},
    {"rope.dimension_count_swa", "other rotary embedding in layers with a window", {}},
    {"rope.dimension_sections", "rotary embedding in several dimensions", {}},
    {"rope.freq_base_swa", "other rotary embedding in layers with a window", {}},
    {"rope.scaling.alpha", "rotary scaling by alpha", {0, 1}},
    {"rope.scaling.attn_factor", "scaling of the attention without yarn or longrope", {0, 1}},
    {"rope.scaling.yarn_attn_factor", "another scaling of the attention by yarn", {1}},
    {"rope.scaling.yarn_beta_fast", "yarn without its scaling type", {32}},
    {"rope.scaling.yarn_beta_slow", "yarn without its scaling type", {1}},
    {"rope.scaling.yarn_ext_factor", "yarn without its scaling type", {0, -1, 1}},
    {"rope.scaling.yarn_log_multiplier", "rotary scaling by yarn", {0}},
    {"swin_norm", "norms of Chameleon", {0}},
    {"use_parallel_residual", "attention and feed-forward network side by side", {0}},
};

/// A number, or a bool as one; an array of equal numbers counts as its element.
static std::optional<double> offValue(Metadata &metadata, const std::string &key) {
  const Value &value = *metadata.peek(key);
  if (value.type == ValueType::boolean)
    return double(*metadata.boolean(key));
  if (value.type == ValueType::array || value.type == ValueType::string)
    return std::nullopt;
  return metadata.number(key);
}

static void checkModelKey(Metadata &metadata, const std::string &key, std::string_view name, std::vector<Note> &notes) {
  if (std::ranges::find(kHarmless, name) != std::end(kHarmless))
    return;
  const Value &value = *metadata.peek(key);
  const MeaningKey *meaning = std::ranges::find(kMeaning, name, &MeaningKey::name);
  if (meaning == std::end(kMeaning)) {
    notes.push_back({Note::Kind::warning, key,
                     concat("unknown key with the value ", shown(value),
                            "; it is ignored, check that it does not change the model")});
    return;
  }
  std::optional<double> found = offValue(metadata, key);
  if (found && std::ranges::find(meaning->off, *found) != meaning->off.end())
    return;
  std::string values;
  for (double off : meaning->off)
    values += concat(values.empty() ? "" : " or ", off);
  metadata.fail(key, value,
                concat(meaning->meaning, " is not supported",
                       values.empty() ? "" : concat("; only the value ", values, " is"), "; use another model"));
}

void checkUnreadKeys(Metadata &metadata, std::string_view architecture, std::vector<Note> &notes) {
  for (const std::string &key : metadata.unknown()) {
    std::string_view rest = key;
    if (rest.starts_with(architecture) && rest.substr(architecture.size()).starts_with('.')) {
      checkModelKey(metadata, key, rest.substr(architecture.size() + 1), notes);
      continue;
    }
    auto isIn = [&](std::string_view room) { return rest.starts_with(room); };
    if (std::ranges::none_of(kHarmlessRooms, isIn))
      notes.push_back({Note::Kind::warning, key,
                       concat("unknown key with the value ", shown(*metadata.peek(key)),
                              "; it is ignored, check that it does not change the model")});
  }
}

} // namespace quipu::frontend::gguf
