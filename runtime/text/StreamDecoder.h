//===- StreamDecoder.h - Text token by token --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_STREAMDECODER_H
#define QUIPU_RUNTIME_TEXT_STREAMDECODER_H

#include "runtime/text/Tokenizer.h"

#include <string>

namespace quipu {

/// Turns ids into text as they come, and gives out whole characters only: the bytes of an unfinished one wait for the
/// next token. The pieces joined are what Tokenizer::decode gives for all the ids.
class StreamDecoder {
public:
  /// `atStart`: the ids begin a text; false where they continue a prompt, whose last word a leading space follows.
  explicit StreamDecoder(const Tokenizer &tokenizer, bool atStart = true) : tokenizer(tokenizer), atStart(atStart) {}

  /// The text that this token completes; may be empty.
  std::string push(int32_t id);

  /// What is left at the end: U+FFFD for an unfinished character, as Tokenizer::badBytes() says.
  std::string finish();

private:
  const Tokenizer &tokenizer;
  bool atStart;
  std::string pending;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_STREAMDECODER_H
