//===- FoldedScope.cpp - Where the values of a folded function come from -----------------===//

#include "tools/quipu/inspect/FoldedScope.h"

#include <algorithm>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

std::vector<FoldedOp> unfold(const Json &part) {
  std::vector<FoldedOp> ops;
  const Json &groups = part.at("groups");
  auto add = [&](size_t group, std::optional<unsigned> layer) {
    for (size_t op = 0; op < groups[group].at("ops").size(); ++op)
      ops.push_back({group, op, layer});
  };
  for (size_t begin = 0; begin < groups.size();) {
    if (groups[begin].at("layers").empty()) {
      add(begin++, std::nullopt);
      continue;
    }
    // Neighbouring groups of layers share the layers among them.
    size_t end = begin;
    std::vector<std::pair<unsigned, size_t>> layers;
    for (; end < groups.size() && !groups[end].at("layers").empty(); ++end)
      for (const Json &layer : groups[end].at("layers"))
        layers.emplace_back(layer.get<unsigned>(), end);
    std::ranges::sort(layers);
    for (auto [layer, group] : layers)
      add(group, layer);
    begin = end;
  }
  return ops;
}

void FoldedScope::enter(const FoldedOp &op) {
  const Json &group = part.at("groups")[op.group];
  if (op.layer != layer && op.layer) {
    before = std::move(inside);
    inside.clear();
    carried.clear();
    for (const Json &value : group.at("carried"))
      carried[value.at("name")] = value.at(isFirstLayer ? "first" : "next");
    isFirstLayer = false;
  }
  layer = op.layer;
  Names &names = op.layer ? inside : outside;
  for (const Json &result : group.at("ops")[op.op].at("results"))
    names[result.at("name")] = op;
}

std::string FoldedScope::nameAtSource(const std::string &operand) const {
  auto found = layer ? carried.find(operand) : carried.end();
  return found == carried.end() ? operand : found->second;
}

std::optional<FoldedOp> FoldedScope::source(const std::string &operand) const {
  auto find = [](const Names &names, const std::string &name) -> std::optional<FoldedOp> {
    auto found = names.find(name);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  };
  if (!layer) {
    std::optional<FoldedOp> value = find(outside, operand);
    return value ? value : find(inside, operand);
  }
  if (carried.contains(operand)) {
    std::string name = nameAtSource(operand);
    std::optional<FoldedOp> value = find(before, name);
    return value ? value : find(outside, name);
  }
  std::optional<FoldedOp> value = find(inside, operand);
  return value ? value : find(outside, operand);
}

} // namespace quipu::tool
