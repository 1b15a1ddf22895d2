//===- Config.cpp - Reads Hugging Face config.json ---------------------------------------===//

#include "frontends/hf/Config.h"

#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "frontends/hf/Architectures.h"
#include "frontends/hf/KnownFields.h"
#include "frontends/hf/Notes.h"
#include "frontends/hf/Rope.h"
#include "frontends/hf/Windows.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

/// Bytes. A config has a few kilobytes; a larger file is something else.
static constexpr uint64_t kMaxConfigBytes = 16u << 20;

static json parseObject(std::string_view text, const std::string &path) {
  json object = parseJson(text, path);
  if (!object.is_object())
    fail(path, ": holds ", shown(object), " but must hold a JSON object; this is not a config");
  return object;
}

static const Architecture &readArchitecture(Fields &fields) {
  const std::vector<Architecture> &table = architectures();
  std::string supported = describeArchitectures();
  auto byType = table.end();
  if (std::optional<std::string> type = fields.optionalString("model_type")) {
    byType = std::ranges::find(table, std::string_view(*type), &Architecture::modelType);
    if (byType == table.end())
      fields.fail("model_type", *type, supported);
  }
  const json *names = fields.find("architectures");
  if (!names) {
    if (byType == table.end())
      fields.failMissing("model_type", supported);
    return *byType;
  }
  if (!names->is_array() || names->size() != 1 || !names->front().is_string())
    fields.fail("architectures", *names, concat("must be a list of one name; ", supported));
  std::string_view name = names->front().get_ref<const std::string &>();
  auto byName = std::ranges::find(table, name, &Architecture::name);
  if (byName == table.end())
    fields.fail("architectures", *names, supported);
  if (byType != table.end() && byType != byName)
    fields.fail("architectures", *names,
                concat("\"model_type\" is \"", byType->modelType, "\"; they contradict each other, correct one"));
  return *byName;
}

static void readHeads(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  config.numHeads = fields.positive("num_attention_heads", kMaxHeads);
  if (auto heads = fields.optionalPositive("num_key_value_heads", kMaxHeads)) {
    config.numKvHeads = *heads;
  } else if (architecture.kvHeads && !fields.object().contains("num_key_value_heads")) {
    config.numKvHeads = architecture.kvHeads;
    note(config, "num_key_value_heads", concat("default of ", architecture.modelType, ": ", architecture.kvHeads));
  } else {
    config.numKvHeads = config.numHeads;
    note(config, "num_key_value_heads", "= num_attention_heads");
  }
  if (config.numHeads % config.numKvHeads != 0)
    fail(fields.place("num_attention_heads"), " is ", config.numHeads, " but must be a multiple of the ",
         config.numKvHeads, " of \"num_key_value_heads\"; correct one of them");

  if (auto dim = fields.optionalPositive("head_dim", kMaxHeadDim)) {
    config.headDim = *dim;
  } else if (architecture.headDim) {
    config.headDim = architecture.headDim;
    note(config, "head_dim", concat("default of ", architecture.modelType, ": ", architecture.headDim));
  } else {
    if (config.hiddenSize % config.numHeads != 0)
      fail(fields.place("hidden_size"), " is ", config.hiddenSize, " but must be a multiple of the ", config.numHeads,
           " of \"num_attention_heads\" where there is no \"head_dim\"; correct one of them, or add \"head_dim\"");
    config.headDim = config.hiddenSize / config.numHeads;
    note(config, "head_dim", "= hidden_size / num_attention_heads");
  }
  if (config.headDim % 2 != 0)
    fail(fields.place("head_dim"), " is ", config.headDim,
         " but must be even, because rotary embedding turns pairs of elements; correct it");
  if (config.headDim > kMaxHeadDim || uint64_t(config.headDim) * config.numHeads > kMaxHidden)
    fail(fields.place("head_dim"), " is ", config.headDim, " but times the ", config.numHeads,
         " of \"num_attention_heads\" it must be at most ", kMaxHidden, "; correct one of them");
}

