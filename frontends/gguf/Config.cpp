//===- Config.cpp - What the keys of a GGUF file say of the model ------------------------===//
//
// Source of names and defaults: llama.cpp, src/llama-model.cpp and convert_hf_to_gguf.py.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/gguf/Config.h"

#include "frontends/common/Json.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/KnownKeys.h"
#include "frontends/gguf/Rope.h"
#include "frontends/gguf/TensorNames.h"
#include "runtime/support/Error.h"

namespace quipu::frontend::gguf {

static constexpr std::string_view kConvertAgain = "convert the model again";

namespace {

class ConfigReader {
public:
  ConfigReader(Metadata &metadata, const WeightIndex &tensors, const RopeTensors &ropeTensors)
      : metadata(metadata), tensors(tensors), ropeTensors(ropeTensors), architecture(readArchitecture()) {}

  ModelConfig read();

private:
  const Architecture &readArchitecture() const;
  /// "llama.block_count".
  std::string key(std::string_view name) const { return concat(architecture.name, ".", name); }
  uint32_t required(std::string_view name, uint32_t max);
  void readDimensions();
  void readHeads();
  void readHeadDim();
  void readEps();
  void readWindow();
  void readVocabulary();
  void readBiases();
  void traceOrigins();
  void note(std::string_view field, std::string text) {
    config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }

