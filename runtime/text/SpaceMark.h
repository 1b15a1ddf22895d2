//===- SpaceMark.h - Where words of pieces begin ---------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_SPACEMARK_H
#define QUIPU_RUNTIME_TEXT_SPACEMARK_H

#include "runtime/abi/SpaceMark.h"

#include <algorithm>

namespace quipu {

/// Where the second word of a text begins: the first space mark behind another character; else its end.
inline size_t secondWord(std::string_view text) {
  size_t at = 0;
  while (text.substr(at).starts_with(kSpaceMark))
    at += kSpaceMark.size();
  return std::min(text.find(kSpaceMark, at), text.size());
}

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SPACEMARK_H
