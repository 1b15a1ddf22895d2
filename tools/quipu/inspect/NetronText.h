//===- NetronText.h - A module in the form that Netron reads ----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_NETRONTEXT_H
#define QUIPU_TOOLS_QUIPU_INSPECT_NETRONTEXT_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The functions and kernels of a phase in MLIR, ops in the generic form, with all layers. `phase` is a phase of
/// PhaseHistory that has parts. Netron knows the generic form of any dialect, and shows functions: so kernels are
/// functions too, weights are attributes of the ops that read them, and attributes of dialects are strings.
std::string netronText(const nlohmann::ordered_json &phase);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_NETRONTEXT_H
