//===- MessageReader.cpp - Messages of one or several lines ------------------------------===//

#include "tools/quipu/chat/MessageReader.h"

#include <string_view>

namespace quipu::tool {

static constexpr const char *kFirstPrompt = "> ";
static constexpr const char *kNextPrompt = ". ";
static constexpr std::string_view kQuotes = "\"\"\"";

/// Reads lines until one ends the block. `text` has what follows the quotes in the first line. Quotes that are alone in
/// their line add no line to the message, and empty lines before its first one are left out.
static LineInput::Line readBlock(LineInput &input, std::string &text) {
  LineInput::Line line = {LineInput::Event::Line, text};
  text.clear();
  for (;;) {
    bool isLast = line.text.ends_with(kQuotes);
    if (isLast)
      line.text.erase(line.text.size() - kQuotes.size());
    if (!text.empty() && !(isLast && line.text.empty()))
      text += '\n';
    text += line.text;
    if (isLast)
      return line;
    line = input.read(kNextPrompt);
    if (line.event != LineInput::Event::Line)
      return line;
  }
}

/// Adds lines while the last one ends with a backslash.
static LineInput::Line readContinued(LineInput &input, std::string &text) {
  LineInput::Line line = {LineInput::Event::Line, ""};
  while (text.ends_with('\\')) {
    text.pop_back();
    line = input.read(kNextPrompt);
    if (line.event != LineInput::Event::Line)
      return line;
    text += '\n' + line.text;
  }
  return line;
}

TypedMessage readMessage(LineInput &input) {
  LineInput::Line line = input.read(kFirstPrompt);
  if (line.event != LineInput::Event::Line)
    return {line.event, "", false, line.wasEmpty};
  TypedMessage message = {line.event, line.text};
  bool isBlock = message.text.starts_with(kQuotes);
  if (isBlock) {
    message.text.erase(0, kQuotes.size());
    line = readBlock(input, message.text);
  } else {
    line = readContinued(input, message.text);
  }
  // Where the input ends the message ends too.
  if (line.event == LineInput::Event::Interrupt)
    return {line.event, "", false, /*wasEmpty=*/false};
  if (isBlock)
    return message;
  message.isCommand = message.text.starts_with('/') && !message.text.starts_with("//");
  if (message.text.starts_with('/'))
    message.text.erase(0, 1);
  return message;
}

} // namespace quipu::tool
