//===- Shards.cpp - Joins the files of a checkpoint --------------------------------------===//

#include "frontends/meta/Shards.h"

#include "frontends/common/Json.h"
#include "frontends/common/Layout.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

using nlohmann::json;

namespace quipu::frontend::meta {

static constexpr std::string_view kEmbedding = "tok_embeddings.weight";
static constexpr std::string_view kHead = "output.weight";
static constexpr std::string_view kFirstGate = "layers.0.feed_forward.w1.weight";
/// A table that follows from the config.
static constexpr std::string_view kRotaryTable = "rope.freqs";

namespace {

/// How the blocks of a tensor in several files lie.
enum class Join : uint8_t { rows, columns, rowsOrColumns, replicated };

struct TensorRule {
  /// Of ExpectedWeight, without the layer.
  std::string_view canonical;
  /// In the files, without the layer.
  std::string_view name;
  Join join;
};

} // namespace

static constexpr TensorRule kRules[] = {
    {"embed_tokens", kEmbedding, Join::rowsOrColumns},
    {"input_layernorm", "attention_norm.weight", Join::replicated},
    {"lm_head", kHead, Join::rows},
    {"mlp.down_proj", "feed_forward.w2.weight", Join::columns},
    {"mlp.gate_proj", "feed_forward.w1.weight", Join::rows},
    {"mlp.up_proj", "feed_forward.w3.weight", Join::rows},
    {"norm", "norm.weight", Join::replicated},
    {"post_attention_layernorm", "ffn_norm.weight", Join::replicated},
    {"self_attn.k_proj", "attention.wk.weight", Join::rows},
    {"self_attn.o_proj", "attention.wo.weight", Join::columns},
    {"self_attn.q_proj", "attention.wq.weight", Join::rows},
    {"self_attn.v_proj", "attention.wv.weight", Join::rows},
};

/// The length of "layers.12." where a name begins so, else 0.
static size_t layerLength(std::string_view name) {
  if (!name.starts_with("layers."))
    return 0;
  return name.find('.', 7) + 1;
}

static const TensorRule &ruleOf(std::string_view canonical) {
  const auto *rule = std::ranges::find(kRules, canonical.substr(layerLength(canonical)), &TensorRule::canonical);
  if (rule == std::end(kRules))
    fail("tensor ", canonical, " has no name in Meta's layout");
  return *rule;
}

static std::string shapeText(const std::vector<uint64_t> &shape) { return shown(json(shape)); }

namespace {

class Joiner {
public:
  Joiner(std::vector<WeightIndex> shards, Params &params, const std::string &folder)
      : shards(std::move(shards)), params(params), config(params.config), folder(folder) {}

  WeightIndex join() {
    for (WeightIndex &shard : shards) {
      shard.tensors.erase(std::string(kRotaryTable));
      shard.foreign.erase(std::string(kRotaryTable));
      firstFile.push_back(uint32_t(result.files.size()));
      result.files.insert(result.files.end(), shard.files.begin(), shard.files.end());
    }
    resolveSizes();
    std::set<std::string, std::less<>> used;
    for (const ExpectedWeight &weight : expectedWeights(config)) {
      const TensorRule &rule = ruleOf(weight.tensor);
      std::string name = concat(std::string_view(weight.tensor).substr(0, layerLength(weight.tensor)), rule.name);
      result.tensors.emplace(weight.tensor, joined(name, rule.join, weight.shape));
      used.insert(std::move(name));
    }
    checkOthers(used);
    return std::move(result);
  }

private:
  template <typename... What> [[noreturn]] void misfit(const What &...what) const {
    fail(folder, ": ", what...,
         "; params.json and weights do not belong together, or a file is missing: get all again");
  }
  const std::string &pathOf(size_t shard) const { return shards[shard].files.front().path; }

  void note(std::string_view field, std::string text) {
    config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }

  const WeightEntry *find(size_t shard, std::string_view name) const { return shards[shard].find(name); }
  /// A matrix of one file.
  const WeightEntry &matrix(size_t shard, std::string_view name) const {
    const WeightEntry *entry = find(shard, name);
    if (!entry)
      failMissing(shard, name);
    if (entry->shape.size() != 2)
      misfit("tensor ", shownText(name), " has the shape ", shapeText(entry->shape), ", not that of a matrix");
    return *entry;
  }
  /// Rows of a matrix whose blocks in the files lie one below the other.
  uint64_t allRows(std::string_view name) const {
    uint64_t rows = 0;
    for (size_t i = 0; i < shards.size(); ++i)
      rows += matrix(i, name).shape[0];
    return rows;
  }

  [[noreturn]] void failMissing(size_t shard, std::string_view name) const {
    for (const auto &[other, tensor] : shards[shard].foreign)
      fail(pathOf(shard), ": tensor ", shownText(other), " has the dtype ", shownText(tensor.dtype),
           " but only F32, F16 and BF16 are supported; use the model that was not quantised");
    fail(pathOf(shard), ": tensor ", shownText(name),
         " is missing from the weights though params.json implies it; "
         "params.json and weights do not belong together, get both again");
  }

