//===- PassStatistics.cpp - What passes count -----------------------------===//

#include "ir/Llama/PassStatistics.h"

#include "llvm/Support/raw_ostream.h"

namespace quipu {

void PassStatisticsReport::add(mlir::Pass *pass) {
  // The statistics of other passes are MLIR's, which have no numbers.
  if (!pass->getArgument().starts_with("llama-"))
    return;
  for (mlir::Pass::Statistic *each : pass->getStatistics()) {
    auto &statistic = *static_cast<PassStatistic *>(each);
    Line &line = passes[pass->getName()][statistic.name];
    line.count += statistic.take();
    line.description = statistic.description;
  }
}

PassStatisticsReport::~PassStatisticsReport() {
  if (passes.empty())
    return;
  std::string text;
  llvm::raw_string_ostream stream(text);
  std::string rule = "===" + std::string(73, '-') + "===\n";
  stream << rule << std::string(25, ' ') << "... Pass statistics report ...\n" << rule;
  for (const auto &[pass, lines] : passes) {
    stream << pass << "\n";
    for (const auto &[name, line] : lines)
      stream << "  (S) " << line.count << " " << name << " - " << line.description << "\n";
  }
  print(text);
}

} // namespace quipu
