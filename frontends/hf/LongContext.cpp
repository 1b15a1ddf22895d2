//===- LongContext.cpp - Rotary scalings beyond the trained context ----------------------===//

#include "frontends/hf/LongContext.h"

#include "frontends/common/Json.h"
#include "frontends/common/RopeLimits.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using nlohmann::json;

namespace quipu::frontend::hf {

std::string_view name(LongContext::Kind kind) {
  switch (kind) {
  case LongContext::Kind::yarn:
    return "yarn";
  case LongContext::Kind::dynamic:
    return "dynamic";
  case LongContext::Kind::longrope:
    return "longrope";
  }
  return "";
}

/// A number above `least` (or equal to it, where `orEqual`), or nothing.
static std::optional<double> readNumber(Fields &fields, std::string_view field, double least, bool orEqual = true) {
  std::optional<double> number = fields.optionalNumber(field);
  if (number && !((orEqual ? *number >= least : *number > least) && *number <= kMaxRopeFactor))
    fields.fail(field, *fields.find(field),
                concat("must be a number ", orEqual ? "from " : "above ", least, " to 1e6; correct it"));
  return number;
}

static std::vector<double> readFactors(Fields &fields, std::string_view field, uint32_t pairs) {
  const json *list = fields.find(field);
  if (!list)
    fields.failMissing(field, "rope type \"longrope\" needs it; export the model again");
  auto isFactor = [](const json &value) {
    return value.is_number() && value.get<double>() > 0 && value.get<double>() <= kMaxRopeFactor;
  };
  if (!list->is_array() || list->size() != pairs || !std::ranges::all_of(*list, isFactor))
    fields.fail(field, *list,
                concat("must be a list of ", pairs,
                       " numbers above 0, one for each pair of a head; correct it, or export the model again"));
  return list->get<std::vector<double>>();
}

LongContext readLongContext(Fields &fields, LongContext::Kind kind, uint32_t headDim) {
  LongContext scaling;
  scaling.kind = kind;
  scaling.factor = readNumber(fields, "factor", 1.0);
  if (kind == LongContext::Kind::dynamic) {
    if (!scaling.factor)
      fields.failMissing("factor", "rope type \"dynamic\" needs it; export the model again");
    return scaling;
  }
  scaling.attentionFactor = readNumber(fields, "attention_factor", 0.0, /*orEqual=*/false);
  if (kind == LongContext::Kind::longrope) {
    scaling.shortFactors = readFactors(fields, "short_factor", headDim / 2);
    scaling.longFactors = readFactors(fields, "long_factor", headDim / 2);
    return scaling;
  }
  scaling.betaFast = readNumber(fields, "beta_fast", 0.0, /*orEqual=*/false).value_or(32.0);
  scaling.betaSlow = readNumber(fields, "beta_slow", 0.0, /*orEqual=*/false).value_or(1.0);
  if (scaling.betaFast < scaling.betaSlow)
    fields.failMissing("beta_fast", concat("it is ", scaling.betaFast,
                                           ", or missing, and must be at least \"beta_slow\", "
                                           "which is ",
                                           scaling.betaSlow, "; correct one of them"));
  // 0 means the same as nothing.
  scaling.mscale = readNumber(fields, "mscale", 0.0);
  scaling.mscaleAllDim = readNumber(fields, "mscale_all_dim", 0.0);
  scaling.truncate = fields.boolean("truncate", true);
  return scaling;
}

static double yarnAmplitude(const LongContext &scaling, double factor) {
  if (scaling.attentionFactor)
    return *scaling.attentionFactor;
  auto grown = [&](double mscale) { return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; };
  double mscale = scaling.mscale.value_or(0.0), allDim = scaling.mscaleAllDim.value_or(0.0);
  return mscale != 0.0 && allDim != 0.0 ? grown(mscale) / grown(allDim) : grown(1.0);
}

/// Pairs that turn often in the trained context stay as they are, pairs that turn rarely are divided by the factor, and
/// in between it is a mixture of both frequencies.
static void applyYarn(const LongContext &scaling, double factor, uint32_t originalContext, ModelConfig &config) {
  double dim = config.headDim;
  auto pairOfTurns = [&](double turns) {
    return dim * std::log(originalContext / (turns * 2.0 * std::numbers::pi)) / (2.0 * std::log(config.rope.theta));
  };
  double low = pairOfTurns(scaling.betaFast), high = pairOfTurns(scaling.betaSlow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1.0);
  if (low == high)
    high += 0.001;
  for (uint32_t pair = 0; pair < config.headDim / 2; ++pair) {
    double divided = std::clamp((pair - low) / (high - low), 0.0, 1.0);
    config.rope.divisors.push_back(1.0 / (divided / factor + (1.0 - divided)));
  }
  config.rope.amplitude = yarnAmplitude(scaling, factor);
}

static void applyLongRope(const LongContext &scaling, double factor, uint32_t originalContext, ModelConfig &config) {
  config.rope.divisors = scaling.shortFactors;
  if (config.maxPositionEmbeddings > originalContext) {
    config.rope.shortContext = originalContext;
    config.rope.longDivisors = scaling.longFactors;
  }
  config.rope.amplitude = factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(double(originalContext)));
  if (scaling.attentionFactor)
    config.rope.amplitude = *scaling.attentionFactor;
}

void applyLongContext(const LongContext &scaling, uint32_t originalContext, ModelConfig &config) {
  auto note = [&](std::string text) {
    config.notes.push_back({Note::Kind::provenance, concat("rope type \"", name(scaling.kind), "\""), std::move(text)});
  };
  if (scaling.kind == LongContext::Kind::dynamic) {
    // Nothing changes up to there, and beyond the frequencies of all positions change with each token.
    config.positionsReason = concat("rope type \"dynamic\" changes its frequencies with the length of a longer text, "
                                    "which a plan does not do");
    return note(concat("no effect up to ", config.maxPositionEmbeddings, " positions, and plans have no more"));
  }
  double factor = scaling.factor.value_or(double(config.maxPositionEmbeddings) / originalContext);
  if (scaling.kind == LongContext::Kind::yarn)
    applyYarn(scaling, factor, originalContext, config);
  else
    applyLongRope(scaling, factor, originalContext, config);
  note(concat("from ", originalContext, " positions on by ", factor, "; cosines and sines times ",
              config.rope.amplitude));
}

} // namespace quipu::frontend::hf
