//===- SpaceMark.h - What stands for a space in pieces --------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ABI_SPACEMARK_H
#define QUIPU_RUNTIME_ABI_SPACEMARK_H

#include <string_view>

namespace quipu {

/// U+2581.
inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_SPACEMARK_H
