//===- TraceFile.h - Profiles on a time line ---------------------------------*- C++ -*-===//
//
// The trace event format of Chrome, which ui.perfetto.dev opens: a track for each thread of a CPU or the stream of a
// GPU, with a slice for each launch, and one with the runs.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_TRACEFILE_H
#define QUIPU_TOOLS_QUIPU_PROFILE_TRACEFILE_H

#include "tools/quipu/profile/Profiler.h"

#include <functional>
#include <string_view>

namespace quipu::tool {

/// Calls write() with the parts of the file. The observed runs follow each other; what was between them (runs that
/// nobody observes) is left out.
void writeTrace(const plan::Plan &plan, const Profile &profile, const std::function<void(std::string_view)> &write);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_TRACEFILE_H