static void readActivation(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  std::optional<std::string> activation = fields.optionalString("hidden_act");
  if (!activation) {
    config.activation = architecture.activation;
    note(config, "hidden_act", concat("default ", name(config.activation)));
    return;
  }
  if (architecture.geluIsByTanh && *activation == "gelu") {
    config.activation = Activation::geluTanh;
    note(config, "hidden_act", concat("\"gelu\" of a ", architecture.modelType, " model is GELU by tanh"));
    return;
  }
  // transformers has several names for each.
  static constexpr std::pair<std::string_view, Activation> kNames[] = {{"silu", Activation::silu},
                                                                       {"swish", Activation::silu},
                                                                       {"gelu_pytorch_tanh", Activation::geluTanh},
                                                                       {"gelu_new", Activation::geluTanh},
                                                                       {"gelu_fast", Activation::geluTanh},
                                                                       {"relu", Activation::relu}};
  const auto *known = std::ranges::find(kNames, *activation, [](const auto &entry) { return entry.first; });
  if (known == std::end(kNames))
    fields.fail(
        "hidden_act", *activation,
        concat(*activation == "gelu" ? "GELU by the error function is not supported; " : "",
               "only the activations silu (swish), gelu_pytorch_tanh (gelu_new, gelu_fast) and relu are supported; "
               "use a model with one of them"));
  config.activation = known->second;
}

static void readEps(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  std::optional<double> eps = fields.optionalNumber("rms_norm_eps");
  if (!eps) {
    config.rmsNormEps = architecture.rmsNormEps;
    note(config, "rms_norm_eps", concat("default of ", architecture.modelType, ": ", config.rmsNormEps));
    return;
  }
  if (!(*eps > 0.0 && *eps <= 1.0))
    fields.fail("rms_norm_eps", *fields.find("rms_norm_eps"), "must be above 0 and at most 1; correct it");
  config.rmsNormEps = *eps;
}

static void readBiases(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  bool queryKeyValue = architecture.biasesQueryKeyValue;
  config.attentionBias = fields.boolean("attention_bias", queryKeyValue);
  config.attentionOutputBias = config.attentionBias && architecture.readsAttentionBias;
  config.mlpBias = fields.boolean("mlp_bias", false);
  auto refuse = [&](std::string_view field, bool found, std::string_view has) {
    fields.fail(
        field, found,
        concat("a ", architecture.modelType, " model has ", has, "; if it has others, its model_type is \"llama\""));
  };
  if (config.attentionBias != queryKeyValue && !architecture.readsAttentionBias)
    refuse("attention_bias", config.attentionBias, queryKeyValue ? "biases of queries, keys and values" : "no biases");
  if (config.mlpBias && !architecture.readsMlpBias)
    refuse("mlp_bias", true, queryKeyValue ? "biases of queries, keys and values alone" : "no biases there");
}

std::string_view torchName(DType type) {
  switch (type) {
  case DType::f32:
    return "float32";
  case DType::f16:
    return "float16";
  case DType::bf16:
    return "bfloat16";
  }
  return "";
}

/// torch's names, with the module or without, and its older ones.
static std::optional<DType> parseDType(std::string_view text) {
  if (text.starts_with("torch."))
    text.remove_prefix(6);
  if (text == "float")
    return DType::f32;
  if (text == "half")
    return DType::f16;
  for (DType type : {DType::f32, DType::f16, DType::bf16})
    if (text == torchName(type))
      return type;
  return std::nullopt;
}

static void readDType(Fields &fields, ModelConfig &config) {
  std::optional<std::string> newName = fields.optionalString("dtype");
  std::optional<std::string> oldName = fields.optionalString("torch_dtype");
  if (newName && oldName && parseDType(*newName) != parseDType(*oldName))
    warn(config, "torch_dtype", concat("ignored: \"dtype\" is ", shownText(*newName)));
  if (!newName && !oldName) {
    note(config, "torch_dtype", "missing: the weights' own type, or float32 without weights");
    return;
  }
  const std::string &text = newName ? *newName : *oldName;
  if (text == "auto")
    return;
  config.declaredDtype = parseDType(text);
  if (!config.declaredDtype)
    fields.fail(newName ? "dtype" : "torch_dtype", text, "only float32, float16 and bfloat16 are supported");
}

