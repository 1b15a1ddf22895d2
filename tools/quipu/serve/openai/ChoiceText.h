//===- ChoiceText.h - From tokens to the text of one choice -------------------*- C++ -*-===//
//
// Text is given out in whole characters, and never a part of what may become a stop text. A token with its
// log-probability is given out together with its text, so a choice that ends before a stop text has no tokens of it.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_CHOICETEXT_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_CHOICETEXT_H

#include "runtime/engine/Request.h"
#include "runtime/text/StopText.h"
#include "runtime/text/StreamDecoder.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace quipu::serve {

/// A token as answers show it.
struct ShownToken {
  int32_t token = 0;
  /// Nothing: the first token of a text, which nothing is in front of.
  std::optional<float> logProb;
  std::vector<TokenLogProb> top;
  /// Characters (code points) of the choice's text in front of the token's own.
  uint64_t offset = 0;
};

/// What one step adds to a choice.
struct ChoicePiece {
  std::string text;
  std::vector<ShownToken> tokens;

  bool empty() const { return text.empty() && tokens.empty(); }
  void append(ChoicePiece &&other);
};

class ChoiceText {
public:
  /// `beginsText`: the text is one of its own, as a message is, and does not continue a prompt.
  ChoiceText(const Tokenizer &tokenizer, bool beginsText, const std::vector<std::string> &stops, bool keepsTokens);

  /// A token of the prompt, for a choice that begins with it. Stop texts do not concern it.
  ChoicePiece pushPrompt(const ScoredToken &token, bool isFirst);
  /// A new token. Once isStopped(), the text has ended.
  ChoicePiece push(const ScoredToken &token);
  /// What was kept back, for when no more tokens come.
  ChoicePiece finish();

  bool isStopped() const { return stop.found(); }

private:
  struct Waiting {
    ShownToken token;
    /// Where the token's text begins and ends, in bytes of the generated text before it is cut.
    uint64_t begin, end;
  };
  std::string decoded(int32_t token);
  ChoicePiece released(std::string text, bool isLast);

  const Tokenizer &tokenizer;
  StreamDecoder decoder;
  StopText stop;
  bool keepsTokens;
  std::deque<Waiting> waiting;
  /// Bytes of the generated text: decoded, and given out.
  uint64_t decodedBytes = 0, releasedBytes = 0;
  /// Characters of the whole text that were decoded.
  uint64_t characters = 0;
};

/// A token's own text for a listing: its bytes if they are whole characters, else "bytes:\xe2\x96". A control token:
/// its name, such as "</s>".
std::string tokenText(const Tokenizer &tokenizer, int32_t token);
/// Its bytes. Empty for control tokens.
std::string tokenBytes(const Tokenizer &tokenizer, int32_t token);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_CHOICETEXT_H
