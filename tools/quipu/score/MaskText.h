//===- MaskText.h - Which tokens of a text are scored, to look at -------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SCORE_MASKTEXT_H
#define QUIPU_TOOLS_QUIPU_SCORE_MASKTEXT_H

#include "runtime/score/Sample.h"
#include "runtime/text/Tokenizer.h"

#include <string>

namespace quipu::tool {

/// The pieces of a text with their ids. Those that are scored stand in brackets: "<s>:1 ▁The:291 [▁sky:827 </s>:2]".
std::string maskText(const Tokenizer &tokenizer, const ScoredText &text);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_SCORE_MASKTEXT_H
