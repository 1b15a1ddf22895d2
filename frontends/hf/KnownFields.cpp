//===- KnownFields.cpp - Config fields that Quipu does not read --------------------------===//

#include "frontends/hf/KnownFields.h"

#include "frontends/common/Json.h"
#include "frontends/hf/Quantisation.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <iterator>

using nlohmann::json;

namespace quipu::frontend::hf {

/// Training, bookkeeping, and defaults of generation, which the command line sets. Sorted.
static constexpr std::string_view kHarmless[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_name_or_path",
    "attention_dropout",
    "attn_dropout",
    "attn_implementation",
    "attn_pdrop",
    "bad_words_ids",
    "begin_suppress_tokens",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "id2label",
    "ignore_index",
    "initializer_range",
    "keys_to_ignore_at_inference",
    "label2id",
    "length_penalty",
    "max_length",
    "max_sequence_length",
    "min_length",
    "model_max_length",
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_last_hidden_states",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
};

namespace {
struct MeaningField {
  std::string_view name;
  /// JSON array of the values that mean "off". null always means it.
  std::string_view neutral;
  std::string_view meaning;
};
} // namespace

static constexpr MeaningField kMeaning[] = {
    {"add_cross_attention", "[false]", "cross-attention"},
    {"alibi", "[false]", "ALiBi position biases"},
    {"attention_chunk_size", "[]", "chunked attention"},
    {"attention_multiplier", "[]", "a scale of the attention scores"},
    {"attention_out_bias", "[]", "a bias of only the output projection"},
    {"attn_logit_softcapping", "[]", "soft-capping of attention scores"},
    {"attn_temperature_tuning", "[false, 0]", "a temperature of attention by position"},
    {"bias", "[false]", "biases of all projections"},
    {"clip_qkv", "[]", "clipping of queries, keys and values"},
    {"cross_attention_hidden_size", "[]", "cross-attention"},
    {"dim_model_base", "[]", "a scale of the logits"},
    {"dual_chunk_attention_config", "[]", "attention in chunks beyond the trained context"},
    {"embedding_multiplier", "[1]", "a scale of the embeddings"},
    {"final_logit_softcapping", "[]", "soft-capping of the logits"},
    {"full_attn_mod", "[1]", "sliding windows in some layers"},
    {"hidden_activation", "[\"silu\", \"swish\"]", "another activation"},
    {"interpolate_factor", "[1]", "interpolated rotary positions"},
    {"is_causal", "[true]", "attention without a causal mask"},
    {"is_decoder", "[false, true]", "an encoder"},
    {"is_encoder_decoder", "[false]", "an encoder and a decoder"},
    {"layer_norm_eps", "[]", "layer norms instead of RMS norms"},
    {"layer_norm_epsilon", "[]", "layer norms instead of RMS norms"},
    {"layernorm_zero_centered", "[false]", "norm weights stored minus one"},
    {"lm_head_bias", "[false]", "a bias of the head"},
    {"logit_scale", "[1]", "a scale of the logits"},
    {"logits_scaling", "[1]", "a scale of the logits"},
    {"mup_width_scale", "[1]", "a scale of the activations"},
    {"no_rope_layer_interval", "[0]", "layers without rotary embedding"},
    {"no_rope_layers", "[[]]", "layers without rotary embedding"},
    {"num_experts", "[0, 1]", "a mixture of experts"},
    {"num_experts_per_tok", "[0, 1]", "a mixture of experts"},
    {"num_local_experts", "[0, 1]", "a mixture of experts"},
    {"parallel_attn", "[false]", "attention and feed-forward network side by side"},
    {"partial_rotary_factor", "[1]", "rotary embedding of a part of each head"},
    {"per_layer_config", "[{}]", "layers that differ in their dimensions"},
    {"pruned_heads", "[{}]", "pruned attention heads"},
    {"qk_layernorm", "[false]", "norms of queries and keys"},
    {"qk_norm", "[false]", "norms of queries and keys"},
    {"qkv_bias", "[false]", "biases of only queries, keys and values"},
    {"query_pre_attn_scalar", "[]", "a scale of the attention scores"},
    {"residual_multiplier", "[1]", "a scale of the residual branches"},
    {"rope_local_base_freq", "[]", "another rotary base in some layers"},
    {"rope_percent", "[1]", "rotary embedding of a part of each head"},
    {"rotary_emb_fraction", "[1]", "rotary embedding of a part of each head"},
    {"rotary_pct", "[1]", "rotary embedding of a part of each head"},
    {"scale_attn_by_inverse_layer_idx", "[false]", "a scale of the attention scores by layer"},
    {"scale_depth", "[]", "a scale of the residual branches"},
    {"scale_emb", "[1]", "a scale of the embeddings"},
    {"sliding_window_pattern", "[]", "sliding windows in some layers"},
    {"text_config", "[]", "a model for more than text"},
    {"use_alibi", "[false]", "ALiBi position biases"},
    {"use_bias", "[false]", "biases of all projections"},
    {"use_bidirectional_attention", "[false]", "attention without a causal mask"},
    {"use_mrope", "[false]", "rotary positions in several dimensions"},
    {"use_parallel_residual", "[false]", "attention and feed-forward network side by side"},
    {"use_qk_norm", "[false]", "norms of queries and keys"},
    {"use_qkv_bias", "[false]", "biases of only queries, keys and values"},
    {"vision_config", "[]", "a model for more than text"},
};

static_assert(std::ranges::is_sorted(kHarmless));
static_assert(std::ranges::is_sorted(kMeaning, {}, &MeaningField::name));

/// Fields that describe how weights were quantised.
static constexpr std::string_view kQuantised[] = {"compression_config", "quantization", "quantization_config"};

/// Whether `values`, the text of a JSON array, has the value.
static bool has(std::string_view values, const json &value) {
  json list = json::parse(values);
  return std::ranges::find(list, value) != list.end();
}

void checkUnreadFields(Fields &config, const Architecture &architecture, std::vector<Note> &notes) {
  for (std::string_view field : kQuantised)
    if (const json *value = config.find(field); value && !value->empty())
      fail(config.place(field), " says that the weights are quantised: ", describeQuantisationConfig(*value), "; ",
           kUnquantised);
  for (const std::string &field : config.unknown()) {
    const json &value = config.object().at(field);
    auto accepted = std::ranges::find(architecture.acceptedFields, field, &AcceptedField::name);
    if (accepted != architecture.acceptedFields.end() && has(accepted->values, value))
      continue;
    if (std::ranges::binary_search(kHarmless, std::string_view(field)))
      continue;
    auto known = std::ranges::lower_bound(kMeaning, std::string_view(field), {}, &MeaningField::name);
    if (known != std::end(kMeaning) && known->name == field) {
      if (!value.is_null() && !has(known->neutral, value))
        config.fail(field, value,
                    concat("that means ", known->meaning, ", which is not supported; use a model without it"));
      continue;
    }
    if (!value.is_null())
      notes.push_back({Note::Kind::warning, field,
                       concat("unknown field with the value ", shown(value),
                              "; it is ignored, check that it does not change what the model computes")});
  }
}

} // namespace quipu::frontend::hf
