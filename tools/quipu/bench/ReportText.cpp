//===- ReportText.cpp - bench's tables ---------------------------------------------------===//

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/bench/Report.h"

namespace quipu::tool {

/// One line for all rows of a setting.
static std::string settingLine(const BenchResult &result) {
  const BenchSetting &setting = result.setting;
  std::string line = concat("device: ", setting.device, "; ", setting.memoryCeiling, " ceiling ",
                            fixed(result.row.ceilingBytes / 1e9, 1), " GB/s, ", setting.arithmeticCeiling);
  // Without cuBLAS a GPU's arithmetic is not measured.
  if (result.row.ceilingOperations > 0)
    line += concat(" ceiling ", fixed(result.row.ceilingOperations / 1e12, 3), " TFLOP/s");
  return line + "\n";
}

static std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

static std::string tableLine(const BenchResult &result) {
  const BenchRow &row = result.row;
  double amount = row.isMemoryBound ? row.work.bytes() : row.work.operations;
  std::string achieved = row.isMemoryBound ? fixed(amount * row.rate.mean / 1e9, 2) + " GB/s"
                                           : fixed(amount * row.rate.mean / 1e12, 3) + " TFLOP/s";
  return concat("| ", result.setting.model, " | ", binaryBytes(double(result.setting.weightBytes)), " | ",
                result.setting.dtypeColumn, " | ", row.threads ? std::to_string(row.threads) : "GPU", " | ",
                row.test.name(), " | ", fixed(row.rate.mean, 2), " ± ", fixed(row.rate.deviation, 2), " | ",
                fixed(row.rate.median, 2), " | ", achieved, " | ", row.ofCeiling ? percent(*row.ofCeiling) : "-",
                " |\n");
}

static std::string microseconds(double seconds) { return fixed(seconds * 1e6, 1); }

static std::string profileTable(const BenchRow &row) {
  const StepProfile &profile = *row.profile;
  uint64_t rows = profile.rows;
  std::string text = concat("\n", row.test.name(),
                            row.threads ? concat(", ", row.threads, row.threads == 1 ? " thread" : " threads") : "",
                            ": one launch of ", rows, rows == 1 ? " row" : " rows",
                            "; microseconds of all launches of a kernel: median, least and most of the runs\n\n"
                            "| kernel | place | launches | us | min | max | share | GB/s | TFLOP/s | of ceiling |\n"
                            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  double whole = profile.whole.median;
  auto share = [&](double seconds) { return whole > 0 ? percent(seconds / whole) : std::string("-"); };
  for (const ProfileLine &line : profile.lines) {
    double seconds = line.seconds.median;
    bool isRated = seconds > 0;
    text += concat("| ", line.entry, " | ", line.place, " | ", line.launches, " | ", microseconds(seconds), " | ",
                   microseconds(line.seconds.min), " | ", microseconds(line.seconds.max), " | ", share(seconds), " | ",
                   isRated && line.work.bytes() > 0 ? fixed(line.work.bytes() / seconds / 1e9, 1) : "-", " | ",
                   isRated && line.work.operations > 0 ? fixed(line.work.operations / seconds / 1e12, 3) : "-", " | ",
                   isRated && line.work.bytes() + line.work.operations > 0
                       ? percent(line.ofCeiling(row.ceilingBytes, row.ceilingOperations))
                       : "-",
                   " |\n");
  }
  double sum = profile.stepSeconds(), waiting = profile.waiting.total();
  text += concat("| all kernels | | | ", microseconds(sum), " | | | ", share(sum), " | | | |\n");
  text += concat("| ", waiting < 0 ? "overlap of kernels" : "waiting", " | | | ", microseconds(waiting), " | | | ",
                 share(waiting), " | | | |\n");
  text += concat("| whole step | | | ", microseconds(whole), " | ", microseconds(profile.whole.min), " | ",
                 microseconds(profile.whole.max), " | ", share(whole), " | | | |\n");
  return text;
}

std::string benchMarkdown(const std::vector<BenchResult> &results) {
  std::string text;
  // Ceilings are the best so far, so the last row of a setting has the setting's ceilings.
  for (size_t i = 0; i < results.size(); ++i)
    if (i + 1 == results.size() || results[i].setting.device != results[i + 1].setting.device)
      text += settingLine(results[i]);
  text += "\n| model | size | dtype | threads | test | t/s | median | achieved | of ceiling |\n"
          "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const BenchResult &result : results)
    text += tableLine(result);
  for (const BenchResult &result : results)
    if (result.row.profile)
      text += profileTable(result.row);
  return text;
}

} // namespace quipu::tool
