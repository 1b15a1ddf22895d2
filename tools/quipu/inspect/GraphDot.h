//===- GraphDot.h - The dataflow of a module, for Graphviz ------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_GRAPHDOT_H
#define QUIPU_TOOLS_QUIPU_INSPECT_GRAPHDOT_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The functions of a phase as a graph in the language of dot. `phase` is a phase of PhaseHistory that has parts.
/// Layers that are alike stand once, with a dashed edge for what the next layer gets. A launch shows what its kernel
/// computes.
std::string graphDot(const nlohmann::ordered_json &phase);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_GRAPHDOT_H