  Metadata &metadata;
  const WeightIndex &tensors;
  const RopeTensors &ropeTensors;
  const Architecture &architecture;
  ModelConfig config;
};

} // namespace

/// Files of other architectures are refused when they are read.
const Architecture &ConfigReader::readArchitecture() const {
  constexpr std::string_view kKey = "general.architecture";
  std::optional<std::string_view> name = metadata.string(kKey);
  if (!name)
    metadata.failMissing(kKey, concat("it must be one of ", architectureNames(), "; ", kConvertAgain));
  return *findArchitecture(*name);
}

uint32_t ConfigReader::required(std::string_view name, uint32_t max) {
  std::optional<uint64_t> value = metadata.integerOfLayers(key(name), 1, max);
  if (!value)
    metadata.failMissing(key(name), concat("it must be an integer from 1 to ", max, "; ", kConvertAgain));
  return uint32_t(*value);
}

void ConfigReader::readDimensions() {
  config.hiddenSize = required("embedding_length", kMaxHidden);
  config.intermediateSize = required("feed_forward_length", kMaxIntermediate);
  config.numLayers = required("block_count", kMaxLayers);
  config.maxPositionEmbeddings = required("context_length", kMaxPositions);
}

void ConfigReader::readHeads() {
  config.numHeads = required("attention.head_count", kMaxHeads);
  std::string kvKey = key("attention.head_count_kv");
  if (std::optional<uint64_t> heads = metadata.integerOfLayers(kvKey, 1, kMaxHeads)) {
    config.numKvHeads = uint32_t(*heads);
  } else {
    config.numKvHeads = config.numHeads;
    note(kvKey, "= attention.head_count");
  }
  if (config.numHeads % config.numKvHeads != 0)
    fail(metadata.place(key("attention.head_count")), " is ", config.numHeads, " but must be a multiple of the ",
         config.numKvHeads, " of \"", kvKey, "\"; ", kConvertAgain);
  readHeadDim();
}

/// Keys, values and what rotary embedding turns must be equally long.
void ConfigReader::readHeadDim() {
  std::string keyKey = key("attention.key_length"), valueKey = key("attention.value_length"),
              turnedKey = key("rope.dimension_count");
  std::optional<uint64_t> length = metadata.integerOfLayers(keyKey, 1, kMaxHeadDim);
  if (!length) {
    if (config.hiddenSize % config.numHeads != 0)
      fail(metadata.place(key("embedding_length")), " is ", config.hiddenSize, " but must be a multiple of the ",
           config.numHeads, " of \"", key("attention.head_count"), "\" where there is no \"", keyKey, "\"; ",
           kConvertAgain);
    length = config.hiddenSize / config.numHeads;
    note(keyKey, "= embedding_length / attention.head_count");
  }
  if (*length % 2 != 0 || *length > kMaxHeadDim || *length * config.numHeads > kMaxHidden)
    fail(metadata.place(keyKey), " is ", *length, " but must be even, at most ", kMaxHeadDim, ", and at most ",
         kMaxHidden, " times the ", config.numHeads, " heads; ", kConvertAgain);
  config.headDim = uint32_t(*length);
  std::optional<uint64_t> values = metadata.integerOfLayers(valueKey, 1, kMaxHeadDim);
  if (values && *values != *length)
    fail(metadata.place(valueKey), " is ", *values, " but the keys have ", *length,
         " elements, and only heads whose keys and values are equally long are supported; use another model");
  std::optional<uint64_t> turned = metadata.integer(turnedKey, 0, kMaxHeadDim);
  if (turned && *turned != *length)
    fail(metadata.place(turnedKey), " is ", *turned, " but a head has ", *length,
         " elements, and rotary embedding of a part of each head is not supported; use another model");
}

void ConfigReader::readEps() {
  std::string epsKey = key("attention.layer_norm_rms_epsilon");
  std::optional<double> eps = metadata.number(epsKey);
  if (!eps)
    metadata.failMissing(epsKey, concat("it must be above 0 and at most 1; ", kConvertAgain));
  if (!(*eps > 0.0 && *eps <= 1.0))
    metadata.fail(epsKey, *metadata.peek(epsKey), concat("must be above 0 and at most 1; ", kConvertAgain));
  config.rmsNormEps = *eps;
}

void ConfigReader::readWindow() {
  std::string windowKey = key("attention.sliding_window");
  std::optional<uint64_t> window = metadata.integerOfLayers(windowKey, 0, kMaxPositions);
  if (!window || *window == 0)
    return;
  if (!architecture.hasWindow)
    metadata.fail(windowKey, *metadata.peek(windowKey),
                  concat("which layers of a ", architecture.name,
                         " model have it, the file does not say; only 0 is "
                         "supported"));
  config.slidingWindow = uint32_t(*window);
}

void ConfigReader::readVocabulary() {
  const WeightEntry *embedding = tensors.find(kEmbeddingName);
  if (!embedding)
    fail(metadata.path(), ": tensor ", shownText(kEmbeddingName),
         " is missing; the file is no whole model, get it again");
  if (embedding->shape.size() != 2 || embedding->shape[0] > kMaxVocab)
    fail(metadata.path(), ": tensor ", shownText(kEmbeddingName), " has the shape ", shapeText(embedding->shape),
         " but must have a row of ", config.hiddenSize, " values for each of at most ", kMaxVocab,
         " tokens; the file is damaged, get it again");
  config.vocabSize = uint32_t(embedding->shape[0]);
  std::string sizeKey = key("vocab_size");
  if (std::optional<uint64_t> size = metadata.integer(sizeKey, 1, kMaxVocab); size && *size != config.vocabSize)
    fail(metadata.place(sizeKey), " is ", *size, " but tensor ", shownText(kEmbeddingName), " has ", config.vocabSize,
         " rows; the file is damaged, convert the model again");
  config.tieWordEmbeddings = !tensors.find(kHeadName);
  if (config.tieWordEmbeddings)
    note(kHeadName, "missing: the head is the embedding matrix");
}

void ConfigReader::readBiases() {
  auto has = [&](std::string_view tensor) { return tensors.find(concat("blk.0.", tensor, ".bias")) != nullptr; };
  config.attentionBias = architecture.ofTransformers().biasesQueryKeyValue;
  if (!architecture.biasesFollowTensors)
    return;
  config.attentionBias = has("attn_q");
  config.attentionOutputBias = has("attn_output");
  config.mlpBias = has("ffn_gate");
}

void ConfigReader::traceOrigins() {
  const FieldKey keys[] = {{"hidden_size", key("embedding_length")},
                           {"intermediate_size", key("feed_forward_length")},
                           {"num_hidden_layers", key("block_count")},
                           {"num_attention_heads", key("attention.head_count")},
                           {"num_key_value_heads", key("attention.head_count_kv")},
                           {"head_dim", key("attention.key_length")},
                           {"vocab_size", key("vocab_size")},
                           {"max_position_embeddings", key("context_length")},
                           {"rms_norm_eps", key("attention.layer_norm_rms_epsilon")},
                           {"rope_theta", key("rope.freq_base")},
                           {"rope_scaling", key("rope.scaling.type")},
                           {"rope_scaling", key("rope.scaling.factor")},
                           {"rope_scaling", key("rope.scale_linear")},
                           {"sliding_window", key("attention.sliding_window")},
                           {"tie_word_embeddings", std::string(kHeadName)},
                           {"hidden_act", "general.architecture"},
                           {"attention_bias", "general.architecture"},
                           {"mlp_bias", "general.architecture"},
                           {"model_type", "general.architecture"}};
  auto lineOf = [&](const std::string &key) -> std::optional<uint32_t> {
    return metadata.peek(key) ? std::optional<uint32_t>(0) : std::nullopt;
  };
  traceFields(config, metadata.path(), keys, lineOf, "not in the file: as its tensors have it");
}

ModelConfig ConfigReader::read() {
  config.architecture = architecture.className;
  readDimensions();
  readHeads();
  readEps();
  readRope(metadata, architecture, ropeTensors, config);
  readWindow();
  readVocabulary();
  readBiases();
  config.fusedTensors = architecture.ofTransformers().fusedTensors;
  checkUnreadKeys(metadata, architecture.name, config.notes);
  traceOrigins();
  return std::move(config);
}

ModelConfig readConfig(Metadata &metadata, const WeightIndex &tensors, const RopeTensors &ropeTensors) {
  return ConfigReader(metadata, tensors, ropeTensors).read();
}

} // namespace quipu::frontend::gguf
