//===- PhasesView.h - What each phase of the compiler did -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_PHASESVIEW_H
#define QUIPU_TOOLS_QUIPU_INSPECT_PHASESVIEW_H

#include "tools/quipu/inspect/PhaseHistory.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// Of each phase its time, the number of ops of each kind behind it, what that is more or less than before, and what
/// its pass counted:
///   {"phases": [{"name", "us", "ops", "operations": {"llama.linear": 56}, "changes": {"llama.rotary": -16},
///                "fired": [{"name", "count", "description"}]}],
///    "timing": [{"name", "us"}]}
nlohmann::ordered_json phasesJson(const PhaseHistory &history);
std::string phasesText(const nlohmann::ordered_json &view);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_PHASESVIEW_H
