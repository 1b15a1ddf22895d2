//===- GgufModel.cpp - A model as a GGUF file ---------------------------------------------===//
//
// Keys and tensors are those that frontends/gguf/ reads.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/common/PlanTypes.h"
#include "frontends/convert/Conversion.h"
#include "frontends/convert/GgufHeader.h"
#include "frontends/convert/GgufTokenizer.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/Rope.h"
#include "frontends/gguf/TensorNames.h"
#include "frontends/gguf/TensorTypes.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace quipu::convert {

using frontend::DType;
using frontend::ModelConfig;
using frontend::RopeScaling;

namespace {

/// Numbers for each pair of a head.
struct RopeTensor {
  std::string_view name;
  std::vector<float> numbers;
};

class GgufModel {
public:
  GgufModel(const frontend::Model &model, const ConvertOptions &options)
      : model(model), config(model.config), options(options), architecture(architectureOf(config)) {}

  ConvertReport write(const std::string &path);

private:
  static const frontend::gguf::Architecture &architectureOf(const ModelConfig &config);
  void checkConfig() const;
  void writeConfig();
  void writeRope();
  void addRopeTensor(std::string_view name, const std::vector<double> &numbers);
  void writeLongRope(const std::vector<double> &shortFactors, const std::vector<double> &longFactors);
  const WeightFormat &formatOf(const OutputTensor &tensor) const;
  std::string key(std::string_view name) const { return concat(architecture.name, ".", name); }
  template <typename... Args> [[noreturn]] void refuse(const Args &...args) const {
    fail(config.name, ": ", args..., ", which a GGUF file of the architecture ", architecture.name,
         " cannot say; convert to a Hugging Face folder (-o DIR)");
  }

  const frontend::Model &model;
  const ModelConfig &config;
  const ConvertOptions &options;
  const frontend::gguf::Architecture &architecture;
  GgufHeader header;
  std::vector<RopeTensor> ropeTensors;
};

} // namespace

const frontend::gguf::Architecture &GgufModel::architectureOf(const ModelConfig &config) {
  // Files of Mistral call themselves llama too.
  std::string_view name = config.architecture;
  if (name == "MistralForCausalLM")
    name = "LlamaForCausalLM";
  for (const char *each : {"llama", "qwen2", "phi3"})
    if (const frontend::gguf::Architecture *found = frontend::gguf::findArchitecture(each); found->className == name)
      return *found;
  fail(config.name, ": is a ", config.architecture, ", but only the architectures ",
       frontend::gguf::architectureNames(), " are supported in GGUF files; convert to a Hugging Face folder (-o DIR)");
}

void GgufModel::checkConfig() const {
  if (config.activation != frontend::Activation::silu)
    refuse("its gates have the activation ", frontend::name(config.activation));
  if (config.normPlus != 0 || config.embeddingScale != 1)
    refuse("its norms add a number to their weights, or it scales embeddings");
  if (config.slidingWindow && !architecture.hasWindow)
    refuse("it has a sliding window");
  if (std::ranges::find(config.slidingLayers, false) != config.slidingLayers.end() && config.slidingWindow)
    refuse("some of its layers have a sliding window and others do not");
  bool biases = architecture.ofTransformers().biasesQueryKeyValue;
  if (!architecture.biasesFollowTensors &&
      (config.attentionBias != biases || config.attentionOutputBias || config.mlpBias))
    refuse("it has biases where others of its class have none, or none where they have some");
}

void GgufModel::writeConfig() {
  header.text("general.architecture", architecture.name);
  header.text("general.name", titleOf(model));
  header.integer(key("context_length"), config.maxPositionEmbeddings);
  header.integer(key("embedding_length"), config.hiddenSize);
  header.integer(key("block_count"), config.numLayers);
  header.integer(key("feed_forward_length"), config.intermediateSize);
  header.integer(key("attention.head_count"), config.numHeads);
  header.integer(key("attention.head_count_kv"), config.numKvHeads);
  header.integer(key("attention.key_length"), config.headDim);
  header.integer(key("attention.value_length"), config.headDim);
  header.number(key("attention.layer_norm_rms_epsilon"), float(config.rmsNormEps));
  header.integer(key("vocab_size"), config.vocabSize);
  if (config.slidingWindow)
    header.integer(key("attention.sliding_window"), config.slidingWindow);
}

void GgufModel::addRopeTensor(std::string_view name, const std::vector<double> &numbers) {
  ropeTensors.push_back({name, {numbers.begin(), numbers.end()}});
}

/// Divisors of any kind, with an amplitude.
void GgufModel::writeLongRope(const std::vector<double> &shortFactors, const std::vector<double> &longFactors) {
  const frontend::Rope &rope = config.rope;
  header.text(key("rope.scaling.type"), "longrope");
  header.number(key("rope.scaling.attn_factor"), float(rope.amplitude));
  header.integer(key("rope.scaling.original_context_length"),
                 rope.shortContext ? rope.shortContext : config.maxPositionEmbeddings);
  addRopeTensor(frontend::gguf::kShortFactorsName, shortFactors);
  addRopeTensor(frontend::gguf::kLongFactorsName, longFactors);
}

