//===- LineInput.h - Where the user's lines come from -----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_LINEINPUT_H
#define QUIPU_TOOLS_QUIPU_CHAT_LINEINPUT_H

#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

class LineInput {
public:
  enum class Event {
    Line,
    /// Ctrl-C: what was typed is dropped.
    Interrupt,
    End
  };
  struct Line {
    Event event = Event::End;
    std::string text;
    /// Of an interrupt: whether nothing was typed.
    bool wasEmpty = true;
  };

  virtual ~LineInput() = default;
  /// Asks for a line. Throws Error if it cannot be read.
  virtual Line read(const std::string &prompt) = 0;
  /// Whether a person types the lines, who can be asked.
  virtual bool isInteractive() const = 0;
};

/// Lines of standard input as they are, without a prompt.
std::unique_ptr<LineInput> plainInput();

/// Lines that a person types on a terminal and can edit. `historyPath`: file for the lines of earlier chats; empty:
/// none. `completions`: what the tabulator key completes at the beginning of a line.
std::unique_ptr<LineInput> editedInput(const std::string &historyPath, std::vector<std::string> completions);

/// Whether lines can be edited: standard input is a terminal, and so is an output.
bool canEdit();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_LINEINPUT_H
