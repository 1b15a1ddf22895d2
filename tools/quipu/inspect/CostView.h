//===- CostView.h - What each kernel has to do, and how long that takes at best --*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_COSTVIEW_H
#define QUIPU_TOOLS_QUIPU_INSPECT_COSTVIEW_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/bench/Test.h"
#include "tools/quipu/inspect/CostCeilings.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

/// All launches of a kernel.
struct KernelCost {
  std::string name, program;
  /// The first place: "layers.0-7.mlp.down_proj".
  std::string place;
  size_t launches = 0;
  Work work = {};

  /// Operations for each byte.
  double intensity() const { return work.allBytes() > 0 ? work.operations / work.allBytes() : 0; }
  /// Seconds that the bytes and the operations take at the ceilings.
  double memorySeconds(const CostCeilings &ceilings) const;
  double computeSeconds(const CostCeilings &ceilings) const;
};

/// The kernels of a prompt, or of one step of generation (test.prompt is 0), in the order in which they run. Throws
/// Error if the plan has no room for the test.
std::vector<KernelCost> costsOf(const PlanFile &plan, const BenchTest &test);

/// {"test": "pp256@d512 b2", "prompt", "depth", "batch",
///  "ceiling_GBps", "ceiling_TFLOPs", "ceiling_memory", "ceiling_instruction", "ceiling_source": null where not known,
///  "ceiling_problem",
///  "kernels": [{"name", "program", "place", "count", "bytes_weights", "bytes_activations", "bytes_cache", "bytes",
///               "flops", "intensity", "bound": "memory", "compute" or null, "us": predicted, or null}],
///  "total": {"bytes_weights", "bytes_activations", "bytes_cache", "flops", "us"}}
nlohmann::ordered_json costJson(const std::vector<KernelCost> &costs, const BenchTest &test,
                                const CostCeilings &ceilings);
std::string costText(const nlohmann::ordered_json &cost);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_COSTVIEW_H
