//===- KernelListings.h - The machine code of all kernels, for a page --------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_KERNELLISTINGS_H
#define QUIPU_TOOLS_QUIPU_REPORT_KERNELLISTINGS_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <cstddef>

namespace quipu::tool {

/// The listings, which together take at most `budget` bytes of a page:
///   {"kernels": {name: {"form": "asm", "sass" or "ptx", "lines", "shown", "text": base64 of what zlib compressed}},
///    "problem": why kernels have no machine code, or null}
/// Kernels for a GPU have PTX where there is no machine code or nothing that lists it.
/// A line of the text is a number and the instruction, with a tab between them. The number is the line of the planned
/// module that the instruction was made of, or 0. Kernels that are too long lose their end: `shown` of `lines` lines
/// are there.
nlohmann::ordered_json kernelListings(const PlanFile &plan, size_t budget);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_KERNELLISTINGS_H
