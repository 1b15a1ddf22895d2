//===- HfModel.cpp - A model as a Hugging Face folder -------------------------------------===//

#include "frontends/common/Json.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/convert/Conversion.h"
#include "frontends/convert/HfTokenizer.h"
#include "frontends/convert/OutputFolder.h"
#include "frontends/convert/Safetensors.h"
#include "frontends/hf/Architectures.h"
#include "frontends/hf/ChatTemplates.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/TensorNames.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace quipu::convert {

using frontend::Activation;
using frontend::ModelConfig;
using frontend::RopeScaling;
using frontend::RotaryLayout;

/// Files beside config and weights that are copied from one folder to another.
static constexpr const char *kCopied[] = {
    "generation_config.json",  "tokenizer.json",    "tokenizer.model", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json",      "merges.txt",
    "chat_template.jinja",     "LICENSE",           "README.md"};

namespace {

/// A config.json of a model from a file of another format.
class ConfigWriter {
public:
  ConfigWriter(const ModelConfig &config, std::string_view dtype) : config(config), dtype(dtype) {}

  json write() const;

private:
  const frontend::hf::Architecture &architecture() const;
  json rope() const;
  void addBiases(json &to, const frontend::hf::Architecture &of) const;
  template <typename... Args> [[noreturn]] void refuse(const Args &...args) const {
    fail(config.name, ": ", args..., ", which the config.json of no supported class can say");
  }

  const ModelConfig &config;
  std::string_view dtype;
};

} // namespace

/// Models of LLaMA's class have no windows.
const frontend::hf::Architecture &ConfigWriter::architecture() const {
  std::string_view name = config.architecture;
  if (name == "LlamaForCausalLM" && config.slidingWindow)
    name = "MistralForCausalLM";
  return *std::ranges::find(frontend::hf::architectures(), name, &frontend::hf::Architecture::name);
}

json ConfigWriter::rope() const {
  const frontend::Rope &rope = config.rope;
  if (rope.scaling == RopeScaling::linear && rope.divisors.empty())
    return {{"rope_type", "linear"}, {"factor", rope.factor}};
  if (rope.scaling == RopeScaling::llama3 && rope.divisors.empty())
    return {{"rope_type", "llama3"},
            {"factor", rope.factor},
            {"low_freq_factor", rope.lowFreqFactor},
            {"high_freq_factor", rope.highFreqFactor},
            {"original_max_position_embeddings", rope.originalContext}};
  if (rope.scaling != RopeScaling::none)
    refuse("its rotary embedding has a scaling of one number, and divisors of frequencies");
  if (rope.divisors.empty() && rope.amplitude == 1)
    return nullptr;
  // Divisors of any kind are said by the type that has a list of them.
  return {{"rope_type", "longrope"},
          {"attention_factor", rope.amplitude},
          {"short_factor", rope.divisors},
          {"long_factor", rope.shortContext ? rope.longDivisors : rope.divisors},
          {"original_max_position_embeddings", rope.shortContext ? rope.shortContext : config.maxPositionEmbeddings}};
}

void ConfigWriter::addBiases(json &to, const frontend::hf::Architecture &of) const {
  if (of.readsAttentionBias && config.attentionBias == config.attentionOutputBias)
    to["attention_bias"] = config.attentionBias;
  else if (config.attentionBias != of.biasesQueryKeyValue || config.attentionOutputBias)
    refuse("it has biases of queries, keys, values or of attention's output that others of the class ", of.name,
           " do not have");
  if (of.readsMlpBias)
    to["mlp_bias"] = config.mlpBias;
  else if (config.mlpBias)
    refuse("its feed-forward networks have biases, unlike those of the class ", of.name);
}

static json idsOf(const std::vector<int32_t> &ids) {
  if (ids.empty())
    return nullptr;
  return ids.size() == 1 ? json(ids.front()) : json(ids);
}

json ConfigWriter::write() const {
  static constexpr const char *kActivations[] = {"silu", "gelu_pytorch_tanh", "relu"};
  static_assert(std::size(kActivations) == size_t(Activation::relu) + 1);
  const frontend::hf::Architecture &of = architecture();
  json to = {{"architectures", {of.name}},
             {"model_type", of.modelType},
             {"hidden_act", kActivations[size_t(config.activation)]},
             {"hidden_size", config.hiddenSize},
             {"intermediate_size", config.intermediateSize},
             {"num_hidden_layers", config.numLayers},
             {"num_attention_heads", config.numHeads},
             {"num_key_value_heads", config.numKvHeads},
             {"vocab_size", config.vocabSize},
             {"max_position_embeddings", config.maxPositionEmbeddings},
             {"rms_norm_eps", config.rmsNormEps},
             {"rope_theta", config.rope.theta},
             {"tie_word_embeddings", config.tieWordEmbeddings},
             {"bos_token_id", idsOf(config.bosTokenIds)},
             {"eos_token_id", idsOf(config.eosTokenIds)},
             // Without it transformers takes the class's own default, which may be an id that the model does not have.
             {"pad_token_id", nullptr},
             {"torch_dtype", dtype}};
  if (uint64_t(config.headDim) * config.numHeads != config.hiddenSize)
    to["head_dim"] = config.headDim;
  if (json scaling = rope(); !scaling.is_null()) {
    if (of.originalPositions)
      to["original_max_position_embeddings"] = scaling["original_max_position_embeddings"];
    to["rope_scaling"] = std::move(scaling);
  }
  addBiases(to, of);
  // A missing window is the class's default.
  if (of.windows == frontend::hf::Windows::allLayers)
    to["sliding_window"] = config.slidingWindow ? json(config.slidingWindow) : json();
  else if (config.slidingWindow)
    refuse("it has a sliding window");
  return to;
}

