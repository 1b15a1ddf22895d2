//===- Rope.cpp - Rotary embedding in a GGUF file ----------------------------------------===//
//
// Source: llama.cpp, src/llama-model.cpp, src/llama-context.cpp and ggml's rope.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/gguf/Rope.h"

#include "frontends/common/Json.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/common/RopeLimits.h"
#include "frontends/gguf/TensorNames.h"
#include "frontends/hf/LongContext.h"
#include "runtime/support/Error.h"

#include <cmath>

namespace quipu::frontend::gguf {

static std::vector<double> takeRopeTensor(const std::vector<File> &files, WeightIndex &index, std::string_view name) {
  auto found = index.tensors.find(name);
  if (found == index.tensors.end())
    return {};
  const WeightEntry &entry = found->second;
  const File &file = files[entry.file];
  std::string place = concat(file.info.path, ": tensor ", shownText(name));
  if (entry.format != &denseFormat(DType::f32) || entry.shape.size() != 1)
    fail(place, " has the shape ", shapeText(entry.shape), " and the type ", entry.format->name,
         " but must be a list of numbers of f32, one for each pair of a head; convert the model again");
  std::vector<double> numbers;
  for (uint64_t i = 0; i < entry.shape[0]; ++i) {
    float number = numberAt<float>(file.bytes->data() + entry.offset + i * sizeof(float));
    if (!(number > 0) || !std::isfinite(number))
      fail(place, ": number ", i, " is ", number,
           ", but frequencies are divided by it: it must be above 0; the file is damaged, get it again");
    numbers.push_back(number);
  }
  index.files[entry.file].header.push_back({entry.offset, entry.size});
  index.tensors.erase(found);
  return numbers;
}

RopeTensors takeRopeTensors(const std::vector<File> &files, WeightIndex &index) {
  RopeTensors tensors;
  tensors.divisors = takeRopeTensor(files, index, kDivisorsName);
  tensors.shortFactors = takeRopeTensor(files, index, kShortFactorsName);
  tensors.longFactors = takeRopeTensor(files, index, kLongFactorsName);
  return tensors;
}

namespace {

class RopeReader {
public:
  RopeReader(Metadata &metadata, const Architecture &architecture, const RopeTensors &tensors, ModelConfig &config)
      : metadata(metadata), architecture(architecture), tensors(tensors), config(config) {}

  void read();

private:
  std::string key(std::string_view name) const { return concat(architecture.name, ".rope.", name); }
  double bounded(const std::string &key, double otherwise, double min, double max, std::string_view bounds);
  double readFactor();
  void readYarn(double factor);
  void readLongRope();
  uint32_t originalContext();
  /// The key's value times what the scaling gives by itself.
  double attentionFactor() { return bounded(key("scaling.attn_factor"), 1, 1e-3, 1e3, "from 0.001 to 1000"); }
  void checkCount(std::string_view name, const std::vector<double> &numbers) const;
  void note(std::string_view field, std::string text) {
    config.notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }

