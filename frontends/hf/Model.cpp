//===- Model.cpp - Opens a Hugging Face model directory ----------------------------------===//

#include "frontends/hf/Model.h"

#include "frontends/common/EndsOfText.h"
#include "frontends/common/Json.h"
#include "frontends/common/Layout.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/Folder.h"
#include "frontends/hf/Quantisation.h"
#include "frontends/hf/TensorNames.h"
#include "frontends/hf/TokenizerFiles.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr const char *kEmbedding = "model.embed_tokens.weight";
static constexpr const char *kHead = "lm_head.weight";

static std::string shapeText(const std::vector<uint64_t> &shape) { return shown(json(shape)); }

static bool sameBytes(const WeightIndex &index, const WeightEntry &a, const WeightEntry &b) {
  if (a.format != b.format || a.shape != b.shape)
    return false;
  auto fileA = MappedFile::open(index.files[a.file].path, "weight file");
  auto fileB = MappedFile::open(index.files[b.file].path, "weight file");
  if (fileA->size() < a.offset + a.size || fileB->size() < b.offset + b.size)
    fail(index.files[a.file].path, ": the weight file became shorter while it was read");
  return memcmp(fileA->data() + a.offset, fileB->data() + b.offset, a.size) == 0;
}

/// Applies the rule for tied heads to config and index.
static void resolveTiedHead(ModelConfig &config, WeightIndex &index) {
  auto head = index.tensors.find(kHead);
  if (!config.tieWordEmbeddings || head == index.tensors.end())
    return;
  const WeightEntry *embedding = index.find(kEmbedding);
  if (!embedding) {
    config.notes.push_back(
        {Note::Kind::provenance, "tie_word_embeddings", "the tied matrix is stored as \"lm_head.weight\""});
    index.tensors.emplace(kEmbedding, head->second);
    index.tensors.erase(head);
    return;
  }
  if (sameBytes(index, *embedding, head->second)) {
    config.notes.push_back({Note::Kind::provenance, "tie_word_embeddings",
                            "\"lm_head.weight\" is stored too, with equal bytes, and is left out"});
    index.tensors.erase(head);
    return;
  }
  config.tieWordEmbeddings = false;
  config.notes.push_back({Note::Kind::warning, "tie_word_embeddings",
                          "is true but \"lm_head.weight\" is stored and differs from the embedding; the head is not "
                          "tied, as transformers decides"});
}

/// Throws if weights do not fit the config because they are quantised, or have another layout of names.
static void explainMisfit(const fs::path &folder, const ModelConfig &config, const WeightIndex &index) {
  if (std::string method = describeQuantisation(index, config.hiddenSize); !method.empty())
    fail(folder.string(), ": the weights are quantised: ", method, "; ", kUnquantised);
  if (std::string layout = describeOtherLayout(index); !layout.empty())
    fail(folder.string(), ": the weights are not those of a plain LLaMA model: ", layout);
}

/// Renames tensors to canonical names. Afterwards the index has exactly the tensors that the config implies.
static void checkTensors(const fs::path &folder, const ModelConfig &config, WeightIndex &index) {
  if (!index.foreign.empty()) {
    explainMisfit(folder, config, index);
    const auto &[name, tensor] = *index.foreign.begin();
    fail(index.files[tensor.file].path, ": tensor ", shownText(name), " has the dtype ", shownText(tensor.dtype),
         " but only F32, F16 and BF16 are supported; convert the weights to one of these");
  }
  // Canonical names by names in files. A fused tensor has several weights.
  std::map<std::string, std::string, std::less<>> expectedNames;
  std::string missing;
  size_t missingCount = 0;
  for (const ExpectedWeight &weight : expectedWeights(config)) {
    auto [expected, isNew] = expectedNames.try_emplace(nameInFiles(weight), weight.tensor);
    if (!isNew)
      continue;
    const WeightEntry *entry = index.find(expected->first);
    if (!entry) {
      if (missingCount++ == 0)
        missing = expected->first;
      continue;
    }
    if (entry->shape != weight.tensorShape)
      fail(index.files[entry->file].path, ": tensor ", shownText(entry->nameInFile), " has the shape ",
           shapeText(entry->shape), " but config.json implies ", shapeText(weight.tensorShape),
           "; config and weights do not belong together, get both again");
  }
  if (missingCount > 0) {
    explainMisfit(folder, config, index);
    std::string others = missingCount > 1 ? concat(" (and ", missingCount - 1, " more)") : "";
    const char *hint = missing == kHead ? "; if the head is the embedding matrix, set \"tie_word_embeddings\" to true"
                                        : "; config and weights do not belong together, get both again";
    fail(folder.string(), ": tensor ", shownText(missing), others,
         " is missing from the weights though config.json implies it", hint);
  }
  for (const auto &[name, entry] : index.tensors) {
    if (expectedNames.contains(name))
      continue;
    explainMisfit(folder, config, index);
    const char *hint = "; config and weights do not belong together, or the model is not of this architecture";
    if (name.ends_with(".bias"))
      hint = name.find(".mlp.") != std::string::npos
                 ? "; if the model has biases there, set \"mlp_bias\" to true"
                 : "; if the model has biases there, set \"attention_bias\" to true";
    fail(index.files[entry.file].path, ": unexpected tensor ", shownText(entry.nameInFile), " of shape ",
         shapeText(entry.shape), ", which config.json does not imply", hint);
  }
  decltype(index.tensors) canonical;
  for (const auto &[nameInFile, name] : expectedNames)
    canonical.emplace(name, std::move(index.tensors.at(nameInFile)));
  index.tensors = std::move(canonical);
}

/// The first conversions of LLaMA 1 have bos 0 and eos 1 in their config. But their tokenizer (32,000 pieces) has <unk>
/// 0, <s> 1 and </s> 2. With the config generation would never stop. The tokenizer is right.
static void correctLlama1Ids(ModelConfig &config, const ModelTokenizer &tokenizer) {
  if (!tokenizer.data.exists() || config.vocabSize != 32000 || config.bosTokenIds != std::vector<int32_t>{0} ||
      config.eosTokenIds != std::vector<int32_t>{1})
    return;
  config.bosTokenIds = {1};
  config.eosTokenIds = {2};
  config.eosOrigins = {"correction of an early LLaMA-1 config"};
  config.notes.push_back({Note::Kind::warning, "eos_token_id",
                          "bos 0 and eos 1 are a mistake of early LLaMA-1 conversions; 1 and 2 are used, as in the "
                          "tokenizer"});
}

Model readDirectory(const std::string &path) {
  fs::path folder(path);
  if (!isThere(folder / "config.json"))
    failWithoutConfig(folder);
  Model model;
  model.config = readConfig((folder / "config.json").string());
  model.weights = readWeights(folder, model.config.notes);
  dropBuffers(*model.weights, model.config.notes);
  dropCommonPrefix(*model.weights, path, model.config.notes);
  resolveTiedHead(model.config, *model.weights);
  checkTensors(folder, model.config, *model.weights);
  model.tokenizer =
      readTokenizer(folder / "tokenizer.model", model.config.vocabSize, model.config.notes, /*isOptional=*/true);
  correctLlama1Ids(model.config, model.tokenizer);
  joinTokenizersEnd(model.config, model.tokenizer);
  noteEnds(model.config);
  return model;
}

Model readBareConfig(const std::string &path) {
  Model model;
  model.config = readConfig(path);
  noteEnds(model.config);
  return model;
}

} // namespace quipu::frontend::hf
