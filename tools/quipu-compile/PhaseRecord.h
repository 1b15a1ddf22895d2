//===- PhaseRecord.h - What a phase did -------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_PHASERECORD_H
#define QUIPU_TOOLS_QUIPU_COMPILE_PHASERECORD_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The module behind a phase, and what its pass counted:
///   {"name", "seconds", "operations": {"llama.linear": 56, ...}, "statistics": [{"name", "count", "description"}],
///    "parts": as FoldedModule.h says}
/// Code generation has more parts, one for each kernel: {"kind": "code", "name": of the kernel, "text": as KernelText.h
/// says}.
/// `pass` is null for a module that no pass made: that of the import, or of a file. `seconds` is 0 for that of a file.
nlohmann::ordered_json phaseRecord(const std::string &name, double seconds, const mlir::Pass *pass,
                                   mlir::ModuleOp module);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_PHASERECORD_H
