//===- Candidates.cpp - Schedules that are worth measuring --------------------------------===//

#include "tools/quipu/tune/Candidates.h"

#include "runtime/support/Error.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace quipu::tool {

/// "8" of "..., run = 8, ...". Empty if there is no such field.
static std::string_view fieldOf(std::string_view text, std::string_view name) {
  for (std::string_view before : {"<", ", "}) {
    std::string key = concat(before, name, " = ");
    if (size_t at = text.find(key); at != std::string_view::npos) {
      std::string_view rest = text.substr(at + key.size());
      return rest.substr(0, rest.find_first_of(",>"));
    }
  }
  return {};
}

static int64_t numberOf(std::string_view text, std::string_view name) {
  std::string_view digits = fieldOf(text, name);
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::optional<CpuSchedule> CpuSchedule::parse(std::string_view text) {
  if (!text.starts_with("#llama.cpu_linear<"))
    return std::nullopt;
  CpuSchedule schedule;
  schedule.isMany = fieldOf(text, "rows") == "many";
  schedule.lanes = numberOf(text, "lanes");
  schedule.dot = fieldOf(text, "dot");
  if (schedule.isMany)
    schedule.numbers = {{"run", numberOf(text, "run")},
                        {"vectors", numberOf(text, "vectors")},
                        {"row-tiles", numberOf(text, "rowTiles")}};
  else
    schedule.numbers = {{"few-run", numberOf(text, "run")},
                        {"streams", numberOf(text, "streams")},
                        {"prefetch", numberOf(text, "prefetch")}};
  return schedule;
}

std::string ScheduleMove::name() const {
  std::string text;
  for (const auto &[number, value] : numbers)
    text += concat(text.empty() ? "" : ", ", number, " = ", value);
  return text;
}

std::vector<ScheduleMove> scheduleMoves() {
  std::vector<ScheduleMove> moves;
  for (int64_t run : {4, 16, 2})
    moves.push_back({false, {{"few-run", run}}});
  for (int64_t prefetch : {1024, 2560, 4096, 0})
    moves.push_back({false, {{"prefetch", prefetch}}});
  for (int64_t streams : {2, 4, 1})
    moves.push_back({false, {{"streams", streams}}});
  for (auto [run, vectors] : {std::pair(3, 4), std::pair(2, 3), std::pair(3, 2), std::pair(6, 2), std::pair(2, 6),
                              std::pair(4, 2), std::pair(2, 2), std::pair(1, 5), std::pair(4, 3)})
    moves.push_back({true, {{"run", run}, {"vectors", vectors}}});
  for (int64_t tiles : {32, 96, 256})
    moves.push_back({true, {{"row-tiles", tiles}}});
  return moves;
}

/// Vectors that a tile over many rows keeps in registers: sums of both streams, input, and one of weights.
static int64_t registersOf(const ScheduleNumbers &numbers) {
  return 2 * numbers.at("run") * numbers.at("vectors") + numbers.at("vectors") + 1;
}

std::optional<ScheduleNumbers> applyMove(const ScheduleMove &move, const CpuSchedule &schedule) {
  if (move.isMany != schedule.isMany)
    return std::nullopt;
  ScheduleNumbers numbers = schedule.numbers;
  for (const auto &[name, value] : move.numbers)
    numbers[name] = value;
  if (numbers == schedule.numbers)
    return std::nullopt;
  if (!move.isMany) {
    // Runs of rows that lie interleaved have whole groups of them.
    if (schedule.isInBlocks && move.numbers.contains("few-run"))
      return std::nullopt;
    if (numbers["streams"] > numbers["few-run"])
      return std::nullopt;
    return numbers;
  }
  bool isTile = move.numbers.contains("run");
  // Tiles of the hardware have one size. Sums that do not fit the registers would go to memory.
  if (isTile && schedule.dot.starts_with("amx"))
    return std::nullopt;
  if (isTile && numbers["run"] % schedule.runMultiple)
    return std::nullopt;
  auto run = static_cast<uint64_t>(numbers["run"]);
  if (isTile && schedule.isInBlocks && (!std::has_single_bit(run) || 2 * numbers["run"] > schedule.lanes))
    return std::nullopt;
  if (isTile && registersOf(numbers) > (schedule.lanes == 16 ? 32 : 16))
    return std::nullopt;
  return numbers;
}

} // namespace quipu::tool