/// The id or list of ids in `field`, each once. Ids outside of the vocabulary can never occur. Files on Hugging Face
/// have -1 for "none", and ids of other tokenizers. Such ids are dropped with a warning.
static std::vector<int32_t> readTokenIds(Fields &fields, std::string_view field, ModelConfig &config) {
  std::vector<int32_t> ids;
  const json *found = fields.find(field);
  if (!found)
    return ids;
  std::set<int32_t> seen;
  std::string outside;
  size_t outsideCount = 0;
  auto add = [&](const json &value) {
    if (!value.is_number_integer())
      fields.fail(field, *found, "must be a token id or a list of token ids; correct it");
    bool inVocab = value.is_number_unsigned() && value.get<uint64_t>() < config.vocabSize;
    if (!inVocab) {
      if (!outsideCount++)
        outside = shown(value);
      return;
    }
    auto id = int32_t(value.get<uint64_t>());
    if (seen.insert(id).second)
      ids.push_back(id);
  };
  if (found->is_array())
    std::ranges::for_each(*found, add);
  else
    add(*found);
  if (outsideCount == 1)
    warn(config, field, concat(outside, " is not in the vocabulary of ", config.vocabSize, " and is ignored"));
  else if (outsideCount > 1)
    warn(config, field,
         concat(outside, " and ", outsideCount - 1, " more are not in the vocabulary of ", config.vocabSize,
                " and are ignored"));
  return ids;
}

static std::string fileName(const std::string &path) { return fs::path(path).filename().string(); }

/// The ids that end a text. If the field is missing, it is transformers' default. Null and an empty list mean: no id.
static void readEndIds(Fields &fields, const Architecture &architecture, ModelConfig &config) {
  const json &object = fields.object();
  auto field = object.find("eos_token_id");
  if (field != object.end()) {
    config.eosTokenIds = readTokenIds(fields, "eos_token_id", config);
    config.endsNowhere = field->is_null() || (field->is_array() && field->empty());
    config.eosOrigins.assign(config.eosTokenIds.size(), concat(fileName(fields.path()), ": eos_token_id"));
  } else if (architecture.endId && *architecture.endId < config.vocabSize) {
    config.eosTokenIds = {int32_t(*architecture.endId)};
    config.eosOrigins = {concat("transformers' default, as ", fileName(fields.path()), " has no eos_token_id")};
  }
}

static std::string modelName(const std::string &path) {
  fs::path file = fs::path(path).lexically_normal();
  if (file.filename() != "config.json")
    return file.stem().string();
  std::error_code error;
  fs::path absolute = fs::absolute(file, error);
  return (error ? file : absolute.lexically_normal()).parent_path().filename().string();
}

/// "rope_scaling" and "rope_parameters" are the older and the newer form.
static void traceOrigins(std::string_view text, const std::string &path, ModelConfig &config) {
  std::vector<FieldKey> keys;
  for (std::string_view name :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "vocab_size", "max_position_embeddings", "rms_norm_eps", "hidden_act", "rope_theta", "rope_scaling",
        "attention_bias", "mlp_bias", "tie_word_embeddings", "sliding_window", "layer_types", "model_type"})
    keys.push_back({name, std::string(name)});
  for (const char *key : {"rope_parameters.rope_theta", "rope_scaling.rope_theta", "rope_parameters"})
    keys.push_back({"rope_theta", key});
  keys.push_back({"rope_scaling", "rope_parameters"});
  keys.push_back({"model_type", "architectures"});
  std::map<std::string, uint32_t> lines = linesOfKeys(text);
  auto lineOf = [&](const std::string &key) -> std::optional<uint32_t> {
    auto found = lines.find(key);
    return found == lines.end() ? std::nullopt : std::optional(found->second);
  };
  traceFields(config, path, keys, lineOf, "not in the file");
}

