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

/// Kernels whose schedules have the same numbers. Attention of a GPU is that of few rows: that of many rows has none.
enum class ScheduleFamily { CpuFew, CpuMany, CudaRing, CudaFew, CudaMany, CudaAttention };

/// The schedule of a kernel, as far as a search needs it.
struct TunableSchedule {
  ScheduleFamily family = ScheduleFamily::CpuFew;
  ScheduleNumbers numbers;
  /// "fma", "bf16", "amx_int8", "wgmma", ...
  std::string dot;

  // Of a CPU.
  int64_t lanes = 0;
  /// Of what a run over many rows is a multiple: targets with dot products of bf16 take features in pairs.
  int64_t runMultiple = 1;
  /// The rows of its weight may lie interleaved, so runs have the lengths that fit them.
  bool isInBlocks = false;

  // Of CudaMany. "rows" are those of one operand; these are those of the other, the elements of 2 bytes of a row in a
  // stage, and what shared memory holds of sums.
  int64_t otherRows = 0, depth = 0, warps = 0;

  /// Reads the printed attribute (#llama.cpu_linear<...>). Nothing for kernels that have no numbers to search.
  static std::optional<TunableSchedule> parse(std::string_view text);
};

/// A change of some numbers, which is tried on all kernels of a family at once.
struct ScheduleMove {
  ScheduleFamily family;
  ScheduleNumbers numbers;
  /// Its gain is how far kernels overlap, so only whole steps show it.
  bool isForOverlap = false;

  /// "run = 3, vectors = 4".
  std::string name() const;
};

/// The candidates in the order in which they are tried. The moves of one are for different families, which do not meet
/// in a kernel, so all of them are measured in one plan. A move for overlap is alone.
std::vector<std::vector<ScheduleMove>> cpuCandidates();
std::vector<std::vector<ScheduleMove>> cudaCandidates();

/// The numbers that a kernel has after a move. Nothing if it changes none of them, or no such schedule is valid.
std::optional<ScheduleNumbers> applyMove(const ScheduleMove &move, const TunableSchedule &schedule);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_CANDIDATES_H
