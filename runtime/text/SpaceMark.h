//===- SpaceMark.h - Where words of pieces begin ---------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_SPACEMARK_H
#define QUIPU_RUNTIME_TEXT_SPACEMARK_H

#include <algorithm>
#include <string_view>

namespace quipu {

/// U+2581, which stands for a space in pieces.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

/// Where the second word of a text begins: the first space mark behind another character; else its end.
inline size_t secondWord(std::string_view text) {
  size_t at = 0;
  while (text.substr(at).starts_with(kSpaceMark))
    at += kSpaceMark.size();
  return std::min(text.find(kSpaceMark, at), text.size());
}

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SPACEMARK_H