ModelConfig parseConfig(std::string_view text, const std::string &path) {
  json object = parseObject(text, path);
  Fields fields(object, path);
  ModelConfig config;
  config.name = modelName(path);

  // Check these first. Otherwise a quantised model or one of another family would be refused because of some detail.
  const Architecture &architecture = readArchitecture(fields);
  config.architecture = architecture.name;

  config.hiddenSize = fields.positive("hidden_size", kMaxHidden);
  config.intermediateSize = fields.positive("intermediate_size", kMaxIntermediate);
  config.numLayers = fields.positive("num_hidden_layers", kMaxLayers);
  config.vocabSize = fields.positive("vocab_size", kMaxVocab);
  if (auto positions = fields.optionalPositive("max_position_embeddings", kMaxPositions)) {
    config.maxPositionEmbeddings = *positions;
  } else {
    config.maxPositionEmbeddings = architecture.maxPositions;
    note(config, "max_position_embeddings",
         concat("default of ", architecture.modelType, ": ", architecture.maxPositions));
  }
  readHeads(fields, architecture, config);
  readActivation(fields, architecture, config);
  readEps(fields, architecture, config);
  readRope(fields, architecture.originalPositions, config);
  readWindows(fields, architecture, config);
  readBiases(fields, architecture, config);
  config.fusedTensors = architecture.fusedTensors;
  config.normPlus = architecture.normPlus;
  if (architecture.scalesEmbedding)
    config.embeddingScale = std::sqrt(double(config.hiddenSize));
  config.tieWordEmbeddings = fields.boolean("tie_word_embeddings", architecture.tiesHead);
  if (!fields.find("tie_word_embeddings"))
    note(config, "tie_word_embeddings", concat("default ", architecture.tiesHead ? "true" : "false"));
  readDType(fields, config);
  config.bosTokenIds = readTokenIds(fields, "bos_token_id", config);
  readEndIds(fields, architecture, config);
  // Sliced projections compute the same sums in another order. transformers 5 does not read the field.
  if (auto slices = fields.optionalPositive("pretraining_tp", kMaxHeads); slices && *slices != 1)
    warn(config, "pretraining_tp", concat("is ", *slices, ": how training split its matrices; the model is the same"));
  if (fields.find("auto_map"))
    warn(config, "auto_map", "code that comes with the model is never run; the built-in architecture is used");
  checkUnreadFields(fields, architecture, config.notes);
  traceOrigins(text, path, config);
  return config;
}

/// Fields of generation_config.json that are defaults of a program's options, and fields that change which tokens come
/// out. Other fields are bookkeeping.
static constexpr std::string_view kSamplingFields[] = {"do_sample", "max_length",         "max_new_tokens", "min_p",
                                                       "num_beams", "repetition_penalty", "temperature",    "top_k",
                                                       "top_p",     "typical_p"};
static constexpr std::string_view kConstraintFields[] = {
    "bad_words_ids",        "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
    "no_repeat_ngram_size", "sequence_bias",         "stop_strings",        "suppress_tokens"};

/// Says which defaults of generation the file has, as the command line has its own.
static void noteGeneration(Fields &fields, ModelConfig &config) {
  std::string defaults;
  for (std::string_view field : kSamplingFields)
    if (const json *value = fields.find(field))
      defaults += concat(defaults.empty() ? "" : ", ", field, " ", shown(*value));
  if (!defaults.empty())
    note(config, fileName(fields.path()),
         concat("its defaults are not used, options of the command say it: ", defaults));
  for (std::string_view field : kConstraintFields)
    if (const json *value = fields.find(field); value && !value->empty() && *value != json(0))
      warn(config, concat(fileName(fields.path()), ": ", field),
           concat("is ", shown(*value), "; it is not applied, so other tokens may come than with transformers"));
}

void mergeGenerationConfig(ModelConfig &config, std::string_view text, const std::string &path) {
  json object = parseObject(text, path);
  Fields fields(object, path);
  noteGeneration(fields, config);
  if (std::vector<int32_t> ids = readTokenIds(fields, "bos_token_id", config); config.bosTokenIds.empty())
    config.bosTokenIds = std::move(ids);
  std::vector<int32_t> ids = readTokenIds(fields, "eos_token_id", config);
  if (ids.empty())
    return;
  config.endsNowhere = false;
  config.eosTokenIds = std::move(ids);
  config.eosOrigins.assign(config.eosTokenIds.size(), concat(fileName(path), ": eos_token_id"));
}

ModelConfig readConfig(const std::string &path) {
  ModelConfig config = parseConfig(readTextFile(path, "config", kMaxConfigBytes), path);
  fs::path beside = fs::path(path).parent_path() / "generation_config.json";
  std::error_code error;
  if (fs::exists(beside, error) && fs::path(path).filename() == "config.json")
    mergeGenerationConfig(config, readTextFile(beside.string(), "generation config", kMaxConfigBytes), beside.string());
  return config;
}

} // namespace quipu::frontend::hf
