//===- CostCeilings.h - What a device can do at best, for predictions -------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_COSTCEILINGS_H
#define QUIPU_TOOLS_QUIPU_INSPECT_COSTCEILINGS_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The two ceilings by which costs become times, per second. 0: not known.
struct CostCeilings {
  double bytes = 0, operations = 0;
  /// What they are of: "read", "AVX-512 bf16 dot products".
  std::string bytesName, operationsName;
  /// "measured now", "published for NVIDIA H100 SXM", "of before.json". Empty if there are none.
  std::string source;
  /// Why this device was not measured. Empty: it was, or nobody wanted it.
  std::string problem;

  bool areKnown() const { return bytes > 0 && operations > 0; }

  /// Those that --ceilings names: a GPU (publishedGpuNames()) or the file of a saved profile. If it names none they are
  /// measured; of a GPU that is not here they are published ones. Throws Error if the name means nothing, or what it
  /// means does not run the plan.
  static CostCeilings of(const PlanFile &plan, const std::string &name);

  /// A short measurement on the device that the plan is for; no weights are loaded.
  static CostCeilings measure(const PlanFile &plan);

  /// Those that a profile measured. `source`: as above.
  static CostCeilings ofProfile(const nlohmann::ordered_json &profile, const std::string &source);
};

/// The GPUs whose ceilings are known: "h100, h200, …".
std::string publishedGpuNames();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_COSTCEILINGS_H
