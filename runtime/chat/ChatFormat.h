//===- ChatFormat.h - How a model reads conversations -----------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_CHATFORMAT_H
#define QUIPU_RUNTIME_CHAT_CHATFORMAT_H

#include "runtime/abi/TokenizerData.h"
#include "runtime/chat/Conversation.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

class FormatRule;
class Tokenizer;

/// What makes the text of a conversation: a template in the language of Jinja, or a rule of this program. It does not
/// change, and copies share what they are made of.
class ChatFormat {
public:
  /// `tokenizer` gives the texts of BOS and EOS, and knows the special tokens; null: there are none. Throws Error that
  /// names the template and the line when the text is no template.
  ChatFormat(const ChatTemplate &source, const Tokenizer *tokenizer);

  /// A template or rule of this program by its name; nothing when there is none of that name.
  static std::optional<ChatFormat> builtIn(std::string_view name, const Tokenizer *tokenizer);
  /// Their names, in order.
  static std::vector<std::string> builtInNames();

  /// The text of the messages; with `addGenerationPrompt` also what begins the assistant's answer. Throws Error that
  /// names the template and its line where the template refuses the messages, or does more than it may.
  std::vector<ChatPiece> render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const;

  /// What it is, for messages: "tokenizer_config.json: chat_template".
  const std::string &name() const { return ownName; }

  /// The text that ends an assistant's turn: the first special token behind an answer that ends a conversation. Empty:
  /// the format has none, or there is no tokenizer.
  const std::string &endOfTurn() const;

private:
  ChatFormat(std::shared_ptr<const FormatRule> rule, std::string name, const Tokenizer *tokenizer);

  struct TurnEnd;

  std::shared_ptr<const FormatRule> rule;
  std::string ownName;
  /// Learned when it is first asked for.
  std::shared_ptr<TurnEnd> turnEnd;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CHATFORMAT_H
