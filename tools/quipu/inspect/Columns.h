//===- Columns.h - Texts in columns -----------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_COLUMNS_H
#define QUIPU_TOOLS_QUIPU_INSPECT_COLUMNS_H

#include <algorithm>
#include <cstddef>
#include <string>

namespace quipu::tool {

/// With blanks behind it. There is at least one, so that long names do not run into what follows.
inline std::string padded(std::string value, size_t width) {
  value.resize(std::max(value.size() + 1, width), ' ');
  return value;
}

/// With blanks in front of it.
inline std::string paddedLeft(const std::string &value, size_t width) {
  return value.size() < width ? std::string(width - value.size(), ' ') + value : value;
}

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_COLUMNS_H
