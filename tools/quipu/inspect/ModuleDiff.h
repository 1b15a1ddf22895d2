//===- ModuleDiff.h - What phases did to a module ---------------------------*- C++ -*-===//
//
// Modules are compared as the record has them (tools/quipu-compile/FoldedModule.h): layers that are the same stand
// once, values have names of places, and there are no locations. So what differs is what the phases changed. Each
// kernel and function is compared with what it was made of: the one of its name, or of its name in another program
// (@decode.qkv with @forward.qkv).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_MODULEDIFF_H
#define QUIPU_TOOLS_QUIPU_INSPECT_MODULEDIFF_H

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

/// The lines of a part of a folded module. Of the code of a kernel they are the functions, without locations: the
/// kernel is a part of its own.
std::vector<std::string> linesOfPart(const nlohmann::ordered_json &part);

/// "layers 0-7, 8 alike", "layers 0,2,4, 3 alike", "layer 3".
std::string alikeLayersText(const nlohmann::ordered_json &layers);

/// The parts that differ between the modules after two phases:
///   {"from": "import", "to": "llama-expand",
///    "parts": [{"kind": "function", "before": "forward" or null, "after": "forward" or null,
///               "hunks": [{"before": 12, "lines_before": 3, "after": 12, "lines_after": 5, "lines": [" ...", "-...",
///               "+..."]}]}],
///    "renamed": [{"kind", "before": "forward.qkv", "after": "decode.qkv"}], "same": [{"kind", "name"}]}
/// `renamed` are parts that differ in their name alone. A removed part has no "after", a new one no "before".
nlohmann::ordered_json moduleDiffJson(const nlohmann::ordered_json &before, const nlohmann::ordered_json &after);

/// The same as `diff -u` prints it.
std::string moduleDiffText(const nlohmann::ordered_json &diff);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_MODULEDIFF_H