/// What each frequency is divided by in the scaling llama3.
static std::vector<double> divisorsOfLlama3(const ModelConfig &config) {
  const frontend::Rope &rope = config.rope;
  std::vector<double> divisors;
  for (uint32_t pair = 0; pair < config.headDim / 2; ++pair) {
    double frequency = std::pow(rope.theta, -2.0 * pair / config.headDim);
    double wavelength = 2 * std::numbers::pi / frequency;
    double low = rope.originalContext / rope.lowFreqFactor, high = rope.originalContext / rope.highFreqFactor;
    double smooth =
        (rope.originalContext / wavelength - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
    divisors.push_back(wavelength < high  ? 1
                       : wavelength > low ? rope.factor
                                          : 1 / ((1 - smooth) / rope.factor + smooth));
  }
  return divisors;
}

void GgufModel::writeRope() {
  const frontend::Rope &rope = config.rope;
  header.integer(key("rope.dimension_count"), config.headDim);
  header.number(key("rope.freq_base"), float(rope.theta));
  bool hasDivisors = !rope.divisors.empty() || rope.scaling == RopeScaling::llama3;
  if (rope.scaling == RopeScaling::linear) {
    if (hasDivisors)
      refuse("its rotary embedding has a linear scaling and divisors of frequencies");
    header.text(key("rope.scaling.type"), "linear");
    header.number(key("rope.scaling.factor"), float(rope.factor));
    return;
  }
  if (!hasDivisors && rope.amplitude == 1)
    return;
  if (architecture.name == "qwen2")
    refuse("its rotary frequencies are scaled by other numbers than one for all");
  if (rope.scaling == RopeScaling::llama3 && !rope.divisors.empty())
    refuse("its rotary embedding has the scaling llama3 and divisors of frequencies");
  std::vector<double> divisors = rope.scaling == RopeScaling::llama3 ? divisorsOfLlama3(config) : rope.divisors;
  if (architecture.name == "llama" && rope.amplitude == 1 && rope.shortContext == 0)
    addRopeTensor(frontend::gguf::kDivisorsName, divisors);
  else
    writeLongRope(divisors, rope.shortContext ? rope.longDivisors : divisors);
}

/// Norms and biases are f32, as programs that read GGUF want them: that holds each number of 16 bits.
const WeightFormat &GgufModel::formatOf(const OutputTensor &tensor) const {
  const WeightFormat &f32 = denseFormat(DType::f32);
  if (!frontend::isMatrix(tensor.weight))
    return f32;
  if (options.quantize)
    if (const WeightFormat *format = options.quantize->formatOf(tensor.weight, config))
      return *format;
  if (options.dtype)
    return denseFormat(*options.dtype);
  return frontend::gguf::tensorTypeOf(*tensor.source->format) ? *tensor.source->format : f32;
}

ConvertReport GgufModel::write(const std::string &path) {
  checkConfig();
  writeConfig();
  writeRope();
  ConvertReport report;
  if (config.slidingWindow)
    report.notes.push_back(concat("llama.cpp does not use the sliding window of models of the architecture ",
                                  architecture.name, ": its answers differ behind more than ", config.slidingWindow,
                                  " tokens"));
  writeTokenizer(model, options.withoutTokenizer, header, report.notes);
  std::vector<OutputTensor> tensors = outputTensors(model, architecture.layout);
  uint64_t bytes = 0;
  bool hasBlocks = false;
  for (OutputTensor &tensor : tensors) {
    tensor.name = frontend::gguf::nameInFiles(tensor.weight);
    tensor.change.format = &formatOf(tensor);
    hasBlocks |= tensor.change.format->block.has_value();
    bytes += tensor.bytes();
  }
  if (hasBlocks)
    header.integer("general.quantization_version", 2);
  uint32_t f32 = *frontend::gguf::tensorTypeOf(denseFormat(DType::f32));
  for (const RopeTensor &tensor : ropeTensors)
    header.tensor(tensor.name, {tensor.numbers.size()}, f32, tensor.numbers.size() * sizeof(float));
  for (const OutputTensor &tensor : tensors)
    header.tensor(tensor.name, tensor.shape, *frontend::gguf::tensorTypeOf(*tensor.change.format), tensor.bytes());

  OutputFile file(path);
  std::string head = header.bytes();
  file.write(head.data(), head.size());
  for (const RopeTensor &tensor : ropeTensors) {
    file.write(tensor.numbers.data(), tensor.numbers.size() * sizeof(float));
    file.pad(GgufHeader::kAlignment);
  }
  TensorWriter writer(*model.weights);
  Progress progress("write " + path, bytes);
  for (const OutputTensor &tensor : tensors) {
    RoundingError error = writer.write(
        *tensor.source, tensor.change, [&](std::span<const uint8_t> part) { file.write(part.data(), part.size()); },
        &progress);
    file.pad(GgufHeader::kAlignment);
    report.add(tensor, error);
  }
  file.commit();
  return report;
}

ConvertReport writeGguf(const frontend::Model &model, const ConvertOptions &options, const std::string &path) {
  return GgufModel(model, options).write(path);
}

} // namespace quipu::convert