  Metadata &metadata;
  const Architecture &architecture;
  const RopeTensors &tensors;
  ModelConfig &config;
};

} // namespace

/// A number in the bounds, or what a missing one means.
double RopeReader::bounded(const std::string &key, double otherwise, double min, double max, std::string_view bounds) {
  std::optional<double> number = metadata.number(key);
  if (number && !(*number >= min && *number <= max))
    metadata.fail(key, *metadata.peek(key), concat("must be a number ", bounds, "; convert the model again"));
  return number.value_or(otherwise);
}

void RopeReader::checkCount(std::string_view name, const std::vector<double> &numbers) const {
  if (!numbers.empty() && numbers.size() != config.headDim / 2)
    fail(metadata.path(), ": tensor ", shownText(name), " has ", numbers.size(), " numbers, but heads of ",
         config.headDim, " elements have ", config.headDim / 2, " pairs; convert the model again");
}

/// The factor of the context. Files of before 2024 have another key for it.
double RopeReader::readFactor() {
  std::string newKey = key("scaling.factor"), oldKey = key("scale_linear");
  std::optional<double> factor = metadata.number(newKey), old = metadata.number(oldKey);
  if (factor && old && *factor != *old)
    metadata.fail(newKey, *metadata.peek(newKey),
                  concat("\"", oldKey, "\" is ", *old, "; they mean the same, convert the model again"));
  const std::string &used = factor ? newKey : oldKey;
  // 0 stands for none.
  double value = factor ? *factor : old.value_or(0);
  if (value == 0)
    return 1;
  if (!(value >= 1 && value <= kMaxRopeFactor))
    metadata.fail(used, *metadata.peek(used), "must be a number from 1 to 1e6; convert the model again");
  return value;
}

uint32_t RopeReader::originalContext() {
  return uint32_t(metadata.integer(key("scaling.original_context_length"), 1, kMaxPositions)
                      .value_or(config.maxPositionEmbeddings));
}

void RopeReader::readYarn(double factor) {
  hf::LongContext scaling;
  scaling.kind = hf::LongContext::Kind::yarn;
  scaling.factor = factor;
  scaling.betaFast = bounded(key("scaling.yarn_beta_fast"), 32, 1e-3, 1e6, "from 0.001 to 1e6");
  scaling.betaSlow = bounded(key("scaling.yarn_beta_slow"), 1, 1e-3, scaling.betaFast, "from 0.001 to yarn_beta_fast");
  scaling.attentionFactor = attentionFactor() * (1 + 0.1 * std::log(factor));
  // Of 1 the whole range of the frequencies is mixed.
  (void)bounded(key("scaling.yarn_ext_factor"), 1, 1, 1, "of 1: mixing in part is not supported");
  hf::applyLongContext(scaling, originalContext(), config);
}

void RopeReader::readLongRope() {
  hf::LongContext scaling;
  scaling.kind = hf::LongContext::Kind::longrope;
  scaling.shortFactors = tensors.shortFactors;
  scaling.longFactors = tensors.longFactors;
  scaling.attentionFactor = attentionFactor();
  checkCount(kShortFactorsName, scaling.shortFactors);
  checkCount(kLongFactorsName, scaling.longFactors);
  if (scaling.shortFactors.empty() || scaling.longFactors.empty())
    fail(metadata.path(), ": longrope needs the tensors ", shownText(kShortFactorsName), " and ",
         shownText(kLongFactorsName), ", and one is missing; get the file again");
  hf::applyLongContext(scaling, originalContext(), config);
}

void RopeReader::read() {
  Rope &rope = config.rope;
  rope.layout = architecture.layout;
  rope.theta = bounded(key("freq_base"), 10000, 1, kMaxRopeTheta, "from 1 to 1e15");
  if (!metadata.peek(key("freq_base")))
    note(key("freq_base"), "default 10000");
  bool hasFactors = !tensors.shortFactors.empty() || !tensors.longFactors.empty();
  // A factor without a type is of linear scaling, and tensors of longrope come without a type too.
  std::string typeKey = key("scaling.type");
  std::string_view type = metadata.string(typeKey).value_or(hasFactors ? "longrope" : "linear");
  double factor = readFactor();
  if (hasFactors != (type == "longrope") && (hasFactors || type == "longrope"))
    metadata.fail(typeKey, *metadata.peek(typeKey),
                  concat("the file has ", hasFactors ? "" : "no ",
                         "tensors rope_factors_*, which are of longrope alone; "
                         "convert the model again"));
  if (type == "longrope") {
    readLongRope();
  } else if (type == "yarn") {
    readYarn(factor);
  } else if (type == "linear") {
    rope.scaling = factor == 1 ? RopeScaling::none : RopeScaling::linear;
    rope.factor = factor;
  } else if (type != "none") {
    metadata.fail(
        typeKey, *metadata.peek(typeKey),
        "only none, linear, yarn and longrope are supported, and llama3 by the tensor rope_freqs.weight; use a "
        "model with one of these");
  } else if (factor != 1) {
    config.notes.push_back({Note::Kind::warning, key("scaling.factor"),
                            concat("is ", factor, " and is ignored: the scaling type is none")});
  }
  if (tensors.divisors.empty())
    return;
  checkCount(kDivisorsName, tensors.divisors);
  if (!rope.divisors.empty())
    fail(metadata.path(), ": tensor ", shownText(kDivisorsName), " stands beside the scaling type \"", type,
         "\"; only one of them is supported, convert the model again");
  rope.divisors = tensors.divisors;
  note(kDivisorsName, "divides the rotary frequencies");
}

void readRope(Metadata &metadata, const Architecture &architecture, const RopeTensors &tensors, ModelConfig &config) {
  RopeReader(metadata, architecture, tensors, config).read();
}

} // namespace quipu::frontend::gguf
