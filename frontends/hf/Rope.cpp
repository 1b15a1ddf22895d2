//===- Rope.cpp - Rotary embedding fields of a Hugging Face config -----------------------===//

#include "frontends/hf/Rope.h"

#include "frontends/common/Json.h"
#include "frontends/common/RopeLimits.h"
#include "frontends/hf/LongContext.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

using nlohmann::json;

namespace quipu::frontend::hf {

namespace {

/// The content of `rope_scaling` or `rope_parameters`.
struct Scaling {
  std::optional<double> theta;
  RopeScaling kind = RopeScaling::none;
  double factor = 1.0;
  double lowFreqFactor = 0.0;
  double highFreqFactor = 0.0;
  std::optional<uint32_t> originalContext;
  /// Where it is one of these; then `kind` is none.
  std::optional<LongContext> longContext;

  /// The name of the scaling in config files.
  std::string_view typeName() const {
    if (longContext)
      return name(longContext->kind);
    return kind == RopeScaling::none ? "default" : frontend::name(kind);
  }
};

} // namespace

static constexpr std::string_view kTypes = "default, linear, llama3, yarn, dynamic and longrope";

static std::optional<double> readTheta(Fields &fields) {
  std::optional<double> theta = fields.optionalNumber("rope_theta");
  if (theta && (*theta < 1.0 || *theta > kMaxRopeTheta))
    fields.fail("rope_theta", *fields.find("rope_theta"),
                "must be a number from 1 to 1e15; correct it, or export the model again");
  return theta;
}

static double readFactor(Fields &fields, std::string_view field, double min, std::string_view typeName) {
  std::optional<double> factor = fields.optionalNumber(field);
  if (!factor)
    fields.failMissing(field, concat("rope type \"", typeName, "\" needs it; export the model again"));
  if (!(*factor >= min && *factor > 0.0 && *factor <= kMaxRopeFactor))
    fields.fail(field, *fields.find(field),
                min > 0.0 ? "must be a number from 1 to 1e6; correct it"
                          : "must be above 0 and at most 1e6; correct it");
  return *factor;
}

static std::string readType(Fields &fields) {
  std::optional<std::string> newName = fields.optionalString("rope_type");
  std::optional<std::string> oldName = fields.optionalString("type");
  if (newName && oldName && *newName != *oldName)
    fields.fail("rope_type", *newName,
                concat("\"type\" beside it is ", shownText(*oldName), "; they mean the same, remove the wrong one"));
  if (newName || oldName)
    return newName ? *newName : *oldName;
  // A dictionary that has only the base means: no scaling.
  for (const auto &item : fields.object().items())
    if (item.key() != "rope_theta" && !item.value().is_null())
      fields.failMissing("rope_type", concat("supported: ", kTypes, "; add the one the model was trained with"));
  return "default";
}

/// The kind of that name. The first files of Phi-3 call longrope "su", and some "yarn".
static std::optional<LongContext::Kind> longContextKind(std::string_view type, const json &object) {
  if (type == "dynamic")
    return LongContext::Kind::dynamic;
  if (type == "longrope" || type == "su" || (type == "yarn" && object.contains("short_factor")))
    return LongContext::Kind::longrope;
  if (type == "yarn")
    return LongContext::Kind::yarn;
  return std::nullopt;
}

static Scaling readScaling(const json &object, const std::string &path, std::string_view name, uint32_t headDim,
                           std::vector<Note> &notes) {
  Fields fields(object, path, concat(name, "."));
  Scaling scaling;
  std::string type = readType(fields);
  scaling.theta = readTheta(fields);
  if (std::optional<double> part = fields.optionalNumber("partial_rotary_factor"); part && *part != 1.0)
    fields.fail("partial_rotary_factor", *fields.find("partial_rotary_factor"),
                "rotary embedding of a part of each head is not supported, only 1");

  if (type == "linear") {
    scaling.kind = RopeScaling::linear;
    scaling.factor = readFactor(fields, "factor", 1.0, type);
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::llama3;
    scaling.factor = readFactor(fields, "factor", 1.0, type);
    scaling.lowFreqFactor = readFactor(fields, "low_freq_factor", 0.0, type);
    scaling.highFreqFactor = readFactor(fields, "high_freq_factor", 0.0, type);
    if (scaling.highFreqFactor <= scaling.lowFreqFactor)
      fields.fail("high_freq_factor", *fields.find("high_freq_factor"),
                  concat("must be above \"low_freq_factor\", which is ", shown(*fields.find("low_freq_factor")),
                         "; correct one of them"));
    scaling.originalContext = fields.optionalPositive("original_max_position_embeddings", kMaxPositions);
  } else if (std::optional<LongContext::Kind> kind = longContextKind(type, object)) {
    scaling.longContext = readLongContext(fields, *kind, headDim);
    if (*kind != LongContext::Kind::dynamic)
      scaling.originalContext = fields.optionalPositive("original_max_position_embeddings", kMaxPositions);
  } else if (type != "default") {
    fields.fail(fields.find("rope_type") ? "rope_type" : "type", type,
                concat("only ", kTypes, " are supported; use a model with one of these"));
  }

  for (const std::string &field : fields.unknown()) {
    if (!object.at(field).is_null())
      notes.push_back({Note::Kind::warning, concat(name, ".", field),
                       concat("has no meaning for rope type \"", type, "\" and is ignored, as transformers does")});
  }
  return scaling;
}

/// The layer types that "layer_types" names. Nothing if it names no type.
static std::set<std::string> usedTypes(Fields &config) {
  std::set<std::string> names;
  if (const json *types = config.find("layer_types"); types && types->is_array())
    for (const json &type : *types)
      if (type.is_string())
        names.insert(type.get<std::string>());
  return names;
}

/// The set of rotary parameters. An object may have sets by layer type ({"full_attention": {...}}); otherwise the
/// object itself is the set. All layers must have the same set. Sets of types that no layer has are ignored. `name`
/// gets the path of the set.
static const json &oneSetForAllLayers(Fields &config, std::string &name, const json &object, std::vector<Note> &notes) {
  std::set<std::string> used = usedTypes(config);
  const std::string *someType = nullptr, *first = nullptr, *other = nullptr;
  std::string unused;
  for (auto item = object.begin(); item != object.end(); ++item) {
    if (!item->is_object()) {
      if (!item->is_null())
        other = &item.key();
      continue;
    }
    someType = &item.key();
    if (!used.empty() && !used.contains(item.key())) {
      unused += concat(unused.empty() ? "" : ", ", shownText(item.key()));
      continue;
    }
    if (first && object.at(*first) != *item)
      config.fail(name, object,
                  concat("layers of the types ", shownText(*first), " and ", shownText(item.key()),
                         " have different rotary parameters; only one set for all layers is supported"));
    if (!first)
      first = &item.key();
  }
  if (!someType)
    return object;
  if (other)
    config.fail(name, object,
                concat(shownText(*other), " stands beside the rotary parameters of the layer type ",
                       shownText(*someType), "; only one set for all layers is supported"));
  for (const std::string &type : used)
    if (auto set = object.find(type); set == object.end() || !set->is_object())
      config.fail(name, object,
                  concat("it has no rotary parameters for the layer type ", shownText(type),
                         " of \"layer_types\"; only one set for all layers is supported"));
  if (!unused.empty())
    notes.push_back(
        {Note::Kind::provenance, name, concat("not used, as no layer of \"layer_types\" is of this type: ", unused)});
  name += "." + *first;
  return object.at(*first);
}

static std::optional<Scaling> readOptionalScaling(Fields &config, std::string name, ModelConfig &model) {
  const json *object = config.find(name);
  if (!object)
    return std::nullopt;
  if (!object->is_object())
    config.fail(name, *object, "must be an object or null; correct it");
  if (object->empty())
    return std::nullopt;
  const json &set = oneSetForAllLayers(config, name, *object, model.notes);
  return readScaling(set, config.path(), name, model.headDim, model.notes);
}

static bool readInterleaved(Fields &config) {
  bool first = config.boolean("rope_interleaved", false);
  bool second = config.boolean("rope_interleave", first);
  if (config.find("rope_interleaved") && first != second)
    config.fail(
        "rope_interleaved", first,
        concat("\"rope_interleave\" is ", second ? "true" : "false", "; they mean the same, remove the wrong one"));
  return second;
}

/// Throws when the old and the new form of a field disagree.
template <typename Value>
static void checkAgree(Fields &config, std::string_view oldName, const Value &oldValue, std::string_view newName,
                       const Value &newValue) {
  if (oldValue != newValue)
    fail(config.place(newName), " is ", newValue, " but \"", oldName, "\" is ", oldValue,
         "; both forms are present and disagree, remove the wrong one");
}

/// theta from "rope_theta", "rope_scaling" or "rope_parameters". Nothing if none of them has it.
static std::optional<double> agreedTheta(Fields &config, const std::optional<Scaling> &oldForm,
                                         const std::optional<Scaling> &newForm) {
  std::optional<double> theta = readTheta(config);
  // The theta inside rope_scaling counts as much as the one beside it.
  std::string_view thetaName = "rope_theta";
  if (oldForm && oldForm->theta) {
    if (theta)
      checkAgree(config, "rope_theta", *theta, "rope_scaling.rope_theta", *oldForm->theta);
    theta = oldForm->theta;
    thetaName = "rope_scaling.rope_theta";
  }
  if (newForm && newForm->theta) {
    if (theta)
      checkAgree(config, thetaName, *theta, "rope_parameters.rope_theta", *newForm->theta);
    theta = newForm->theta;
  }
  return theta;
}

/// Checks that "rope_scaling" and "rope_parameters" mean the same scaling.
static void checkFormsAgree(Fields &config, const Scaling &oldForm, const Scaling &newForm) {
  checkAgree(config, "rope_scaling.rope_type", oldForm.typeName(), "rope_parameters.rope_type", newForm.typeName());
  if (oldForm.longContext != newForm.longContext)
    fail(config.place("rope_parameters"), " and \"rope_scaling\" have other numbers for rope type \"",
         newForm.typeName(), "\"; both forms are present and disagree, remove the wrong one");
  checkAgree(config, "rope_scaling.factor", oldForm.factor, "rope_parameters.factor", newForm.factor);
  checkAgree(config, "rope_scaling.low_freq_factor", oldForm.lowFreqFactor, "rope_parameters.low_freq_factor",
             newForm.lowFreqFactor);
  checkAgree(config, "rope_scaling.high_freq_factor", oldForm.highFreqFactor, "rope_parameters.high_freq_factor",
             newForm.highFreqFactor);
  checkAgree(config, "rope_scaling.original_max_position_embeddings", oldForm.originalContext.value_or(0),
             "rope_parameters.original_max_position_embeddings", newForm.originalContext.value_or(0));
}

/// The context length of pretraining, in tokens. `beside`: the value beside the rotary parameters.
static uint32_t originalContextOf(const Scaling &scaling, std::optional<uint32_t> beside, uint32_t maxPositions,
                                  std::vector<Note> &notes) {
  if (beside) {
    if (scaling.originalContext && *scaling.originalContext != *beside)
      notes.push_back({Note::Kind::warning, "original_max_position_embeddings",
                       concat(*beside, " is used instead of the ", *scaling.originalContext,
                              " among the rotary parameters, as transformers does")});
    return *beside;
  }
  if (scaling.originalContext)
    return *scaling.originalContext;
  notes.push_back({Note::Kind::provenance, "original_max_position_embeddings", "= max_position_embeddings"});
  return maxPositions;
}

/// Throws where numbers of the file have no meaning together.
static void checkNumbers(Fields &config, const Scaling &scaling, const Rope &rope) {
  auto isGood = [](double number) { return number > 0.0 && std::isfinite(number); };
  // yarn divides by the logarithm of the base.
  bool hasBase = !scaling.longContext || scaling.longContext->kind != LongContext::Kind::yarn || rope.theta > 1.0;
  if (!hasBase || !isGood(rope.amplitude) || !std::ranges::all_of(rope.divisors, isGood))
    fail(config.path(), ": the numbers of rope type \"", scaling.typeName(), "\" with a base of ", rope.theta,
         " give no frequencies; correct them, or export the model again");
}

void readRope(Fields &config, uint32_t originalPositions, ModelConfig &model) {
  std::optional<uint32_t> originalContext = config.optionalPositive("original_max_position_embeddings", kMaxPositions);
  if (!originalContext && originalPositions)
    originalContext = originalPositions;
  std::optional<Scaling> oldForm = readOptionalScaling(config, "rope_scaling", model);
  std::optional<Scaling> newForm = readOptionalScaling(config, "rope_parameters", model);
  std::optional<double> theta = agreedTheta(config, oldForm, newForm);
  if (oldForm && newForm)
    checkFormsAgree(config, *oldForm, *newForm);

  Rope &rope = model.rope;
  rope.layout = readInterleaved(config) ? RotaryLayout::interleaved : RotaryLayout::half;
  if (theta)
    rope.theta = *theta;
  else
    model.notes.push_back({Note::Kind::provenance, "rope_theta", "default 10000"});

  std::optional<Scaling> scaling = newForm ? newForm : oldForm;
  if (!scaling)
    return;
  rope.scaling = scaling->kind;
  rope.factor = scaling->factor;
  auto original = [&] {
    return originalContextOf(*scaling, originalContext, model.maxPositionEmbeddings, model.notes);
  };
  if (scaling->longContext) {
    bool isDynamic = scaling->longContext->kind == LongContext::Kind::dynamic;
    applyLongContext(*scaling->longContext, isDynamic ? model.maxPositionEmbeddings : original(), model);
    checkNumbers(config, *scaling, rope);
  } else if (rope.scaling == RopeScaling::llama3) {
    rope.lowFreqFactor = scaling->lowFreqFactor;
    rope.highFreqFactor = scaling->highFreqFactor;
    rope.originalContext = original();
  }
}

} // namespace quipu::frontend::hf
