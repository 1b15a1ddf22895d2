//===- EndsOfText.h - Which ids end a text, for people -------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H
#define QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H

#include "frontends/common/Model.h"

namespace quipu::frontend {

/// The token with which the tokenizer ends texts also ends texts of the model, unless its config says that nothing
/// does.
void joinTokenizersEnd(ModelConfig &config, const ModelTokenizer &tokenizer);

/// Adds notes to the config that say which ids end a text, and why.
void noteEnds(ModelConfig &config);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_ENDSOFTEXT_H
