//===- ListedLines.h - What programs that list code print ------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_LISTEDLINES_H
#define QUIPU_TOOLS_QUIPU_INSPECT_LISTEDLINES_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// A line of a listing of machine code or PTX.
struct ListedLine {
  std::string text;
  /// The function (an entry's symbol) that an instruction belongs to. Empty: the line is no instruction.
  std::string function;
  /// Bytes from the start of the function. PTX has none.
  std::optional<uint64_t> offset = {};
  /// The line of the planned module that it was made of. 0: not known.
  uint32_t line = 0;
};

/// What llvm-objdump and objdump print with -d -l.
std::vector<ListedLine> readObjdump(std::string_view text);
/// PTX. Its instructions have no offsets.
std::vector<ListedLine> readPtx(std::string_view text);
/// The functions of LLVM's IR; their instructions have no offsets either.
std::vector<ListedLine> readLlvm(std::string_view text);
/// What nvdisasm --print-line-info prints of a module: the instructions of these functions, and the labels to which
/// they jump.
std::vector<ListedLine> readNvdisasm(std::string_view text, const std::vector<std::string> &functions);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_LISTEDLINES_H
