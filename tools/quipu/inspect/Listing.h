//===- Listing.h - The instructions of a kernel, with their lines -----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
#define QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H

#include "runtime/plan/PlanFile.h"

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

/// The code of a kernel of a plan that was compiled with --keep-ir. `form`: "asm", "sass" or "ptx". Throws Error if the
/// plan has no code in this form, or a program is missing that lists it.
std::vector<ListedLine> listKernel(const PlanFile &plan, const std::string &kernel, std::string_view form);

/// The form in which the plan's machine code is listed: "asm" or "sass".
std::string_view machineForm(const PlanFile &plan);

// Readers of what other programs print, for tests.
std::vector<ListedLine> readObjdump(std::string_view text);
std::vector<ListedLine> readPtx(std::string_view text);
/// The functions of LLVM's IR; their instructions have no offsets either.
std::vector<ListedLine> readLlvm(std::string_view text);
std::vector<ListedLine> readNvdisasm(std::string_view text, const std::vector<std::string> &functions);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_LISTING_H
