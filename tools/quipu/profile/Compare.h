//===- Compare.h - Two profiles side by side --------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_COMPARE_H
#define QUIPU_TOOLS_QUIPU_PROFILE_COMPARE_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// A profile, and what messages call it.
struct NamedProfile {
  std::string name;
  nlohmann::ordered_json profile;
};

/// Throws Error if the two are of different kinds. It looks only at the parts of their tests, so one may be a profile
/// that is not measured yet.
void checkSameKind(const NamedProfile &a, const NamedProfile &b);

/// The places of two profiles side by side, those that differ most first: {"a", "b": name, model, device, test and
/// ceilings, "places": [{"place", "us_a", "us_b", "difference_us", "ratio"}], then the same for waiting and the whole}.
/// A place that only one has is null in the other. Throws Error as checkSameKind().
nlohmann::ordered_json compareProfiles(const NamedProfile &a, const NamedProfile &b);

/// What compareProfiles() gives, as a table.
std::string comparisonText(const nlohmann::ordered_json &comparison);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_COMPARE_H
