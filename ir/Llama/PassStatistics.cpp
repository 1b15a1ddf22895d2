//===- PassStatistics.cpp - What passes count -----------------------------===//

#include "ir/Llama/PassStatistics.h"

#include "llvm/Support/raw_ostream.h"

namespace quipu {

void PassStatisticsReport::add(mlir::Pass *pass, llvm::StringRef target) {
  // The statistics of other passes are MLIR's, which have no numbers.
  if (!pass->getArgument().starts_with("llama-"))
    return;
  std::string who = pass->getName().str() + (target.empty() ? "" : " for ") + target.str();
  for (mlir::Pass::Statistic *each : pass->getStatistics()) {
    auto &statistic = *static_cast<PassStatistic *>(each);
    add(who, statistic.name, statistic.take(), statistic.description);
  }
}

void PassStatisticsReport::add(const std::string &who, const std::string &name, uint64_t count,
                               const std::string &description) {
  std::lock_guard lock(mutex);
  Line &line = counted[who][name];
  line.count += count;
  line.description = description;
}

PassStatisticsReport::~PassStatisticsReport() {
  if (counted.empty())
    return;
  std::string text;
  llvm::raw_string_ostream stream(text);
  std::string rule = "===" + std::string(73, '-') + "===\n";
  stream << rule << std::string(25, ' ') << "... Pass statistics report ...\n" << rule;
  for (const auto &[who, lines] : counted) {
    stream << who << "\n";
    for (const auto &[name, line] : lines)
      stream << "  (S) " << line.count << " " << name << " - " << line.description << "\n";
  }
  print(text);
}

} // namespace quipu