/// The type of the matrices. If there are several, it is f32, in which all of them can be read.
static frontend::DType commonType(const std::vector<OutputTensor> &tensors) {
  const WeightFormat *common = nullptr;
  for (const OutputTensor &tensor : tensors)
    if (tensor.weight.role == frontend::WeightRole::matrix) {
      if (common && common != tensor.change.format)
        return frontend::DType::f32;
      common = tensor.change.format;
    }
  return *frontend::dtypeOf(*common);
}

/// The config.json of the folder that the model lies in. Only what became of the weights changes: their type and their
/// rotary layout, which is half there.
static std::string changedConfig(const fs::path &file, const ConvertOptions &options) {
  std::string text = frontend::readTextFile(file.string(), "config", 16u << 20);
  json config = json::parse(text);
  bool hadLayout = config.erase("rope_interleaved") + config.erase("rope_interleave") > 0;
  if (options.dtype)
    config[config.contains("dtype") ? "dtype" : "torch_dtype"] = frontend::hf::torchName(*options.dtype);
  return options.dtype || hadLayout ? config.dump(2) + "\n" : text;
}

static void addOtherFiles(const frontend::Model &model, const ConvertOptions &options, OutputFolder &folder,
                          std::vector<std::string> &notes) {
  json generation = {{"bos_token_id", idsOf(model.config.bosTokenIds)},
                     {"eos_token_id", idsOf(model.config.eosTokenIds)}};
  folder.addText("generation_config.json", generation.dump(2) + "\n");
  if (!options.withoutTokenizer)
    for (const auto &[name, text] : tokenizerFiles(model, notes))
      folder.addText(name, text);
}

static void copyFile(const fs::path &source, const fs::path &name, OutputFolder &folder) {
  std::error_code error;
  if (fs::is_regular_file(source / name, error))
    folder.addCopy(name.string(), (source / name).string());
}

static void copyOtherFiles(const fs::path &source, const ConvertOptions &options, OutputFolder &folder) {
  for (std::string_view name : kCopied) {
    bool isTokenizer = name != "generation_config.json" && name != "LICENSE" && name != "README.md";
    if (!(isTokenizer && options.withoutTokenizer))
      copyFile(source, name, folder);
  }
  if (!options.withoutTokenizer)
    for (const fs::path &path : frontend::hf::additionalTemplates(source))
      copyFile(source, path.lexically_relative(source), folder);
}

ConvertReport writeHuggingFace(const frontend::Model &model, const std::string &source, const ConvertOptions &options,
                               const std::string &path) {
  std::error_code error;
  bool isFolder = fs::is_regular_file(fs::path(source) / "config.json", error) && !model.config.architecture.empty() &&
                  !fs::exists(fs::path(source) / "params.json", error);
  // transformers knows no other layout: it would not see a field for it.
  std::vector<OutputTensor> tensors = outputTensors(model, RotaryLayout::half);
  const WeightFormat &f32 = denseFormat(frontend::DType::f32);
  for (OutputTensor &tensor : tensors) {
    tensor.name = frontend::hf::nameInFiles(tensor.weight);
    tensor.change.format = options.dtype                  ? &denseFormat(*options.dtype)
                           : tensor.source->format->dense ? tensor.source->format
                                                          : &f32;
  }
  std::ranges::sort(tensors, {}, &OutputTensor::name);
  OutputFolder folder(path);
  if (isFolder)
    folder.addText("config.json", changedConfig(fs::path(source) / "config.json", options));
  else
    folder.addText("config.json",
                   ConfigWriter(model.config, frontend::hf::torchName(commonType(tensors))).write().dump(2) + "\n");
  ConvertReport report;
  if (isFolder)
    copyOtherFiles(source, options, folder);
  else
    addOtherFiles(model, options, folder, report.notes);
  writeSafetensors(*model.weights, tensors, options.shardBytes, folder, report);
  folder.commit();
  return report;
}

} // namespace quipu::convert
