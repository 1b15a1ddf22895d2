//===- InsightRecord.h - What --keep-ir puts into a plan --------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_INSIGHTRECORD_H
#define QUIPU_TOOLS_QUIPU_COMPILE_INSIGHTRECORD_H

#include "runtime/abi/plan_generated.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace quipu::tool {

/// Collects what the compiler did, for the table Insight of the plan. Texts are compressed when they are added.
class InsightRecord {
public:
  using Json = nlohmann::ordered_json;

  /// A part of the JSON record, which its owner fills. Names: "phases", "timing", "decisions", "fields", "steps",
  /// "kernels", "tunable", "source". It is null before.
  Json &section(std::string_view name) { return record[std::string(name)]; }

  /// The module after a phase.
  void addPhase(const std::string &name, std::string_view text);

  /// The module after the last phase before code generation, whose lines debug information counts.
  void setSource(std::string_view text);

  /// The table. setSource must have been called.
  plan::InsightT pack() const;

private:
  plan::InsightT table;
  Json record = Json::object();
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_INSIGHTRECORD_H