  /// What only the weights say.
  void resolveSizes() {
    bool hasHead = find(0, kHead) != nullptr;
    if (!hasHead && !config.tieWordEmbeddings)
      note("output.weight", "not among the weights: the head is the embedding matrix");
    if (hasHead && config.tieWordEmbeddings)
      note("tied_embeddings", "is true, but \"output.weight\" is stored and used");
    config.tieWordEmbeddings = !hasHead;
    if (config.vocabSize == 0) {
      const std::vector<uint64_t> &shape = matrix(0, kEmbedding).shape;
      uint64_t rows = hasHead ? allRows(kHead) : shape[1] == config.hiddenSize ? allRows(kEmbedding) : shape[0];
      if (rows == 0 || rows > kMaxVocab)
        misfit("the head has ", rows, " rows, but a model has 1 to ", kMaxVocab, " tokens");
      config.vocabSize = uint32_t(rows);
      note("vocab_size", concat(rows, ", rows of ", hasHead ? kHead : kEmbedding));
    }
    uint64_t width = allRows(kFirstGate);
    if (config.intermediateSize == 0) {
      if (width == 0 || width > kMaxIntermediate)
        misfit("feed_forward.w1 has ", width, " rows, but 1 to ", kMaxIntermediate, " are supported");
      config.intermediateSize = uint32_t(width);
      note("multiple_of", concat("not in the file: the feed-forward network is ", width, " wide, as w1 has it"));
    }
    if (width != config.intermediateSize)
      misfit("by ", params.feedForward, " of params.json the feed-forward network is ", config.intermediateSize,
             " wide, but ", shownText(kFirstGate), " has ", width, " rows in ", shards.size(), " files");
  }

  WeightEntry joined(const std::string &name, Join join, const std::vector<uint64_t> &shape) {
    std::vector<WeightEntry> parts;
    for (size_t i = 0; i < shards.size(); ++i) {
      const WeightEntry *entry = find(i, name);
      if (!entry)
        failMissing(i, name);
      parts.push_back(*entry);
      parts.back().file += firstFile[i];
      if (parts.back().format != parts.front().format)
        misfit("tensor ", shownText(name), " has the type ", parts.front().format->name, " in ", pathOf(0), " and ",
               parts.back().format->name, " in ", pathOf(i));
    }
    bool isWhole = std::ranges::all_of(parts, [&](const WeightEntry &part) { return part.shape == shape; });
    if (isWhole && (parts.size() == 1 || join == Join::replicated)) {
      checkEqual(name, parts);
      return parts.front();
    }
    if (parts.size() > 1 && join != Join::replicated) {
      for (size_t axis : {size_t(0), size_t(1)})
        if (join != (axis == 0 ? Join::columns : Join::rows))
          if (std::optional<WeightEntry> whole = along(axis, parts, shape))
            return *whole;
    }
    std::string found;
    for (const WeightEntry &part : parts)
      found += concat(found.empty() ? "" : ", ", shapeText(part.shape));
    misfit("tensor ", shownText(name), " has the shape ", found, parts.size() > 1 ? " in the files" : "",
           " but params.json implies ", shapeText(shape),
           parts.size() == 1 || join == Join::replicated ? ""
           : join == Join::rows                          ? ", joined along dimension 0"
           : join == Join::columns                       ? ", joined along dimension 1"
                                                         : ", joined along dimension 0 or 1");
  }

  /// The parts as blocks of one matrix, when their shapes are right for it.
  std::optional<WeightEntry> along(size_t axis, const std::vector<WeightEntry> &parts,
                                   const std::vector<uint64_t> &shape) const {
    WeightEntry whole = parts.front();
    whole.shape = shape;
    whole.size = 0;
    uint64_t next = 0;
    for (const WeightEntry &part : parts) {
      if (part.shape.size() != 2 || shape.size() != 2 || part.shape[1 - axis] != shape[1 - axis])
        return std::nullopt;
      uint64_t row = axis == 0 ? next : 0, column = axis == 1 ? next : 0;
      whole.pieces.push_back({part.file, part.offset, row, part.shape[0], column, part.shape[1]});
      whole.size += part.size;
      next += part.shape[axis];
    }
    return next == shape[axis] ? std::optional(whole) : std::nullopt;
  }

  /// All files have the same values.
  void checkEqual(const std::string &name, const std::vector<WeightEntry> &parts) const {
    auto first = MappedFile::open(result.files[parts.front().file].path, "weight file");
    for (const WeightEntry &part : parts) {
      if (&part == &parts.front())
        continue;
      auto other = MappedFile::open(result.files[part.file].path, "weight file");
      if (first->size() < parts.front().offset + part.size || other->size() < part.offset + part.size)
        fail(other->path(), ": the weight file became shorter while it was read");
      if (memcmp(first->data() + parts.front().offset, other->data() + part.offset, part.size) != 0)
        misfit("tensor ", shownText(name), " differs between ", first->path(), " and ", other->path(),
               ", but a norm is the same in all files");
    }
  }

  /// Nothing may be left that changes the model.
  void checkOthers(const std::set<std::string, std::less<>> &used) const {
    for (size_t i = 0; i < shards.size(); ++i) {
      for (const auto &[name, entry] : shards[i].tensors)
        if (!used.contains(name))
          fail(pathOf(i), ": unexpected tensor ", shownText(name), " of shape ", shapeText(entry.shape),
               name.find("lora") != std::string::npos
                   ? ": adapters (LoRA) are not supported; merge them into the weights"
                   : ", which params.json does not imply; the model is not of this architecture");
      for (const auto &[name, tensor] : shards[i].foreign)
        fail(pathOf(i), ": tensor ", shownText(name), " has the dtype ", shownText(tensor.dtype),
             " but only F32, F16 and BF16 are supported; use the model that was not quantised");
    }
  }

  std::vector<WeightIndex> shards;
  Params &params;
  ModelConfig &config;
  const std::string &folder;
  WeightIndex result;
  /// Number of each shard's first file in the result.
  std::vector<uint32_t> firstFile;
};

} // namespace

WeightIndex joinShards(std::vector<WeightIndex> shards, Params &params, const std::string &folder) {
  return Joiner(std::move(shards), params, folder).join();
}

} // namespace quipu::frontend::meta
