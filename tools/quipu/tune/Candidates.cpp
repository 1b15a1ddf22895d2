//===- Candidates.cpp - Schedules that are worth measuring --------------------------------===//

#include "tools/quipu/tune/Candidates.h"

#include "runtime/support/Error.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <initializer_list>
#include <utility>

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

static bool isTrue(std::string_view text, std::string_view name) { return fieldOf(text, name) == "true"; }

static void readCpuLinear(std::string_view text, TunableSchedule &schedule) {
  bool isMany = fieldOf(text, "rows") == "many";
  schedule.family = isMany ? ScheduleFamily::CpuMany : ScheduleFamily::CpuFew;
  schedule.lanes = numberOf(text, "lanes");
  if (isMany)
    schedule.numbers = {{"run", numberOf(text, "run")},
                        {"vectors", numberOf(text, "vectors")},
                        {"row-tiles", numberOf(text, "rowTiles")}};
  else
    schedule.numbers = {{"few-run", numberOf(text, "run")},
                        {"streams", numberOf(text, "streams")},
                        {"prefetch", numberOf(text, "prefetch")}};
}

/// A tile of tensor cores with wgmma. Where its input fits one tile ("ahead"), no blocks share it.
static void readCudaMany(std::string_view text, TunableSchedule &schedule) {
  bool isWeightFirst = isTrue(text, "weight_first");
  schedule.family = ScheduleFamily::CudaMany;
  schedule.numbers = {{"rows", numberOf(text, isWeightFirst ? "tokens" : "rows")},
                      {"stages", numberOf(text, "stages")}};
  if (!isTrue(text, "ahead"))
    schedule.numbers["cluster"] = numberOf(text, "cluster");
  schedule.otherRows = numberOf(text, isWeightFirst ? "rows" : "tokens");
  schedule.depth = numberOf(text, "depth");
  schedule.warps = numberOf(text, "warps");
}

std::optional<TunableSchedule> TunableSchedule::parse(std::string_view text) {
  TunableSchedule schedule;
  schedule.dot = fieldOf(text, "dot");
  if (text.starts_with("#llama.cpu_linear<")) {
    readCpuLinear(text, schedule);
  } else if (text.starts_with("#llama.cuda_linear_ring<")) {
    schedule.family = ScheduleFamily::CudaRing;
    schedule.numbers = {{"ring-depth", numberOf(text, "depth")},
                        {"ring-stages", numberOf(text, "stages")},
                        {"ring-after-wait", numberOf(text, "afterWait")},
                        {"ring-in-flight-before-wait", numberOf(text, "inFlightBeforeWait")},
                        {"ring-in-flight", numberOf(text, "inFlight")}};
  } else if (text.starts_with("#llama.cuda_linear_few<")) {
    schedule.family = ScheduleFamily::CudaFew;
    schedule.numbers = {{"warps", numberOf(text, "warps")}, {"ahead", numberOf(text, "ahead")}};
  } else if (text.starts_with("#llama.cuda_linear_many<") && schedule.dot == "wgmma") {
    readCudaMany(text, schedule);
  } else if (text.starts_with("#llama.cuda_attention<") && fieldOf(text, "regime") == "few") {
    schedule.family = ScheduleFamily::CudaAttention;
    schedule.numbers = {{"splits", numberOf(text, "splits")}, {"keys", numberOf(text, "keys")}};
  } else {
    return std::nullopt;
  }
  return schedule;
}

std::string ScheduleMove::name() const {
  std::string text;
  for (const auto &[number, value] : numbers)
    text += concat(text.empty() ? "" : ", ", number, " = ", value);
  return text;
}

/// The moves of each family as a list, one of each beside each other.
static std::vector<std::vector<ScheduleMove>> besideEachOther(const std::vector<std::vector<ScheduleMove>> &families) {
  std::vector<std::vector<ScheduleMove>> candidates;
  for (const std::vector<ScheduleMove> &moves : families)
    for (size_t i = 0; i < moves.size(); ++i) {
      candidates.resize(std::max(candidates.size(), i + 1));
      candidates[i].push_back(moves[i]);
    }
  return candidates;
}

static void addMoves(std::vector<ScheduleMove> &moves, ScheduleFamily family, const std::string &number,
                     std::initializer_list<int64_t> values) {
  for (int64_t value : values)
    moves.push_back({family, {{number, value}}});
}

std::vector<std::vector<ScheduleMove>> cpuCandidates() {
  std::vector<ScheduleMove> few, many;
  addMoves(few, ScheduleFamily::CpuFew, "few-run", {4, 16, 2});
  addMoves(few, ScheduleFamily::CpuFew, "prefetch", {1024, 2560, 4096, 6144, 0});
  addMoves(few, ScheduleFamily::CpuFew, "streams", {2, 4, 1});
  for (auto [run, vectors] : {std::pair(3, 4), std::pair(2, 3), std::pair(3, 2), std::pair(6, 2), std::pair(2, 6),
                              std::pair(4, 2), std::pair(2, 2), std::pair(1, 5), std::pair(4, 3)})
    many.push_back({ScheduleFamily::CpuMany, {{"run", run}, {"vectors", vectors}}});
  addMoves(many, ScheduleFamily::CpuMany, "row-tiles", {32, 96, 256});
  return besideEachOther({few, many});
}

