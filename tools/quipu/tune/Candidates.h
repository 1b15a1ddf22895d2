//===- Candidates.h - Schedules that are worth measuring --------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_TUNE_CANDIDATES_H
#define QUIPU_TOOLS_QUIPU_TUNE_CANDIDATES_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// Numbers of a schedule, by the names of the options of llama-select-schedules.
using ScheduleNumbers = std::map<std::string, int64_t>;

/// The schedule of a linear kernel for a CPU, as far as a search needs it.
struct CpuSchedule {
  bool isMany = false;
  int64_t lanes = 0;
  /// "fma", "bf16", "amx_int8", ...
  std::string dot;
  ScheduleNumbers numbers;
  /// Of what a run over many rows is a multiple: targets with dot products of bf16 take features in pairs.
  int64_t runMultiple = 1;
  /// The rows of its weight may lie interleaved, so runs have the lengths that fit them.
  bool isInBlocks = false;

  /// Reads the printed attribute (#llama.cpu_linear<...>). Nothing for other kernels.
  static std::optional<CpuSchedule> parse(std::string_view text);
};

/// A change of some numbers, which is tried on all kernels that it is for at once.
struct ScheduleMove {
  bool isMany;
  ScheduleNumbers numbers;

  /// "run = 3, vectors = 4".
  std::string name() const;
};

/// The changes in the order in which they are tried. Those over few and over many rows do not meet in a kernel, so two
/// of them are measured in one plan.
std::vector<ScheduleMove> scheduleMoves();

/// The numbers that a kernel has after a move. Nothing if it changes none of them, or no such schedule is valid.
std::optional<ScheduleNumbers> applyMove(const ScheduleMove &move, const CpuSchedule &schedule);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_CANDIDATES_H
