//===- EndsOfText.h - Which ids end a text, for people -------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H
#define QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H

#include "frontends/common/ModelConfig.h"

namespace quipu::frontend {

/// Adds notes to the config that say which ids end a text, and why.
void noteEnds(ModelConfig &config);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H
