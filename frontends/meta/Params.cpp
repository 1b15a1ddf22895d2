//===- Params.cpp - Reads params.json ----------------------------------------------------===//
//
// Source: llama/model.py and models/llama3/model.py of Meta, transformer.py of mistral-inference.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/meta/Params.h"

#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cmath>
#include <iterator>

using nlohmann::json;

namespace quipu::frontend::meta {

/// The length of the context for which scaled rotary frequencies were pretrained (Llama 3).
static constexpr uint32_t kScaledFrom = 8192;
static constexpr double kMaxTheta = 1e15;
static constexpr double kMaxFactor = 1e6;
static constexpr uint32_t kMaxMultipleOf = 1u << 20;

namespace {
/// A field whose presence means something that is not supported.
struct MeaningField {
  std::string_view name;
  std::string_view meaning;
};
} // namespace

static constexpr MeaningField kMeaning[] = {
    {"attention_chunk_size", "chunked attention"},
    {"ffn_exp", "another width of the feed-forward network"},
    {"llama_4_scaling", "a temperature of attention by position"},
    {"lora", "adapters (LoRA)"},
    {"lora_args", "adapters (LoRA)"},
    {"moe", "a mixture of experts"},
    {"moe_args", "a mixture of experts"},
    {"mup_cfg", "scales of the activations"},
    {"no_rope_layers", "layers without rotary embedding"},
    {"nope_layer_interval", "layers without rotary embedding"},
    {"qk_norm", "norms of queries and keys"},
    {"quantization", "quantised weights"},
    {"quantization_args", "quantised weights"},
    {"quantization_config", "quantised weights"},
    {"use_biases", "biases"},
    {"use_qk_norm", "norms of queries and keys"},
    {"vision_args", "a model for more than text"},
    {"vision_chunk_size", "a model for more than text"},
    {"vision_encoder", "a model for more than text"},
    {"vision_max_num_chunks", "a model for more than text"},
    {"vision_num_cross_attention_layers", "a model for more than text"},
    {"yarn", "rotary scaling by YaRN"},
};
static_assert(std::ranges::is_sorted(kMeaning, {}, &MeaningField::name));

/// Sizes of the buffers that Meta's own program keeps, and names.
static constexpr std::string_view kHarmless[] = {"causal", "max_batch_size", "model_parallel_size", "model_type"};

/// What the model was trained for where the file has no length, and why.
struct TrainedFor {
  uint32_t positions;
  std::string_view family;
};

static TrainedFor trainedFor(const ModelConfig &config) {
  if (config.rope.scaling == RopeScaling::llama3)
    return {131072, "Llama 3.1 and later (use_scaled_rope)"};
  if (config.architecture == "MistralForCausalLM")
    return {32768, "Mistral (hidden_dim)"};
  if (config.rope.theta == 500000.0)
    return {8192, "Llama 3 (rope_theta 500000)"};
  if (config.rope.theta == 1000000.0)
    return {16384, "Code Llama (rope_theta 1000000)"};
  return {4096, "Llama 2; LLaMA 1 was trained for 2048"};
}

namespace {

class ParamsReader {
public:
  explicit ParamsReader(Fields &fields) : fields(fields) {}

  Params read() {
    config.architecture = "LlamaForCausalLM";
    config.hiddenSize = fields.positive("dim", kMaxHidden);
    config.numLayers = fields.positive("n_layers", kMaxLayers);
    readHeads();
    readFeedForward();
    readVocabulary();
    std::optional<double> eps = fields.optionalNumber("norm_eps");
    config.rmsNormEps = eps.value_or(1e-5);
    if (!eps)
      note("norm_eps", "default of Meta's program: 1e-05");
    if (!(config.rmsNormEps > 0 && config.rmsNormEps <= 1))
      fields.fail("norm_eps", *fields.find("norm_eps"), "must be above 0 and at most 1; correct it");
    config.tieWordEmbeddings = fields.boolean("tied_embeddings", false);
    readRope();
    readPositions();
    checkUnread();
    return std::move(params);
  }

private:
  void note(std::string_view field, std::string text) {
    config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }

