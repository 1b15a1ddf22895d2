//===- LineDiff.h - What differs between two lists of lines -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_LINEDIFF_H
#define QUIPU_TOOLS_QUIPU_INSPECT_LINEDIFF_H

#include <cstddef>
#include <string>
#include <vector>

namespace quipu::tool {

/// A part of two lists, with what differs and the lines around it, as `diff -u` has it.
struct DiffHunk {
  /// The numbers of its first lines, from 1. Of an empty side the number of the line in front of it, as `diff -u` says.
  size_t before = 0, after = 0;
  /// How many lines of each list it has.
  size_t linesBefore = 0, linesAfter = 0;
  /// Each begins with ' ' (in both lists), '-' (only in the first) or '+' (only in the second).
  std::vector<std::string> lines;
};

/// The hunks of two lists, in order. `context`: so many equal lines stand around what differs.
std::vector<DiffHunk> diffLines(const std::vector<std::string> &before, const std::vector<std::string> &after,
                                size_t context = 3);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_LINEDIFF_H
