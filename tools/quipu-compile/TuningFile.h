//===- TuningFile.h - Schedules that were measured on a machine -*- C++ -*-===//
//
// What `quipu tune` writes and --tuning takes:
//
//   {"tuning": 1, "compiler": as compilerName(), "target": {"device", "requested", "features"},
//    "assembler": "ptxas 13.0.88", "machine": {"cpu", ...} or {"gpu", "capability", "driver", ...},
//    "kernels": [{"name", "shape", "numbers": {"few-run": 4}, "us_before", "us_after"}]}
//
// A number that was measured is worth nothing for another compiler, other instructions or another kernel.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_TUNINGFILE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_TUNINGFILE_H

#include "tools/quipu-compile/Backend.h"

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

class TuningFile {
public:
  using Json = nlohmann::ordered_json;

  /// What a tuning file says of where it holds: the compiler, the target, and the kernels of a module that is not
  /// scheduled yet, with their shapes.
  static Json subject(mlir::ModuleOp module, const Backend &backend);

  /// Reads a file. `targetText`: as for --target. Throws Error if it is damaged, was measured with another compiler or
  /// assembler, for another target or on another machine than this one, or has a number that no schedule may have.
  /// Where the plan may be for another machine than this one, a note says on which it was measured.
  TuningFile(const std::string &path, const Backend &backend, const std::string &targetText);

  /// Throws Error if a kernel of the file is not in the module, which is not scheduled yet, or is another one there.
  void check(mlir::ModuleOp module) const;

  /// The option `tuned` of llama-select-schedules.
  std::vector<std::string> tuned() const;

private:
  struct Kernel {
    std::string name, shape, tuned;
  };

  void read(const Json &json, const Backend &backend);
  void checkCpu(const Json &machine, const codegen::PlanTarget &target) const;
  void checkGpu(const Json &machine, bool isDriverCompiling) const;

  std::string path;
  std::vector<Kernel> kernels;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_TUNINGFILE_H