  void readHeads() {
    config.numHeads = fields.positive("n_heads", kMaxHeads);
    std::optional<uint32_t> keyValue = fields.optionalPositive("n_kv_heads", kMaxHeads);
    config.numKvHeads = keyValue.value_or(config.numHeads);
    if (!keyValue)
      note("n_kv_heads", "= n_heads");
    if (config.numHeads % config.numKvHeads != 0)
      fail(fields.place("n_heads"), " is ", config.numHeads, " but must be a multiple of the ", config.numKvHeads,
           " of \"n_kv_heads\"; correct one of them");
    if (std::optional<uint32_t> dim = fields.optionalPositive("head_dim", kMaxHeadDim)) {
      config.headDim = *dim;
    } else {
      if (config.hiddenSize % config.numHeads != 0)
        fail(fields.place("dim"), " is ", config.hiddenSize, " but must be a multiple of the ", config.numHeads,
             " of \"n_heads\"; correct one of them");
      config.headDim = config.hiddenSize / config.numHeads;
      note("head_dim", "= dim / n_heads");
    }
    if (config.headDim % 2 != 0)
      fail(fields.place("head_dim"), " is ", config.headDim,
           " but must be even, because rotary embedding turns pairs of elements; correct it");
    if (config.headDim > kMaxHeadDim || uint64_t(config.headDim) * config.numHeads > kMaxHidden)
      fail(fields.place("head_dim"), " is ", config.headDim, " but times the ", config.numHeads,
           " of \"n_heads\" it must be at most ", kMaxHidden, "; correct one of them");
  }

  /// Mistral says the width; Meta says how it follows from the model's.
  void readFeedForward() {
    if (std::optional<uint32_t> width = fields.optionalPositive("hidden_dim", kMaxIntermediate)) {
      config.intermediateSize = *width;
      config.architecture = "MistralForCausalLM";
      params.feedForward = "\"hidden_dim\"";
      fields.find("multiple_of");
      fields.find("ffn_dim_multiplier");
      return;
    }
    std::optional<double> multiplier = fields.optionalNumber("ffn_dim_multiplier");
    if (multiplier && !(*multiplier > 0 && *multiplier <= 64))
      fields.fail("ffn_dim_multiplier", *fields.find("ffn_dim_multiplier"),
                  "must be above 0 and at most 64; correct it");
    std::optional<uint32_t> multiple = fields.optionalPositive("multiple_of", kMaxMultipleOf);
    if (!multiple)
      return;
    // Both roundings toward 0 are those of Meta's program.
    auto width = uint64_t(8.0 * config.hiddenSize / 3.0);
    if (multiplier)
      width = uint64_t(*multiplier * double(width));
    width = (width + *multiple - 1) / *multiple * *multiple;
    params.feedForward =
        concat("multiple_of ", *multiple, multiplier ? concat(", ffn_dim_multiplier ", *multiplier) : "", " and dim ",
               config.hiddenSize);
    if (width == 0 || width > kMaxIntermediate)
      fail(fields.place("multiple_of"), ": the feed-forward network would be ", width, " wide by ", params.feedForward,
           ", but at most ", kMaxIntermediate, " is supported; correct the file");
    config.intermediateSize = uint32_t(width);
  }

  void readVocabulary() {
    const json *size = fields.find("vocab_size");
    // Meta's program puts the tokenizer's size in its place.
    if (size && *size != json(-1))
      config.vocabSize = fields.positive("vocab_size", kMaxVocab);
  }

  double positiveNumber(std::string_view field, double otherwise, double max) {
    double value = fields.optionalNumber(field).value_or(otherwise);
    if (!(value >= 1 && value <= max))
      fields.fail(field, *fields.find(field), concat("must be a number from 1 to ", max, "; correct it"));
    return value;
  }

  void readRope() {
    config.rope.layout = RotaryLayout::interleaved;
    config.rope.theta = positiveNumber("rope_theta", 10000.0, kMaxTheta);
    if (!fields.find("rope_theta"))
      note("rope_theta", "default of Meta's program: 10000");
    bool scaled = fields.boolean("use_scaled_rope", false);
    // Llama 3.2 scales by 32, but its files do not say so: its published configs for transformers do.
    bool isSmall =
        (config.hiddenSize == 2048 && config.numLayers == 16) || (config.hiddenSize == 3072 && config.numLayers == 28);
    double factor = positiveNumber("rope_scaling_factor", isSmall ? 32 : 8, kMaxFactor);
    double high = positiveNumber("rope_high_freq_factor", 4, kMaxFactor);
    if (!scaled)
      return;
    if (high == 1)
      fields.fail("rope_high_freq_factor", high, "must be above the low one, which is 1; correct it");
    if (!fields.find("rope_scaling_factor"))
      note("rope_scaling_factor",
           isSmall ? "32, as in Llama 3.2, whose dim and n_layers the model has" : "8, as in Llama 3.1");
    note("use_scaled_rope",
         concat("frequencies below 1 turn in 8192 positions are divided by ", factor, ", those above ", high, " stay"));
    config.rope.scaling = RopeScaling::llama3;
    config.rope.factor = factor;
    config.rope.lowFreqFactor = 1;
    config.rope.highFreqFactor = high;
    config.rope.originalContext = kScaledFrom;
  }

