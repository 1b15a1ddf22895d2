//===- WeightsView.h - From tensors in files to weights in memory -----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_WEIGHTSVIEW_H
#define QUIPU_TOOLS_QUIPU_INSPECT_WEIGHTSVIEW_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// All files and weights, and sums:
///   {"files": [{"path", "size"}],
///    "weights": [as in `inspect --json`, and "bytes" in memory, "layer": number or null, "folded": the name with {}],
///    "totals": {"count", "bytes", "by_transform": {"none": {"count", "bytes"}}, "by_format": {"bf16": {...}},
///               "rounding_error": {"least", "mean", "most"} or null}}
nlohmann::ordered_json weightsJson(const PlanFile &plan);

/// The same with layers that are alike in one line.
std::string weightsViewText(const nlohmann::ordered_json &weights);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_WEIGHTSVIEW_H
