//===- PhaseGraphs.cpp - The dataflow after each phase, for a page ------------------------===//

#include "tools/quipu/report/PhaseGraphs.h"

#include "tools/quipu/inspect/FoldedScope.h"
#include "tools/quipu/inspect/ModuleDiff.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// The index of the item that has this name, or their number if none has it.
static size_t indexOf(const Json &items, const std::string &name) {
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].at("name") == name)
      return i;
  return items.size();
}

static Json edgesOf(const Json &part) {
  const Json &groups = part.at("groups"), &arguments = part.at("arguments");
  std::vector<size_t> firstOps;
  size_t count = 0;
  for (const Json &group : groups) {
    firstOps.push_back(count);
    count += group.at("ops").size();
  }
  auto number = [&](const FoldedOp &op) { return int64_t(firstOps[op.group] + op.op); };
  std::set<std::vector<int64_t>> edges;
  FoldedScope scope(part);
  for (const FoldedOp &op : unfold(part)) {
    scope.enter(op);
    const Json &operands = groups[op.group].at("ops")[op.op].at("operands");
    for (size_t i = 0; i < operands.size(); ++i) {
      std::string name = operands[i];
      if (name.starts_with("@"))
        continue;
      std::optional<FoldedOp> source = scope.source(name);
      if (!source) {
        if (size_t argument = indexOf(arguments, name); argument < arguments.size())
          edges.insert({-1 - int64_t(argument), 0, number(op), int64_t(i), 0});
        continue;
      }
      const Json &results = groups[source->group].at("ops")[source->op].at("results");
      bool isNext = source->layer && op.layer && source->layer != op.layer;
      edges.insert({number(*source), int64_t(indexOf(results, scope.nameAtSource(name))), number(op), int64_t(i),
                    int64_t(isNext)});
    }
  }
  return edges;
}

static Json opOf(const Json &op) {
  Json weights = Json::array(), types = Json::array();
  for (const Json &operand : op.at("operands"))
    if (std::string name = operand; name.starts_with("@"))
      weights.push_back(name.substr(1));
  for (const Json &result : op.at("results"))
    types.push_back(result.at("type"));
  Json result = {{"op", op.at("op")}, {"place", op.at("place")}, {"text", op.at("text")}};
  if (!weights.empty())
    result["weights"] = weights;
  if (!types.empty())
    result["types"] = types;
  if (const Json &attributes = op.at("attributes"); attributes.contains("kernel"))
    result["kernel"] = attributes["kernel"].get<std::string>().substr(1);
  return result;
}

static Json partOf(const Json &part) {
  Json arguments = Json::array(), groups = Json::array();
  for (const Json &argument : part.at("arguments"))
    arguments.push_back(argument.at("name"));
  for (const Json &group : part.at("groups")) {
    Json ops = Json::array();
    for (const Json &op : group.at("ops"))
      ops.push_back(opOf(op));
    const Json &layers = group.at("layers");
    groups.push_back({{"layers", layers.empty() ? "" : alikeLayersText(layers)}, {"ops", ops}});
  }
  return {{"kind", part.at("kind")}, {"name", part.at("name")}, {"head", part.at("head")},
          {"arguments", arguments},  {"groups", groups},        {"edges", edgesOf(part)}};
}

Json phaseGraphs(const PhaseHistory &history) {
  Json parts = Json::array(), phases = Json::array();
  std::map<std::string, size_t> known;
  for (const Json &phase : history.phases()) {
    // What code generation changes has no edges: the page has machine code in its place.
    if (!phase.contains("parts") || PhaseHistory::hasCode(phase))
      continue;
    Json numbers = Json::array();
    for (const Json &part : phase["parts"]) {
      // Weights are in a table of their own.
      if (part.at("kind") == "weights")
        continue;
      auto [entry, isNew] = known.try_emplace(part.dump(-1, ' ', false, Json::error_handler_t::replace), parts.size());
      if (isNew)
        parts.push_back(partOf(part));
      numbers.push_back(entry->second);
    }
    phases.push_back({{"name", phase.at("name")}, {"parts", numbers}});
  }
  return {{"parts", parts}, {"phases", phases}};
}

} // namespace quipu::tool
