//===- MemoryView.cpp - The arena over time, and the cache -------------------------------===//

#include "tools/quipu/inspect/MemoryView.h"

#include "runtime/abi/DataType.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/Columns.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// One cell for each step, with a bar between the sequences.
template <typename Cell> static std::string cells(const ArenaMap &map, Cell cell) {
  std::string text;
  for (size_t step = 0; step < map.steps.size(); ++step) {
    if (step > 0 && map.steps[step].sequence != map.steps[step - 1].sequence)
      text += " |";
    text += paddedLeft(cell(step), 4);
  }
  return text;
}

std::string arenaPicture(const ArenaMap &map) {
  std::string text = concat("    peak: ", map.peakBytes, " of ", map.arenaBytes, " bytes live at step ",
                            map.peakStep + 1, ", ", map.steps.empty() ? "" : map.steps[map.peakStep].name, "\n");
  text += concat("    ", paddedLeft("offset", 10), paddedLeft("bytes", 11), "  steps   ",
                 cells(map, [](size_t step) { return std::to_string(step + 1); }), "   value\n");
  std::vector<const ArenaValue *> values;
  for (const ArenaValue &value : map.values)
    values.push_back(&value);
  std::ranges::sort(values, {}, [](const ArenaValue *value) { return std::pair(value->offset, value->first); });
  for (const ArenaValue *value : values) {
    std::string steps =
        value->first == value->last ? concat(value->first + 1) : concat(value->first + 1, "-", value->last + 1);
    steps.resize(std::max<size_t>(steps.size(), 6), ' ');
    std::string bars = cells(map, [&](size_t step) { return value->livesAt(step) ? "###" : "."; });
    text += concat("    ", paddedLeft(std::to_string(value->offset), 10), paddedLeft(std::to_string(value->bytes), 11),
                   "  ", steps, "  ", bars, "   ", value->name, value->isWorkspace ? ", workspace" : "",
                   value->isCarried ? ", also of the iteration before" : "", "\n");
  }
  return text;
}

uint64_t cacheBytesPerPosition(const plan::KvCache &cache) {
  return uint64_t(2) * cache.layers() * cache.kv_heads() * cache.head_dim() * dtypeSize(cache.dtype());
}

std::string cacheText(const plan::KvCache &cache) {
  uint64_t position = cacheBytesPerPosition(cache);
  return concat(position, " bytes a position (", plan::EnumNameDType(cache.dtype()), "), pages of ", cache.page(),
                " positions, at most ", cache.max_batch(), " sequences of ", cache.max_seq(), " positions (",
                binaryBytes(double(position * cache.max_seq() * cache.max_batch())), ")");
}

static Json arenaJson(const plan::Plan &plan, const plan::Program &program) {
  ArenaMap map = ArenaMap::of(plan, program);
  Json steps = Json::array(), values = Json::array();
  for (size_t i = 0; i < map.steps.size(); ++i)
    steps.push_back({{"name", map.steps[i].name},
                     {"place", map.steps[i].place},
                     {"repeat", map.steps[i].repeat},
                     {"sequence", map.steps[i].sequence},
                     {"live_bytes", map.bytesAt(i)}});
  for (const ArenaValue &value : map.values)
    values.push_back({{"name", value.name},
                      {"offset", value.offset},
                      {"bytes", value.bytes},
                      {"first", value.first},
                      {"last", value.last},
                      {"carried_from", value.isCarried ? Json(value.carriedFrom) : Json(nullptr)},
                      {"carried_to", value.isCarried ? Json(value.carriedTo) : Json(nullptr)},
                      {"workspace", value.isWorkspace}});
  return {{"name", text(program.name())},
          {"variant", program.variant()},
          {"rows", map.rows},
          {"arena_bytes", map.arenaBytes},
          {"peak_bytes", map.peakBytes},
          {"peak_step", map.peakStep},
          {"steps", steps},
          {"values", values}};
}

Json memoryJson(const plan::Plan &plan) {
  Json programs = Json::array();
  for (const plan::Program *program : *plan.programs())
    programs.push_back(arenaJson(plan, *program));
  const plan::KvCache &cache = *plan.kv_cache();
  uint64_t position = cacheBytesPerPosition(cache), weights = 0;
  for (const plan::Weight *weight : *plan.weights())
    weights += weightBytes(*weight);
  return {{"programs", programs},
          {"kv_cache",
           {{"bytes_per_position", position},
            {"dtype", plan::EnumNameDType(cache.dtype())},
            {"page", cache.page()},
            {"max_seq", cache.max_seq()},
            {"max_batch", cache.max_batch()},
            {"sequence_bytes", position * cache.max_seq()},
            {"bytes", position * cache.max_seq() * cache.max_batch()}}},
          {"weights", {{"count", plan.weights()->size()}, {"bytes", weights}}}};
}

} // namespace quipu::tool