  void readPositions() {
    for (std::string_view field : {"max_seq_len", "max_position_embeddings"})
      if (std::optional<uint32_t> positions = fields.optionalPositive(field, kMaxPositions))
        config.maxPositionEmbeddings = std::max(config.maxPositionEmbeddings, *positions);
    if (!config.maxPositionEmbeddings) {
      TrainedFor trained = trainedFor(config);
      config.maxPositionEmbeddings = trained.positions;
      note("max_seq_len", concat("not in the file: ", trained.positions, ", as of ", trained.family));
    }
    std::optional<uint32_t> window = fields.optionalPositive("sliding_window", kMaxPositions);
    if (!window)
      return;
    if (*window >= config.maxPositionEmbeddings)
      return note("sliding_window", concat(*window, " covers the whole context: no window"));
    config.slidingWindow = *window;
  }

  void checkUnread() {
    for (const std::string &field : fields.unknown()) {
      const json &value = fields.object().at(field);
      if (value.is_null() || std::ranges::find(kHarmless, std::string_view(field)) != std::end(kHarmless))
        continue;
      auto known = std::ranges::lower_bound(kMeaning, std::string_view(field), {}, &MeaningField::name);
      bool isMeaning = known != std::end(kMeaning) && known->name == field;
      if (isMeaning && value != json(false) && value != json(0))
        fields.fail(field, value,
                    concat("that means ", known->meaning, ", which is not supported; use a model without it"));
      if (!isMeaning)
        config.notes.push_back({Note::Kind::warning, field,
                                concat("unknown field with the value ", shown(value),
                                       "; it is ignored, check that it does not change what the model computes")});
    }
  }

  Fields &fields;
  Params params;
  ModelConfig &config = params.config;
};

} // namespace

static void traceOrigins(std::string_view text, const std::string &path, const std::string &prefix,
                         ModelConfig &config) {
  const FieldKey keys[] = {{"hidden_size", "dim"},
                           {"intermediate_size", "hidden_dim"},
                           {"intermediate_size", "multiple_of"},
                           {"num_hidden_layers", "n_layers"},
                           {"num_attention_heads", "n_heads"},
                           {"num_key_value_heads", "n_kv_heads"},
                           {"head_dim", "head_dim"},
                           {"vocab_size", "vocab_size"},
                           {"max_position_embeddings", "max_seq_len"},
                           {"max_position_embeddings", "max_position_embeddings"},
                           {"rms_norm_eps", "norm_eps"},
                           {"rope_theta", "rope_theta"},
                           {"rope_scaling", "use_scaled_rope"},
                           {"tie_word_embeddings", "tied_embeddings"},
                           {"sliding_window", "sliding_window"},
                           {"hidden_act", "hidden_act"}};
  std::map<std::string, uint32_t> lines = linesOfKeys(text);
  auto lineOf = [&](const std::string &key) -> std::optional<uint32_t> {
    auto found = lines.find(prefix + key);
    return found == lines.end() ? std::nullopt : std::optional(found->second);
  };
  traceFields(config, path, keys, lineOf, "not in the file: as in Meta's program, or as the tensors have it");
}

Params parseParams(std::string_view text, const std::string &path) {
  json object = parseJson(text, path);
  if (!object.is_object())
    fail(path, ": holds ", shown(object), " but must hold a JSON object; this is not the config of a model");
  // Some writers put the fields of the model below those of the tokenizer or the training.
  auto nested = object.find("model");
  bool isNested = nested != object.end() && nested->is_object();
  Fields fields(isNested ? *nested : object, path, isNested ? "model." : "");
  Params params = ParamsReader(fields).read();
  traceOrigins(text, path, isNested ? "model." : "", params.config);
  if (isNested)
    params.config.notes.push_back({Note::Kind::provenance, "model", "the fields in it are read, and none beside it"});
  return params;
}

} // namespace quipu::frontend::meta
