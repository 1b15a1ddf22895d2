//===- PhaseHistory.h - What a plan keeps of the compiler's phases ----------*- C++ -*-===//
//
// Reads the part "phases" of the record that --keep-ir leaves in a plan (tools/quipu-compile/PhaseRecord.h).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_PHASEHISTORY_H
#define QUIPU_TOOLS_QUIPU_INSPECT_PHASEHISTORY_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

class PhaseHistory {
public:
  using Json = nlohmann::ordered_json;

  /// Throws Error if the plan was compiled without --keep-ir, or by a compiler that kept less.
  explicit PhaseHistory(const PlanFile &plan);

  /// All phases in order, as PhaseRecord.h describes them.
  const Json &phases() const { return record.at("phases"); }
  /// The parts of the compilation that took time: {"name", "seconds"}.
  const Json &timing() const { return record.at("timing"); }

  /// The phase of a name, whose prefix "llama-" may be left out. Throws UsageError that lists the phases. `option` is
  /// what gave the name.
  const Json &phase(const std::string &name, const std::string &option) const;

  /// The same of a phase whose module is kept. Throws UsageError for others: a plan of an older compiler keeps none of
  /// code generation.
  const Json &module(const std::string &name, const std::string &option) const;

  /// The last phase before code generation whose module is kept.
  const Json &lastModule() const;

  /// Whether a phase has given kernels code.
  static bool hasCode(const Json &phase);

private:
  Json record;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_PHASEHISTORY_H
