//===- PhaseHistory.cpp - What a plan keeps of the compiler's phases ---------------------===//

#include "tools/quipu/inspect/PhaseHistory.h"

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

#include <algorithm>

namespace quipu::tool {

using Json = PhaseHistory::Json;

PhaseHistory::PhaseHistory(const PlanFile &plan)
    : record(Json::parse(Insight::of(plan).record(), nullptr, /*allow_exceptions=*/false)) {
  if (record.is_discarded())
    fail(plan.path(), ": its record of the compilation is damaged; compile again");
  if (!record.contains("phases") || !record.contains("timing"))
    fail(plan.path(), ": its record has no phases, as it was made by an older compiler; compile again with --keep-ir");
}

const Json &PhaseHistory::phase(const std::string &name, const std::string &option) const {
  std::string known;
  for (const Json &phase : phases()) {
    std::string candidate = phase.at("name");
    if (candidate == name || candidate == "llama-" + name)
      return phase;
    known += (known.empty() ? "" : ", ") + candidate;
  }
  throw UsageError(concat(option, ": no phase has the name '", name, "'; phases: ", known));
}

const Json &PhaseHistory::module(const std::string &name, const std::string &option) const {
  const Json &found = phase(name, option);
  if (!found.contains("parts"))
    throw UsageError(concat(option, ": the module after ", found.at("name").get<std::string>(),
                            " was not kept by the compiler of this plan; compile again, or take one up to ",
                            lastModule().at("name").get<std::string>()));
  return found;
}

const Json &PhaseHistory::lastModule() const {
  const Json *last = &phases().front();
  for (const Json &phase : phases())
    if (phase.contains("parts") && !hasCode(phase))
      last = &phase;
  return *last;
}

bool PhaseHistory::hasCode(const Json &phase) {
  const Json parts = phase.value("parts", Json::array());
  return std::ranges::any_of(parts, [](const Json &part) { return part.at("kind") == "code"; });
}

} // namespace quipu::tool
