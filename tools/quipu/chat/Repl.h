//===- Repl.h - A conversation line by line ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_REPL_H
#define QUIPU_TOOLS_QUIPU_CHAT_REPL_H

#include "tools/quipu/chat/Chat.h"
#include "tools/quipu/chat/LineInput.h"
#include "tools/quipu/chat/MessageReader.h"

#include <optional>
#include <string>

namespace quipu::tool {

/// Reads messages and commands and writes answers, until /bye or the end of the input. Answers go to standard output,
/// everything else to standard error.
class Repl {
public:
  /// `dropOldest`: oldest turns are dropped without a question. `verbose`: what the model reads is shown, and
  /// statistics after each answer.
  Repl(Chat &chat, LineInput &input, bool dropOldest, bool verbose)
      : chat(chat), input(input), dropOldest(dropOldest), verbose(verbose) {}

  /// The exit status: 1 if the input is no terminal, and a message or command failed.
  int run();

  // For commands.

  /// Answers the last message. If it throws Error, or is stopped before the first word, the conversation is `before`
  /// again.
  void answer(const Messages &before);
  /// Says something about the conversation.
  void note(const std::string &text) const;

  Chat &chat;
  std::optional<ChatAnswer> lastAnswer;
  bool isOver = false;

private:
  void take(const TypedMessage &message);
  void makeRoom();
  bool makesRoomForWhole();
  bool asksYes(const std::string &question);
  void dropTurns(size_t turns);
  ChatAnswer stream();

  LineInput &input;
  bool dropOldest;
  bool verbose;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_REPL_H
