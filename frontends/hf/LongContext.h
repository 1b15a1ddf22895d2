//===- LongContext.h - Rotary scalings beyond the trained context -*- C++ -*-===//
//
// yarn, dynamic and longrope. Their frequencies become divisors of the plain ones (Rope::divisors).
// Source: transformers 5, modeling_rope_utils.py.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_LONGCONTEXT_H
#define QUIPU_FRONTENDS_HF_LONGCONTEXT_H

#include "frontends/common/Fields.h"
#include "frontends/common/ModelConfig.h"

namespace quipu::frontend::hf {

/// What the file says of such a scaling.
struct LongContext {
  enum class Kind : uint8_t { yarn, dynamic, longrope };
  Kind kind = Kind::yarn;
  std::optional<double> factor;
  std::optional<double> attentionFactor;
  // yarn: turns in the trained context above which a frequency stays, and below which it is divided by the factor.
  double betaFast = 32.0, betaSlow = 1.0;
  std::optional<double> mscale, mscaleAllDim;
  bool truncate = true;
  /// longrope: divisors for texts of at most the trained context, and for longer ones.
  std::vector<double> shortFactors, longFactors;

  bool operator==(const LongContext &) const = default;
};

/// "yarn": as config files have it.
std::string_view name(LongContext::Kind kind);

/// The fields of a scaling of that kind, for heads of `headDim` elements.
LongContext readLongContext(Fields &fields, LongContext::Kind kind, uint32_t headDim);

/// Applies it to a config whose dimensions, positions and base are known. `originalContext`: positions that the model
/// was trained for at first.
void applyLongContext(const LongContext &scaling, uint32_t originalContext, ModelConfig &config);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_LONGCONTEXT_H
