//===- StreamDecoder.cpp - Text token by token -------------------------------------------===//

#include "runtime/text/StreamDecoder.h"
#include "runtime/support/Utf8.h"

namespace quipu {

std::string StreamDecoder::push(int32_t id) {
  atStart = tokenizer.appendBytes(id, atStart, pending);
  std::string text;
  takeCharacters(pending, text, /*final=*/false, tokenizer.badBytes());
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  takeCharacters(pending, text, /*final=*/true, tokenizer.badBytes());
  return text;
}

} // namespace quipu
