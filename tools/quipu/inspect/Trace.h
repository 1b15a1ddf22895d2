//===- Trace.h - From the config to instructions, and back ------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_TRACE_H
#define QUIPU_TOOLS_QUIPU_INSPECT_TRACE_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/inspect/Listing.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

/// The instructions that a field of the config caused: of each kernel the ops that come from it, with their number and
/// the first and the last of their addresses. Throws Error if the plan was compiled without --keep-ir.
nlohmann::ordered_json originJson(const PlanFile &plan, const std::string &field);
std::string originText(const PlanFile &plan, const std::string &field);

/// What the instruction at an address ("decode.qkv+0x40") comes from: op, place, fields of the config, tensors.
nlohmann::ordered_json addressJson(const PlanFile &plan, const std::string &address);
std::string addressText(const PlanFile &plan, const std::string &address);

/// The code of a kernel, and beside each instruction the op that it was made of.
std::string kernelWithSource(const PlanFile &plan, const std::string &kernel, const std::vector<ListedLine> &listing);

/// The kernel in the planned module, and beside each op its place, fields of the config and tensors.
std::string moduleTextWithSource(const PlanFile &plan, const std::string &kernel);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_TRACE_H
