//===- OpSearch.cpp - The op where two modules begin to differ ------------===//

#include "tools/quipu-compile/validate/OpSearch.h"

#include "ir/Llama/Place.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>

using namespace mlir;
using quipu::llama::Evaluator;
using quipu::llama::TracedValue;

namespace quipu::tool {

/// What names a value in modules before and after a pass, where places inside of a layer may differ: "llama.add 0 of
/// residual in layers.3".
static std::string keyOf(const TracedValue &value) {
  StringRef place = value.place, layer;
  if (place.starts_with("layers."))
    layer = place.take_front(place.find('.', place.find('.') + 1));
  return (value.op + " " + Twine(value.result) + " of " + llama::getLastWord(place) + " in " + layer).str();
}

/// The number of each value by its key; values of one key are numbered in their order.
static std::vector<std::string> uniqueKeysOf(ArrayRef<TracedValue> trace) {
  llvm::StringMap<unsigned> seen;
  std::vector<std::string> keys;
  for (const TracedValue &value : trace) {
    std::string key = keyOf(value);
    keys.push_back(key + " #" + std::to_string(seen[key]++));
  }
  return keys;
}

/// Keys and values of a layer as each of `heads` heads sees them.
static std::vector<float> spreadHeads(const Evaluator &evaluator, int64_t layer, int64_t heads) {
  std::vector<float> values = evaluator.cacheLayer(layer);
  int64_t own = evaluator.cacheType().getKvHeads(), width = evaluator.cacheType().getHeadDim();
  if (own == heads)
    return values;
  std::vector<float> spread;
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(own * width))
    for (int64_t head = 0; head < heads; ++head) {
      auto first = values.begin() + static_cast<ptrdiff_t>(row) + head * own / heads * width;
      spread.insert(spread.end(), first, first + width);
    }
  return spread;
}

/// Nothing where the modules have other layers or sizes of heads.
static std::optional<Difference> cacheDifference(const Evaluator &before, const Evaluator &after, int64_t layer) {
  int64_t heads = std::max(before.cacheType().getKvHeads(), after.cacheType().getKvHeads());
  if (layer >= before.cacheType().getLayers())
    return std::nullopt;
  std::vector<float> expected = spreadHeads(before, layer, heads), found = spreadHeads(after, layer, heads);
  if (expected.size() != found.size() || expected.empty())
    return std::nullopt;
  return differenceOf(expected, found);
}

static bool haveOneShape(const TracedValue &a, const TracedValue &b) {
  return a.columns == b.columns && a.numbers.size() == b.numbers.size() && !a.numbers.empty();
}

static std::string nameOf(const TracedValue &value) {
  return value.op + (value.place.empty() ? "" : " of " + value.place);
}

std::optional<OpDifference> findFirstDifference(const Evaluator &before, const Evaluator &after, double tolerance) {
  ArrayRef<TracedValue> expected = before.trace(), found = after.trace();
  auto isSame = [&](const TracedValue &value) {
    if (value.cacheLayer) {
      std::optional<Difference> difference = cacheDifference(before, after, *value.cacheLayer);
      return difference && difference->relative <= tolerance;
    }
    return llvm::any_of(expected, [&](const TracedValue &other) {
      return haveOneShape(value, other) && differenceOf(other.numbers, value.numbers).relative <= tolerance;
    });
  };
  // What is computed from a value lies behind it.
  std::vector<bool> isRight(found.size()), isRead(found.size()), hasWrongReader(found.size());
  for (size_t i = found.size(); i-- > 0;) {
    isRight[i] = isSame(found[i]) || (isRead[i] && !hasWrongReader[i]);
    for (size_t operand : found[i].operands) {
      isRead[operand] = true;
      if (!isRight[i])
        hasWrongReader[operand] = true;
    }
  }

  llvm::StringMap<size_t> counterparts;
  for (auto [number, key] : llvm::enumerate(uniqueKeysOf(expected)))
    counterparts[key] = number;
  std::vector<std::string> keys = uniqueKeysOf(found);
  std::optional<OpDifference> first;
  std::vector<std::string> suspects;
  for (auto [number, value] : llvm::enumerate(found)) {
    if (isRight[number])
      continue;
    auto counterpart = counterparts.find(keys[number]);
    OpDifference difference{nameOf(value), std::nullopt, value.columns, suspects};
    if (counterpart != counterparts.end()) {
      const TracedValue &other = expected[counterpart->second];
      difference.op = nameOf(other);
      if (value.cacheLayer) {
        difference.difference = cacheDifference(before, after, *value.cacheLayer);
        difference.columns = after.cacheType().getHeadDim();
      } else if (haveOneShape(value, other)) {
        difference.difference = differenceOf(other.numbers, value.numbers);
      }
      if (difference.difference)
        return difference;
    }
    first = first ? first : difference;
    suspects.push_back(nameOf(value));
  }
  return first;
}

} // namespace quipu::tool
