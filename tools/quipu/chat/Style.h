//===- Style.h - Colours on a terminal --------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_STYLE_H
#define QUIPU_TOOLS_QUIPU_CHAT_STYLE_H

namespace quipu::tool {

/// What a terminal gets to show text in another way; empty texts where there are no colours.
struct Style {
  const char *prompt = "";
  const char *note = "";
  const char *plain = "";
};

/// The style for a descriptor: colours if it is a terminal that has them, and NO_COLOR is not set.
Style styleFor(int fd);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_STYLE_H
