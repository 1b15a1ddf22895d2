//===- Chat.h - A conversation with a model ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_CHAT_H
#define QUIPU_TOOLS_QUIPU_CHAT_CHAT_H

#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/ChatSession.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

using Messages = std::vector<ChatMessage>;

/// The messages, and the session that answers them. What is said to the user, and whether oldest turns may be dropped,
/// the callers decide.
class Chat {
public:
  /// All must outlive this, except the options.
  Chat(Session &session, const Tokenizer &tokenizer, const ChatFormat &format, const GenerateOptions &options);

  const Messages &messages() const { return conversation; }
  /// Replaces the whole conversation.
  void setMessages(Messages messages);

  /// Text of the system message; empty: there is none.
  std::string system() const;
  void setSystem(const std::string &text);

  void addUser(const std::string &text);
  /// A turn is a message of the user and what follows up to the next one.
  size_t turns() const;
  /// Removes the last turn. False: there is none.
  bool undo();
  /// Removes the answer to the last message of the user, so that it can be answered again, with other random numbers.
  /// False: there is no such message.
  bool forgetAnswer();
  /// Removes all turns, and keeps the system message.
  void reset();

  /// What the model reads before it answers the last message.
  std::vector<ChatPiece> render() const;
  std::vector<int32_t> promptIds() const;

  uint32_t capacity() const { return session.capacity(); }
  /// Tokens of an answer for which room is made when turns are dropped.
  uint32_t wantedRoom() const;
  /// How many of the oldest turns must go so that `room` tokens are free, or at least that the conversation fits.
  /// Nothing: its last turn alone does not fit.
  std::optional<size_t> turnsToDrop(uint32_t room) const;
  void dropOldest(size_t turns);

  /// Answers the last message and appends the answer. If it throws Error, the messages have not changed.
  ChatAnswer answer(const ChatSink &sink);

  const ChatSession &cache() const { return session; }
  uint64_t seed() const { return options.sampling.seed; }

private:
  std::vector<int32_t> idsOf(const Messages &messages) const;

  const Tokenizer &tokenizer;
  const ChatFormat &format;
  GenerateOptions options;
  ChatSession session;
  Messages conversation;
  /// How often the last message was answered before.
  uint64_t attempts = 0;
};

/// Whether the context ended the answer, or -n.
bool isCut(const ChatAnswer &answer);

/// The conversation without its oldest turns.
Messages withoutOldest(const Messages &messages, size_t turns);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_CHAT_H
