//===- ModelTargets.cpp - Readers of configs and of files of weights -----------------------===//

#include "Invariants.h"
#include "Scratch.h"
#include "Targets.h"
#include "UseTokenizer.h"

#include "frontends/common/Model.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/Safetensors.h"
#include "frontends/meta/Checkpoint.h"
#include "frontends/meta/Params.h"

using namespace quipu;
using namespace quipu::frontend;

namespace quipu::test {

static void check(const ModelConfig &config) {
  const char *broken = brokenInvariant(config);
  require(!broken, broken);
}

/// Each tensor lies in its file.
static void check(const WeightIndex &index) {
  for (const auto &[name, entry] : index.tensors) {
    require(entry.file < index.files.size(), "a tensor is in one of the files");
    uint64_t size = std::filesystem::file_size(index.files[entry.file].path);
    require(entry.offset <= size && entry.size <= size - entry.offset, "a tensor lies in its file");
  }
}

static void check(const Model &model) {
  check(model.config);
  require(model.weights.has_value(), "a file of weights has weights");
  check(*model.weights);
  if (model.tokenizer.data.exists())
    useTokenizer(model.tokenizer.data);
}

static void config(std::string_view input) {
  accepts([&] { check(hf::parseConfig(input, "config.json")); });
}

static void generationConfig(std::string_view input) {
  static const ModelConfig model = hf::parseConfig(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 16,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2})",
                                                   "config.json");
  accepts([&] {
    ModelConfig merged = model;
    hf::mergeGenerationConfig(merged, input, "generation_config.json");
    for (const auto *ids : {&merged.bosTokenIds, &merged.eosTokenIds})
      for (int32_t id : *ids)
        require(id >= 0 && uint32_t(id) < merged.vocabSize, "ends of a text are ids of the model");
  });
}

static void params(std::string_view input) {
  accepts([&] {
    ModelConfig read = meta::parseParams(input, "params.json").config;
    // These may be left to the weights.
    read.vocabSize = std::max(read.vocabSize, 1u);
    read.intermediateSize = std::max(read.intermediateSize, 1u);
    check(read);
  });
}

static void safetensors(std::string_view input) {
  static const Scratch scratch;
  accepts([&] { check(hf::readSafetensors(scratch.write("model.safetensors", input))); });
}

static void shardIndex(std::string_view input) {
  static const Scratch scratch;
  constexpr std::string_view kHeader = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  static const std::string shard = scratch.write(
      "a.safetensors", std::string(1, char(kHeader.size())) + std::string(7, '\0') + std::string(kHeader) + "data");
  std::vector<Note> notes;
  accepts([&] { check(hf::readShardedSafetensors(scratch.write("model.safetensors.index.json", input), notes)); });
}

static void gguf(std::string_view input) {
  static const Scratch scratch;
  accepts([&] { check(openModel(scratch.write("model.gguf", input))); });
}

static void checkpoint(std::string_view input) {
  static const Scratch scratch;
  accepts([&] { check(meta::readCheckpoint(scratch.write("consolidated.00.pth", input))); });
}

static void llama2c(std::string_view input) {
  static const Scratch scratch;
  accepts([&] { check(openModel(scratch.write("model.bin", input))); });
}

std::span<const FuzzTarget> modelTargets() {
  static constexpr FuzzTarget kTargets[] = {{"config", config},          {"generation_config", generationConfig},
                                            {"params", params},          {"safetensors", safetensors},
                                            {"shard_index", shardIndex}, {"gguf", gguf},
                                            {"checkpoint", checkpoint},  {"llama2c", llama2c}};
  return kTargets;
}

} // namespace quipu::test
