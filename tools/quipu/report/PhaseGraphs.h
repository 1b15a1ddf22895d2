//===- PhaseGraphs.h - The dataflow after each phase, for a page -------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_PHASEGRAPHS_H
#define QUIPU_TOOLS_QUIPU_REPORT_PHASEGRAPHS_H

#include "tools/quipu/inspect/PhaseHistory.h"

#include <nlohmann/json.hpp>

namespace quipu::tool {

/// The kernels and functions of all phases before code generation. Those that a phase left as they were stand once:
///   {"parts": [{"kind", "name", "head", "arguments": [name], "groups": [{"layers": "layers 0-7, 8 alike" or "",
///               "ops": [{"op", "place", "text", "weights": [name], "types": of results, "kernel": left out if
///               none}]}], "edges": [[source, result, op, operand, next]]}],
///    "phases": [{"name", "parts": [number]}]}
/// An edge goes from a result of an op to an operand of an op. Ops are counted through all groups; source -1 is the
/// first argument, -2 the second. `next` is 1 if the op is of the layer after that of the source.
nlohmann::ordered_json phaseGraphs(const PhaseHistory &history);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_PHASEGRAPHS_H
