//===- TextEncoder.h - From texts to ids and masks ---------------------------*- C++ -*-===//
//
// docs/scoring.md explains the rules with examples. In short: BOS first if the tokenizer puts it there, prompt and
// response tokenised as one text, EOS behind the response.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_TEXTENCODER_H
#define QUIPU_RUNTIME_SCORE_TEXTENCODER_H

#include "runtime/chat/ChatFormat.h"
#include "runtime/score/Sample.h"
#include "runtime/text/Tokenizer.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// How a prompt and what follows it become ids.
enum class JoinTexts {
  /// As one text. A token that has characters of both belongs to what follows.
  Whole,
  /// Each by itself. A SentencePiece tokenizer then puts its space in front of both.
  Apart
};

struct EncodingRules {
  JoinTexts join = JoinTexts::Whole;
  SpecialTokens special = SpecialTokens::asText;
  /// Whether the tokens of the prompt are left out of the loss.
  bool maskPrompt = true;
  /// The token behind a response; nothing: none.
  std::optional<int32_t> end;
  /// How conversations become text. Nothing: there are none.
  std::optional<ChatFormat> format = {};
};

/// `tokenizer` must live as long as this.
class TextEncoder {
public:
  TextEncoder(const Tokenizer &tokenizer, const EncodingRules &rules) : tokenizer(tokenizer), rules(rules) {}

  /// The response's tokens are scored, and the end behind it.
  ScoredText pair(const std::string &prompt, const std::string &response) const;

  /// The assistant's answers are scored, each with what ends its turn. Throws Error if the format refuses the messages.
  ScoredText conversation(std::span<const ChatMessage> messages) const;

  /// One text for each choice, without an end. All score from the same token on: the first that differs from the
  /// context's own ids in any of them.
  std::vector<ScoredText> choices(const std::string &context, const std::vector<std::string> &choices) const;

  /// Whether the text has more than `count` ids for certain (Tokenizer::isLongerThan).
  bool isLongerThan(const std::string &text, size_t count) const { return tokenizer.isLongerThan(text, count); }

  /// Of the format of conversations, for messages.
  const std::string &formatName() const { return rules.format->name(); }

private:
  /// Ids of prompt and response, and how many of them the prompt has.
  struct Joined {
    std::vector<int32_t> ids;
    size_t promptIds = 0;
  };
  Joined join(const std::vector<int32_t> &promptIds, const std::string &prompt, const std::string &response) const;
  /// The ids of a text at the beginning of a sequence: BOS is in front, unless the text spells it.
  std::vector<int32_t> idsAtBegin(std::string_view text) const;

  const Tokenizer &tokenizer;
  EncodingRules rules;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_TEXTENCODER_H
