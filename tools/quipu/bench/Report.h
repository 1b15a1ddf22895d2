//===- Report.h - How bench says what it found ------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_REPORT_H
#define QUIPU_TOOLS_QUIPU_BENCH_REPORT_H

#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/bench/Test.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// What all rows of a benchmark share.
struct BenchSetting {
  std::string model, dtype, kvDtype;
  /// As tables show it: "f32 (weights bf16)" where the matrices are stored in another type.
  std::string dtypeColumn;
  uint64_t weightBytes = 0;
  /// "cpu:x86-64-v4", "cuda:sm_90a".
  std::string target;
  /// "AMD EPYC ..., 2 threads"; "NVIDIA H100 80GB HBM3, driver 580.95.05".
  std::string device;
  /// Memory of a GPU while the benchmark ran.
  std::optional<uint64_t> deviceMemoryUsed;
  /// What the ceilings are: "read", "vdpbf16ps zmm".
  std::string memoryCeiling, arithmeticCeiling;
  /// Of this program.
  std::string version, commit;

  /// Call it after the tests: it reports the memory that is used at the time of the call.
  static BenchSetting of(const Model &model, const std::string &planPath, const Ceilings &ceilings);
};

/// A row, and the setting in which it was measured. Models with other numbers of threads have other settings.
struct BenchResult {
  BenchSetting setting;
  BenchRow row;
};

/// Tables for people; profiles follow the table of rows.
std::string benchMarkdown(const std::vector<BenchResult> &results);
/// An array with an object for each row; see describe() in ReportJson.cpp for the names.
std::string benchJson(const std::vector<BenchResult> &results);
/// The same names as columns, without profiles.
std::string benchCsv(const std::vector<BenchResult> &results);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_REPORT_H
