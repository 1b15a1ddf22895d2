//===- MaskText.cpp - Which tokens of a text are scored, to look at ------------------------===//

#include "tools/quipu/score/MaskText.h"
#include "runtime/support/Error.h"
#include "tools/common/Escape.h"

namespace quipu::tool {

std::string maskText(const Tokenizer &tokenizer, const ScoredText &text) {
  std::string line;
  bool isOpen = false;
  for (size_t i = 0; i < text.ids.size(); ++i) {
    if (isOpen && !text.scored[i])
      line += "]";
    line += i > 0 ? " " : "";
    if (!isOpen && text.scored[i])
      line += "[";
    isOpen = text.scored[i];
    line += concat(printableLine(tokenizer.piece(text.ids[i])), ":", text.ids[i]);
  }
  return line + (isOpen ? "]" : "");
}

} // namespace quipu::tool
