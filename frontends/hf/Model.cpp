//===- Model.cpp - Opens a Hugging Face model directory ----------------------------------===//

#include "frontends/hf/Model.h"

#include "frontends/common/Json.h"
#include "frontends/common/Layout.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/Fields.h"
#include "frontends/hf/Safetensors.h"
#include "runtime/core/Error.h"
#include "runtime/core/MappedFile.h"

#include <cstring>
#include <filesystem>
#include <set>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr uint64_t kMaxTokenizerConfigBytes = 64u << 20;
static constexpr const char *kEmbedding = "model.embed_tokens.weight";
static constexpr const char *kHead = "lm_head.weight";

static bool isThere(const fs::path &path) {
  std::error_code error;
  return fs::exists(path, error);
}

static WeightIndex readWeights(const fs::path &folder, std::vector<Note> &notes) {
  if (fs::path single = folder / "model.safetensors"; isThere(single))
    return readSafetensors(single.string());
  if (fs::path map = folder / "model.safetensors.index.json"; isThere(map))
    return readShardedSafetensors(map.string(), notes);
  if (isThere(folder / "pytorch_model.bin") || isThere(folder / "pytorch_model.bin.index.json"))
    fail(folder.string(), ": has pytorch_model.bin but no model.safetensors; convert the model with transformers' "
                          "save_pretrained(..., safe_serialization=True)");
  fail(folder.string(),
       ": has neither model.safetensors nor model.safetensors.index.json; get the weights, or give the "
       "config.json itself to compile with random weights");
}

static std::string shapeText(const std::vector<uint64_t> &shape) { return shown(json(shape)); }

/// "model.layers.3.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq".
static bool isInverseFrequencies(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

static bool sameBytes(const WeightIndex &index, const WeightEntry &a, const WeightEntry &b) {
  if (a.dtype != b.dtype || a.shape != b.shape)
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

/// Leaves exactly the tensors that the config implies in the index.
static void checkTensors(const fs::path &folder, const ModelConfig &config, WeightIndex &index) {
  std::erase_if(index.tensors, [](const auto &item) { return isInverseFrequencies(item.first); });
  std::set<std::string, std::less<>> expectedNames;
  const ExpectedWeight *missing = nullptr;
  size_t missingCount = 0;
  std::vector<ExpectedWeight> expected = expectedWeights(config);
  for (const ExpectedWeight &weight : expected) {
    expectedNames.insert(weight.tensor);
    const WeightEntry *entry = index.find(weight.tensor);
    if (!entry) {
      if (!missing)
        missing = &weight;
      ++missingCount;
      continue;
    }
    if (entry->shape != weight.shape)
      fail(index.files[entry->file].path, ": tensor ", shownText(entry->nameInFile), " has the shape ",
           shapeText(entry->shape), " but config.json implies ", shapeText(weight.shape),
           "; config and weights do not belong together, get both again");
  }
  if (missing) {
    std::string others = missingCount > 1 ? concat(" (and ", missingCount - 1, " more)") : "";
    const char *hint = missing->tensor == kHead
                           ? "; if the head is the embedding matrix, set \"tie_word_embeddings\" to true"
                           : "; config and weights do not belong together, get both again";
    fail(folder.string(), ": tensor ", shownText(missing->tensor), others,
         " is missing from the weights though config.json implies it", hint);
  }
  for (const auto &[name, entry] : index.tensors) {
    if (expectedNames.contains(name))
      continue;
    const char *hint = "; config and weights do not belong together, or the model is not of this architecture";
    if (name.ends_with(".bias"))
      hint = name.find(".mlp.") != std::string::npos
                 ? "; if the model has biases there, set \"mlp_bias\" to true"
                 : "; if the model has biases there, set \"attention_bias\" to true";
    fail(index.files[entry.file].path, ": unexpected tensor ", shownText(entry.nameInFile), " of shape ",
         shapeText(entry.shape), ", which config.json does not imply", hint);
  }
}

static TokenizerFiles readTokenizer(const fs::path &folder) {
  TokenizerFiles files;
  if (fs::path model = folder / "tokenizer.model"; isThere(model)) {
    std::error_code error;
    fs::path absolute = fs::absolute(model, error);
    files.sentencePieceModel = error ? model.string() : absolute.lexically_normal().string();
  }
  fs::path path = folder / "tokenizer_config.json";
  if (!isThere(path))
    return files;
  json object = parseJson(readTextFile(path.string(), "tokenizer config", kMaxTokenizerConfigBytes), path.string());
  if (!object.is_object())
    fail(path.string(), ": holds ", shown(object), " but must hold a JSON object");
  Fields fields(object, path.string());
  files.addBos = fields.boolean("add_bos_token", files.addBos);
  files.addEos = fields.boolean("add_eos_token", files.addEos);
  return files;
}

/// The first conversions of LLaMA 1 carry bos 0 and eos 1, while their tokenizer (32,000 pieces) has <unk> 0, <s> 1 and
/// </s> 2: generation would never stop. The tokenizer is right.
static void correctLlama1Ids(ModelConfig &config, const TokenizerFiles &tokenizer) {
  if (tokenizer.sentencePieceModel.empty() || config.vocabSize != 32000 ||
      config.bosTokenIds != std::vector<int32_t>{0} || config.eosTokenIds != std::vector<int32_t>{1})
    return;
  config.bosTokenIds = {1};
  config.eosTokenIds = {2};
  config.notes.push_back({Note::Kind::warning, "eos_token_id",
                          "bos 0 and eos 1 are a mistake of early LLaMA-1 conversions; 1 and 2 are used, as in the "
                          "tokenizer"});
}

Model readDirectory(const std::string &path) {
  fs::path folder(path);
  if (!isThere(folder / "config.json"))
    fail(path, ": has no config.json; give a Hugging Face model directory");
  Model model;
  model.config = readConfig((folder / "config.json").string());
  model.weights = readWeights(folder, model.config.notes);
  resolveTiedHead(model.config, *model.weights);
  checkTensors(folder, model.config, *model.weights);
  model.tokenizer = readTokenizer(folder);
  correctLlama1Ids(model.config, model.tokenizer);
  return model;
}

Model readBareConfig(const std::string &path) {
  Model model;
  model.config = readConfig(path);
  return model;
}

} // namespace quipu::frontend::hf
