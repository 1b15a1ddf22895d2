//===- TensorNames.cpp - Names of tensors that exporters wrap or add ---------------------===//

#include "frontends/hf/TensorNames.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <optional>

namespace quipu::frontend::hf {

/// A tensor that every model has exactly once.
static constexpr std::string_view kAnchor = "layers.0.input_layernorm.weight";
static constexpr std::string_view kBody = "model.";
static constexpr std::string_view kHeadWeight = "lm_head.weight";

/// Last parts of names that no parameter has.
static constexpr std::string_view kBuffers[] = {
    "inv_freq",    "original_inv_freq", "cos_cached",    "sin_cached",     "_cos_cached", "_sin_cached",
    "cos_cache",   "sin_cache",         "cos_sin_cache", "freqs_cis",      "freqs_cos",   "freqs_sin",
    "masked_bias", "causal_mask",       "attn_mask",     "attention_mask", "position_ids"};

/// Last two parts of names. "bias" alone is a parameter of a projection.
static constexpr std::string_view kQualifiedBuffers[] = {
    "attn.bias",      "self_attn.bias", "attention.bias", "rope.freqs", "rotary_emb.freqs",
    "rotary_emb.cos", "rotary_emb.sin", "self_attn.mask", "attn.mask",  "attention.mask"};

/// Whether `name` is `tail`, or ends with it behind a dot.
static bool endsWithParts(std::string_view name, std::string_view tail) {
  return name.ends_with(tail) && (name.size() == tail.size() || name[name.size() - tail.size() - 1] == '.');
}

static bool isBuffer(std::string_view name) {
  auto matches = [&](std::string_view tail) { return endsWithParts(name, tail); };
  return std::ranges::any_of(kBuffers, matches) || std::ranges::any_of(kQualifiedBuffers, matches);
}

std::string nameInFiles(const ExpectedWeight &weight) {
  std::string_view body = weight.tensor == "lm_head" ? "" : kBody;
  return concat(body, weight.tensor, weight.role == WeightRole::bias ? "" : ".weight");
}

void dropBuffers(WeightIndex &index, std::vector<Note> &notes) {
  size_t count = 0;
  std::string first;
  auto drop = [&](const auto &item) {
    if (!isBuffer(item.first))
      return false;
    if (count++ == 0)
      first = item.first;
    return true;
  };
  std::erase_if(index.tensors, drop);
  std::erase_if(index.foreign, drop);
  if (count)
    notes.push_back({Note::Kind::provenance, "tensors",
                     concat(shownText(first), count > 1 ? concat(" and ", count - 1, " more") : "",
                            " left out: rotary tables and masks follow from the config")});
}

/// Moves an entry to another name. Throws if an entry has this name already.
template <typename Map>
static void rename(Map &map, const std::string &from, const std::string &to, const std::string &folder) {
  if (from != to && map.contains(to))
    fail(folder, ": the weights have both ", shownText(to), " and ", shownText(from),
         ", which differ in nothing but a prefix; export the model again");
  auto node = map.extract(from);
  node.key() = to;
  map.insert(std::move(node));
}

template <typename Map> static std::vector<std::string> namesThat(const Map &map, auto matches) {
  std::vector<std::string> names;
  for (const auto &[name, entry] : map)
    if (matches(name))
      names.push_back(name);
  return names;
}

void dropCommonPrefix(WeightIndex &index, const std::string &folder, std::vector<Note> &notes) {
  std::vector<std::string> anchors =
      namesThat(index.tensors, [](std::string_view name) { return endsWithParts(name, kAnchor); });
  auto prefixOf = [](std::string_view name, std::string_view tail) {
    return std::string(name.substr(0, name.size() - tail.size()));
  };
  if (anchors.empty() || index.find(concat(kBody, kAnchor)))
    return;
  std::string prefix = prefixOf(anchors.front(), kAnchor);
  if (anchors.size() > 1)
    fail(folder, ": the weights are of ", anchors.size(), " models, under ", shownText(prefix), " and ",
         shownText(prefixOf(anchors[1], kAnchor)), "; export the one that config.json describes alone");

  auto isInside = [&](std::string_view name) { return name.starts_with(prefix); };
  std::vector<std::string> heads = namesThat(index.tensors, [&](std::string_view name) {
    return endsWithParts(name, kHeadWeight) && prefix.starts_with(prefixOf(name, kHeadWeight));
  });
  // The head first: its name may begin with the body's prefix.
  if (heads.size() == 1)
    rename(index.tensors, heads.front(), std::string(kHeadWeight), folder);
  auto move = [&](auto &map) {
    for (const std::string &name : namesThat(map, isInside))
      if (name != kHeadWeight)
        rename(map, name, concat(kBody, std::string_view(name).substr(prefix.size())), folder);
  };
  move(index.tensors);
  move(index.foreign);
  notes.push_back({Note::Kind::warning, "tensors",
                   prefix.empty() ? concat("named without the prefix \"", kBody, "\", as by a model without a head")
                                  : concat("named with the prefix ", shownText(prefix), " instead of \"", kBody,
                                           "\"; it is left out")});
}

std::string describeOtherLayout(const WeightIndex &index) {
  struct Sign {
    std::string_view part;
    std::string_view meaning;
  };
  static constexpr Sign kSigns[] = {
      {".lora_A.", "an adapter (LoRA) that is not merged into its model; merge it with PEFT's merge_and_unload() and "
                   "save the result"},
      {".lora_B.", "an adapter (LoRA) that is not merged into its model; merge it with PEFT's merge_and_unload() and "
                   "save the result"},
      {".base_layer.", "a model with an adapter that is not merged; merge it with PEFT's merge_and_unload() and save "
                       "the result"},
      {"tok_embeddings.", "Meta's layout; get its params.json too, and give a folder without config.json"},
      {"token_embd.", "names of GGUF; give the model's GGUF file"},
      {"transformer.h.", "the layout of a GPT-2-like model, not of LLaMA"},
      {"gpt_neox.", "the layout of a GPT-NeoX model, not of LLaMA"},
      {"vision_tower.", "a model for more than text, which is not supported"},
      {"vision_model.", "a model for more than text, which is not supported"},
      {"multi_modal_projector.", "a model for more than text, which is not supported"},
      {".block_sparse_moe.", "a mixture of experts, which is not supported"},
      {".mlp.experts.", "a mixture of experts, which is not supported"},
      {".q_norm.", "norms of queries and keys, which are not supported"},
  };
  for (const Sign &sign : kSigns) {
    auto has = [&](const auto &item) { return item.first.find(sign.part) != std::string::npos; };
    if (std::ranges::any_of(index.tensors, has) || std::ranges::any_of(index.foreign, has))
      return std::string(sign.meaning);
  }
  return "";
}

} // namespace quipu::frontend::hf
