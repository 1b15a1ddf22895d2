//===- InsightRecord.cpp - What --keep-ir puts into a plan -----------------===//

#include "tools/quipu-compile/InsightRecord.h"

#include "runtime/plan/Insight.h"

namespace quipu::tool {

void InsightRecord::addPhase(const std::string &name, std::string_view text) {
  auto phase = std::make_unique<plan::PhaseTextT>();
  phase->name = name;
  phase->text = compressText(text);
  table.phases.push_back(std::move(phase));
}

void InsightRecord::setSource(std::string_view text) { table.source = compressText(text); }

plan::InsightT InsightRecord::pack() const {
  plan::InsightT packed = table;
  packed.record = compressText(record.dump());
  return packed;
}

} // namespace quipu::tool
