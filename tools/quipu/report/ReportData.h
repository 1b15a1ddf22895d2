//===- ReportData.h - What a report shows ------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_REPORTDATA_H
#define QUIPU_TOOLS_QUIPU_REPORT_REPORTDATA_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace quipu::tool {

/// Everything that the page needs, from the views of `inspect`:
///   {"name": of the model, "source": what was asked about, "compiler", "target", "config", "kv_cache": as `inspect
///    --json` has them,
///    "phases": as PhasesView.h, "timing", "graphs": as PhaseGraphs.h,
///    "fields": [{"name", "text"}], "kernels": [{"name", "places", "configs", "weights", "schedule", "symbols",
///               "decisions": [number], "ops": [{"op", "place", "line", "text", "configs", "weights"}]}],
///    "decisions": [{"pass", "program", "kernel", "names", "layers": text, "text", "aspect", "candidate", "verdict"}],
///    "origins": [{"place", "configs", "weights"}],
///    "memory": as MemoryView.h, "weights": [{"name", "layers", "shape", "dtype", "bytes", "count", "transform",
///    "from"}], "costs": [as CostView.h], "profile": as ProfileJson.h, or null, "listings": as KernelListings.h}
/// Listings are cut so that a page with `frameBytes` around the data stays below 1 MB.
/// `source`: the path that the user gave. `ceilings`: whose costs are under, where there is no profile
/// (CostCeilings::of). Throws Error if the plan was compiled without --keep-ir.
nlohmann::ordered_json reportData(const PlanFile &plan, const std::string &source,
                                  const nlohmann::ordered_json &profile, const std::string &ceilings = {},
                                  size_t frameBytes = 0);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_REPORTDATA_H
