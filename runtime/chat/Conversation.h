//===- Conversation.h - Messages, and the text that a model reads of them ---*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_CONVERSATION_H
#define QUIPU_RUNTIME_CHAT_CONVERSATION_H

#include <string>

namespace quipu {

struct ChatMessage {
  /// "system", "user", "assistant", or what a template knows besides.
  std::string role;
  std::string content;
};

/// A piece of the text of a conversation.
struct ChatPiece {
  std::string text;
  /// Text of a message: it never becomes a special token.
  bool fromMessage = false;
  /// What the model is to write: the content of an assistant's message and what follows it, up to and with the end of
  /// its turn. Where the template has {% generation %} blocks: what is in them.
  bool isAnswer = false;
  /// Its ids are made apart from those of the text before it.
  bool isApart = false;

  bool operator==(const ChatPiece &) const = default;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CONVERSATION_H
