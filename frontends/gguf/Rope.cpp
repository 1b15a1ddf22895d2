//===- Rope.cpp - Rotary embedding in a GGUF file ----------------------------------------===//

#include "frontends/gguf/Rope.h"

#include "frontends/common/Json.h"
#include "frontends/common/PlanTypes.h"
#include "frontends/gguf/TensorNames.h"
#include "runtime/support/Error.h"

#include <cmath>

namespace quipu::frontend::gguf {

static constexpr double kMaxTheta = 1e15;
static constexpr double kMaxFactor = 1e6;

static double readTheta(Metadata &metadata, const std::string &key, std::vector<Note> &notes) {
  std::optional<double> theta = metadata.number(key);
  if (!theta) {
    notes.push_back({Note::Kind::provenance, key, "default 10000"});
    return 10000;
  }
  if (!(*theta >= 1 && *theta <= kMaxTheta))
    metadata.fail(key, *metadata.peek(key), "must be a number from 1 to 1e15; convert the model again");
  return *theta;
}

/// The factor of linear scaling. Files of before 2024 have another key for it.
static double readFactor(Metadata &metadata, std::string_view architecture) {
  std::string key = concat(architecture, ".rope.scaling.factor"), oldKey = concat(architecture, ".rope.scale_linear");
  std::optional<double> factor = metadata.number(key), old = metadata.number(oldKey);
  if (factor && old && *factor != *old)
    metadata.fail(key, *metadata.peek(key),
                  concat("\"", oldKey, "\" is ", *old,
                         "; they mean the same, convert the "
                         "model again"));
  const std::string &used = factor ? key : oldKey;
  // 0 stands for none.
  double value = factor ? *factor : old.value_or(0);
  if (value == 0)
    return 1;
  if (!(value >= 1 && value <= kMaxFactor))
    metadata.fail(used, *metadata.peek(used), "must be a number from 1 to 1e6; convert the model again");
  return value;
}

Rope readRope(Metadata &metadata, const Architecture &architecture, std::vector<Note> &notes) {
  std::string_view name = architecture.name;
  std::string typeKey = concat(name, ".rope.scaling.type");
  Rope rope;
  rope.layout = architecture.layout;
  rope.theta = readTheta(metadata, concat(name, ".rope.freq_base"), notes);
  // A factor without a type is of linear scaling.
  std::string_view type = metadata.string(typeKey).value_or("linear");
  double factor = readFactor(metadata, name);
  if (type == "linear") {
    rope.scaling = factor == 1 ? RopeScaling::none : RopeScaling::linear;
    rope.factor = factor;
  } else if (type != "none") {
    metadata.fail(
        typeKey, *metadata.peek(typeKey),
        "only none and linear are supported, and llama3 by the tensor rope_freqs.weight; use a model with one "
        "of these");
  }
  if (rope.scaling == RopeScaling::none && factor != 1)
    notes.push_back({Note::Kind::warning, concat(name, ".rope.scaling.factor"),
                     concat("is ", factor, " and is ignored: the scaling type is none")});
  return rope;
}

std::vector<double> readRopeDivisors(const WeightEntry &entry, std::span<const uint8_t> data, uint32_t headDim,
                                     const std::string &path) {
  std::string place = concat(path, ": tensor ", shownText(entry.nameInFile));
  if (entry.format != &denseFormat(DType::f32) || entry.shape != std::vector<uint64_t>{headDim / 2})
    fail(place, " has the shape ", shapeText(entry.shape), " and the type ", entry.format->name, " but must be ",
         headDim / 2, " numbers of f32, one for each pair of a head; convert the model again");
  std::vector<double> divisors;
  for (uint64_t i = 0; i < entry.shape[0]; ++i) {
    float divisor = numberAt<float>(data.data() + i * sizeof(float));
    if (!(divisor > 0) || !std::isfinite(divisor))
      fail(place, ": number ", i, " is ", divisor,
           ", but frequencies are divided by it: it must be above 0; the file "
           "is damaged, get it again");
    divisors.push_back(divisor);
  }
  return divisors;
}

} // namespace quipu::frontend::gguf
