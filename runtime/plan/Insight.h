//===- Insight.h - What a plan says about its compilation -------------------*- C++ -*-===//
//
// The table Insight of plan.fbs. `quipu compile --keep-ir` writes it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PLAN_INSIGHT_H
#define QUIPU_RUNTIME_PLAN_INSIGHT_H

#include "runtime/plan/PlanFile.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// A text in the form that the table holds.
std::vector<uint8_t> compressText(std::string_view text);

/// What the compiler kept in a plan. Texts are uncompressed when they are asked for. Every function throws Error that
/// begins with the plan's path if a text is damaged.
class Insight {
public:
  /// Throws Error that says how to compile again if the plan has no such table.
  static Insight of(const PlanFile &file);
  static bool isIn(const PlanFile &file) { return file.plan().insight(); }

  /// The module after the last phase before code generation; debug information counts its lines.
  std::string source() const { return uncompress(*table->source(), "source"); }
  /// The names of the phases whose modules are kept, in order.
  std::vector<std::string> phases() const;
  /// The module after this phase, whose prefix "llama-" may be left out. Throws Error that lists the phases if there is
  /// none of the name.
  std::string phase(std::string_view name) const;
  /// JSON text.
  std::string record() const { return uncompress(*table->record(), "record"); }

private:
  Insight(const PlanFile &file, const plan::Insight &table) : file(&file), table(&table) {}
  std::string uncompress(const flatbuffers::Vector<uint8_t> &bytes, std::string_view field) const;

  const PlanFile *file;
  const plan::Insight *table;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_INSIGHT_H
