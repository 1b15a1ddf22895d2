//===- Why.h - Why a kernel, place or weight is compiled as it is -----------*- C++ -*-===//
//
// Reads the part "decisions" of the record that --keep-ir leaves in a plan (tools/quipu-compile/DecisionRecord.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_WHY_H
#define QUIPU_TOOLS_QUIPU_INSPECT_WHY_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/inspect/KernelOrigins.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// What the compiler decided about a kernel ("decode.qkv"), a place and all below it ("layers.3.mlp", "layers.*.mlp"),
/// a weight or a program:
///   {"name", "kernels": [{"name", "places", "schedule"}], "decisions": as in the record}
/// `origins`: of this plan. Throws Error that lists kernels and places if nothing has the name.
nlohmann::ordered_json whyJson(const PlanFile &plan, const KernelOrigins &origins, const std::string &name);
/// The same as text. Throws Error if the plan was compiled without --keep-ir.
std::string whyText(const PlanFile &plan, const std::string &name);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_WHY_H
