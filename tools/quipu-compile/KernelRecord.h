//===- KernelRecord.h - Where the kernels of a plan come from ---*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_KERNELRECORD_H
#define QUIPU_TOOLS_QUIPU_COMPILE_KERNELRECORD_H

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The module as text with its locations. Every op's location is fused with its line in this text (sourceLineOf).
std::string takeSource(mlir::ModuleOp module);

/// The fields of the config from which any op comes:
///   {"name", "key": what the file calls it, "file", "line": from 1, or 0, "text": that line,
///    "reason": where the value comes from if the file does not have it}
nlohmann::ordered_json fieldRecord(mlir::ModuleOp module);

/// The kernels of a planned module:
///   {"name", "place", "places": of all launches, with {} for the layer, "configs": names of fields, "weights",
///    "lines": [first, last] in the text of takeSource, or null,
///    "ops": [{"op": "llama.linear", "place", "line", "configs", "weights"}]}
/// `prefix` stands before the names, as in the plan.
nlohmann::ordered_json kernelRecord(mlir::ModuleOp module, const std::string &prefix = "");

/// The steps of all programs, each place once: {"place": with {} for the layer, "configs", "weights"}.
nlohmann::ordered_json stepRecord(mlir::ModuleOp module);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_KERNELRECORD_H
