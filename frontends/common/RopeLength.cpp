//===- RopeLength.cpp - Rotary frequencies that depend on the length ---------------------===//

#include "frontends/common/RopeLength.h"

#include "runtime/support/Error.h"

namespace quipu::frontend {

void chooseRopeFor(uint32_t maxPositions, ModelConfig &config) {
  Rope &rope = config.rope;
  if (rope.shortContext == 0)
    return;
  if (maxPositions <= rope.shortContext) {
    config.notes.push_back({Note::Kind::provenance, "long_factor",
                            concat("not used: the plan has at most ", rope.shortContext, " positions")});
  } else {
    rope.divisors = rope.longDivisors;
    config.notes.push_back({Note::Kind::warning, "long_factor",
                            concat("the plan has more than ", rope.shortContext,
                                   " positions, so it is used for texts of any length; transformers uses it for longer "
                                   "texts alone, and --max-seq ",
                                   rope.shortContext, " gives a plan for the others")});
  }
  rope.shortContext = 0;
  rope.longDivisors.clear();
}

} // namespace quipu::frontend