std::vector<std::vector<ScheduleMove>> cudaCandidates() {
  // What a ring does while the kernel in front still runs is seen in whole steps. These come first, while nothing else
  // has changed.
  std::vector<std::vector<ScheduleMove>> candidates;
  for (auto [number, value] : {std::pair("ring-in-flight-before-wait", 1), std::pair("ring-after-wait", 3),
                               std::pair("ring-in-flight-before-wait", 3)})
    candidates.push_back({{ScheduleFamily::CudaRing, {{number, value}}, /*isForOverlap=*/true}});
  std::vector<ScheduleMove> ring, few, many, attention;
  addMoves(ring, ScheduleFamily::CudaRing, "ring-depth", {512});
  addMoves(ring, ScheduleFamily::CudaRing, "ring-in-flight", {4, 2, 5});
  addMoves(ring, ScheduleFamily::CudaRing, "ring-stages", {4, 8, 3});
  addMoves(few, ScheduleFamily::CudaFew, "warps", {4, 16});
  addMoves(few, ScheduleFamily::CudaFew, "ahead", {16, 4, 8, 32});
  addMoves(many, ScheduleFamily::CudaMany, "rows", {128, 256, 192, 160, 96, 64, 224, 32});
  addMoves(many, ScheduleFamily::CudaMany, "stages", {4, 5, 6, 3});
  addMoves(many, ScheduleFamily::CudaMany, "cluster", {2, 1});
  addMoves(attention, ScheduleFamily::CudaAttention, "splits", {2, 4, 8, 1, 16, 3});
  addMoves(attention, ScheduleFamily::CudaAttention, "keys", {32, 128, 64, 256});
  for (std::vector<ScheduleMove> &together : besideEachOther({ring, few, many, attention}))
    candidates.push_back(std::move(together));
  return candidates;
}

/// Vectors that a tile over many rows keeps in registers: sums of both streams, input, and one of weights.
static int64_t registersOf(const ScheduleNumbers &numbers) {
  return 2 * numbers.at("run") * numbers.at("vectors") + numbers.at("vectors") + 1;
}

static bool isValidCpuFew(const ScheduleMove &move, const TunableSchedule &schedule, const ScheduleNumbers &numbers) {
  // Runs of rows that lie interleaved have whole groups of them.
  if (schedule.isInBlocks && move.numbers.contains("few-run"))
    return false;
  return numbers.at("streams") <= numbers.at("few-run");
}

static bool isValidCpuMany(const ScheduleMove &move, const TunableSchedule &schedule, const ScheduleNumbers &numbers) {
  if (!move.numbers.contains("run"))
    return true;
  // Tiles of the hardware have one size. Sums that do not fit the registers would go to memory.
  if (schedule.dot.starts_with("amx") || numbers.at("run") % schedule.runMultiple)
    return false;
  auto run = static_cast<uint64_t>(numbers.at("run"));
  if (schedule.isInBlocks && (!std::has_single_bit(run) || 2 * numbers.at("run") > schedule.lanes))
    return false;
  return registersOf(numbers) <= (schedule.lanes == 16 ? 32 : 16);
}

/// Whether the stages of a tile fit into shared memory beside its sums. A move of the rows leaves the stages to the
/// compiler.
static bool isValidCudaMany(const ScheduleMove &move, const TunableSchedule &schedule, const ScheduleNumbers &numbers) {
  constexpr int64_t kTileSharedBytes = 224 * 1024, kWarpSumBytes = 4 * 1024;
  if (move.numbers.contains("rows"))
    return true;
  int64_t stageBytes = (numbers.at("rows") + schedule.otherRows) * schedule.depth * 2;
  return numbers.at("stages") * stageBytes <= kTileSharedBytes - schedule.warps * kWarpSumBytes;
}

static bool isValid(const ScheduleMove &move, const TunableSchedule &schedule, const ScheduleNumbers &numbers) {
  switch (schedule.family) {
  case ScheduleFamily::CpuFew:
    return isValidCpuFew(move, schedule, numbers);
  case ScheduleFamily::CpuMany:
    return isValidCpuMany(move, schedule, numbers);
  case ScheduleFamily::CudaMany:
    return isValidCudaMany(move, schedule, numbers);
  case ScheduleFamily::CudaRing:
    // Where a ring has less room than a number asks for, the compiler takes what fits.
  case ScheduleFamily::CudaFew:
  case ScheduleFamily::CudaAttention:
    return true;
  }
  return false;
}

std::optional<ScheduleNumbers> applyMove(const ScheduleMove &move, const TunableSchedule &schedule) {
  if (move.family != schedule.family)
    return std::nullopt;
  ScheduleNumbers numbers = schedule.numbers;
  for (const auto &[name, value] : move.numbers) {
    auto number = numbers.find(name);
    if (number == numbers.end())
      return std::nullopt;
    number->second = value;
  }
  if (numbers == schedule.numbers || !isValid(move, schedule, numbers))
    return std::nullopt;
  return numbers;
}

} // namespace quipu::tool
