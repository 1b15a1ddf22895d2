//===- MessageReader.h - Messages of one or several lines -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_MESSAGEREADER_H
#define QUIPU_TOOLS_QUIPU_CHAT_MESSAGEREADER_H

#include "tools/quipu/chat/LineInput.h"

#include <string>

namespace quipu::tool {

struct TypedMessage {
  LineInput::Event event = LineInput::Event::End;
  std::string text;
  /// It begins with a slash; what follows the slash is `text`.
  bool isCommand = false;
  /// Of an interrupt: whether nothing was typed.
  bool wasEmpty = true;
};

/// Reads a message. A line that ends with \ goes on in the next one. A message that begins with """ goes on up to the
/// line that ends with """. In a block nothing is a command, and outside of one // at the beginning stands for /.
/// Throws Error as LineInput::read.
TypedMessage readMessage(LineInput &input);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_MESSAGEREADER_H
