//===- RopeLength.h - Rotary frequencies that depend on the length -*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_ROPELENGTH_H
#define QUIPU_FRONTENDS_COMMON_ROPELENGTH_H

#include "frontends/common/ModelConfig.h"

namespace quipu::frontend {

/// Takes the divisors of the config for plans of `maxPositions` positions, and adds a note about it. A plan has one
/// set. transformers takes the long ones for texts of more than Rope::shortContext tokens alone, so for shorter texts a
/// plan with the long ones differs, which is a warning.
void chooseRopeFor(uint32_t maxPositions, ModelConfig &config);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_ROPELENGTH_H
