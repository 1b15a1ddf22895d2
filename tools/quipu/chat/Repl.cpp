//===- Repl.cpp - A conversation line by line --------------------------------------------===//

#include "tools/quipu/chat/Repl.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "tools/common/Console.h"
#include "tools/common/Escape.h"
#include "tools/quipu/chat/Commands.h"
#include "tools/quipu/chat/Interrupt.h"
#include "tools/quipu/chat/Report.h"
#include "tools/quipu/chat/Style.h"

#include <unistd.h>

namespace quipu::tool {

void Repl::note(const std::string &text) const {
  static const Style style = styleFor(STDERR_FILENO);
  printText(style.note + printable(text) + style.plain + "\n");
}

bool Repl::asksYes(const std::string &question) {
  if (!input.isInteractive())
    return false;
  LineInput::Line line = input.read(question + " [y/N] ");
  return line.event == LineInput::Event::Line && (line.text.starts_with('y') || line.text.starts_with('Y'));
}

void Repl::dropTurns(size_t turns) {
  chat.dropOldest(turns);
  note(concat("dropped the ", turns == 1 ? "oldest turn" : concat(turns, " oldest turns")));
}

/// Drops oldest turns where the conversation does not fit, if that is allowed. Throws Error if it does not fit then.
void Repl::makeRoom() {
  size_t size = chat.promptIds().size();
  bool fits = size <= chat.capacity();
  if (fits && (!dropOldest || size + chat.wantedRoom() <= chat.capacity()))
    return;
  std::optional<size_t> turns = chat.turnsToDrop(chat.wantedRoom());
  if (!turns)
    fail(overfullText(chat), "; its last message is too long even alone: shorten it, or compile with a greater "
                             "--max-seq");
  if (*turns == 0)
    return;
  if (!fits)
    note(overfullText(chat));
  if (!dropOldest && !asksYes(concat("Drop the ", countText(*turns, "oldest turn"), "?")))
    fail("the message was not answered, because the context is full; /reset begins anew, /undo takes back the last "
         "turn, and with --drop-oldest oldest turns are dropped without a question");
  dropTurns(*turns);
}

/// Whether a cut answer is given again, because turns were dropped. Else it stays.
bool Repl::makesRoomForWhole() {
  note(concat("the context of ", chat.capacity(), " tokens is full, and the answer is cut"));
  Messages whole = chat.messages();
  chat.forgetAnswer();
  std::optional<size_t> turns = chat.turnsToDrop(chat.wantedRoom());
  if (turns.value_or(0) > 0 && asksYes(concat("Drop the ", countText(*turns, "oldest turn"), " and answer again?"))) {
    dropTurns(*turns);
    return true;
  }
  chat.setMessages(std::move(whole));
  return false;
}

/// Answers and writes the answer while it comes.
ChatAnswer Repl::stream() {
  InterruptGuard interrupt;
  std::optional<Progress> reading(std::in_place, "read the conversation");
  ChatAnswer answer = chat.answer([&](std::string_view text) {
    if (!text.empty()) {
      reading.reset();
      out().writeText(text);
      out().flush();
    }
    return !interrupt.isInterrupted();
  });
  out().write("\n");
  out().flush();
  return answer;
}

void Repl::answer(const Messages &before) {
  try {
    do {
      makeRoom();
      if (verbose)
        note(promptText(chat.render(), chat.promptIds()));
      lastAnswer = stream();
    } while (lastAnswer->summary.reason == StopReason::ContextFull && makesRoomForWhole());
  } catch (const Error &) {
    chat.setMessages(before);
    throw;
  }
  StopReason reason = lastAnswer->summary.reason;
  bool hasText = !lastAnswer->text.empty();
  if (reason == StopReason::Callback)
    note(hasText ? "stopped" : "stopped before the first word; the message is taken back");
  if (reason == StopReason::Callback && !hasText)
    chat.setMessages(before);
  if (reason == StopReason::MaxTokens)
    note(concat("stopped after ", countText(lastAnswer->tokens.size(), "token"), ", as -n says"));
  if (verbose)
    note(statisticsText(chat, *lastAnswer));
}

void Repl::take(const TypedMessage &message) {
  if (message.isCommand) {
    runCommand(*this, message.text);
    return;
  }
  // Blanks alone are no message.
  if (message.text.find_first_not_of(" \t\n") == std::string::npos)
    return;
  Messages before = chat.messages();
  chat.addUser(message.text);
  answer(before);
}

int Repl::run() {
  // Between answers Ctrl-C is a key of the line editor; a signal then is left over from an answer that just ended.
  std::optional<InterruptGuard> guard;
  if (input.isInteractive())
    guard.emplace();
  bool failed = false;
  while (!isOver) {
    TypedMessage message = readMessage(input);
    if (message.event == LineInput::Event::End && message.text.empty())
      break;
    if (message.event == LineInput::Event::Interrupt) {
      if (message.wasEmpty)
        note("Ctrl-D or /bye leaves");
      continue;
    }
    try {
      take(message);
    } catch (const Error &error) {
      printError(error.what());
      failed = true;
    }
  }
  return failed && !input.isInteractive() ? 1 : 0;
}

} // namespace quipu::tool
