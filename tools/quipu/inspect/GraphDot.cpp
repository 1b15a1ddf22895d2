//===- GraphDot.cpp - The dataflow of a module, for Graphviz -----------------------------===//

#include "tools/quipu/inspect/GraphDot.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/FoldedScope.h"
#include "tools/quipu/inspect/ModuleDiff.h"

#include <map>
#include <set>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static std::string dotString(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '\n')
      result += "\\n";
    else if (c == '"' || c == '\\')
      result += {'\\', c};
    else
      result += c;
  }
  return result + "\"";
}

static std::string withoutDialect(const std::string &op) { return op.substr(op.find('.') + 1); }

/// "?x320xf32" of "tensor<?x320xf32>". Other types say less than the values' names.
static std::string typeLabel(const std::string &type) {
  if (!type.starts_with("tensor<"))
    return "";
  std::string inner = type.substr(7, type.size() - 8);
  return inner.substr(0, inner.find(','));
}

namespace {

class Drawing {
public:
  explicit Drawing(const Json &phase) : phase(phase) {
    for (const Json &part : phase.at("parts"))
      if (part.at("kind") == "kernel")
        kernels["@" + part.at("name").get<std::string>()] = &part;
  }

  std::string draw() {
    text = concat("digraph ", dotString("after " + phase.at("name").get<std::string>()),
                  " {\n  node [shape=box, fontname=\"Helvetica\", fontsize=10];\n"
                  "  edge [fontname=\"Helvetica\", fontsize=8];\n");
    size_t number = 0;
    for (const Json &part : phase.at("parts"))
      if (part.at("kind") == "function")
        drawFunction(part, concat("f", number++));
    return text + "}\n";
  }

private:
  void drawFunction(const Json &part, const std::string &id) {
    text +=
        concat("  subgraph cluster_", id, " {\n    label=", dotString("@" + part.at("name").get<std::string>()), ";\n");
    const Json &groups = part.at("groups");
    for (size_t group = 0; group < groups.size(); ++group) {
      const Json &layers = groups[group].at("layers");
      if (!layers.empty())
        text += concat("    subgraph cluster_", id, "_", group, " {\n    label=", dotString(alikeLayersText(layers)),
                       "; style=rounded;\n");
      for (size_t op = 0; op < groups[group].at("ops").size(); ++op)
        text +=
            concat("    ", nodeId(id, {group, op}), " [label=", dotString(labelOf(groups[group]["ops"][op])), "];\n");
      if (!layers.empty())
        text += "    }\n";
    }
    drawEdges(part, id);
    text += "  }\n";
  }

  static std::string nodeId(const std::string &function, const FoldedOp &op) {
    return concat(function, "_", op.group, "_", op.op);
  }

  /// Its place and what it computes, and the weights that it reads.
  std::string labelOf(const Json &op) const {
    std::string place = op.at("place"), name = withoutDialect(op.at("op"));
    std::string label = place.substr(place.rfind('.') + 1);
    auto kernel = op.at("attributes").contains("kernel") ? kernels.find(op["attributes"]["kernel"].get<std::string>())
                                                         : kernels.end();
    if (kernel != kernels.end())
      name = computedBy(*kernel->second);
    label = label.empty() || label == name ? name : label + "\n" + name;
    for (const Json &operand : op.at("operands"))
      if (std::string weight = operand; weight.starts_with("@"))
        label += "\n" + weight;
    return label;
  }

  /// "rms_norm, linear, 2 rotate": the ops of a kernel.
  static std::string computedBy(const Json &kernel) {
    std::vector<std::pair<std::string, unsigned>> ops;
    for (const Json &group : kernel.at("groups"))
      for (const Json &op : group.at("ops")) {
        std::string name = withoutDialect(op.at("op"));
        if (name == "yield")
          continue;
        if (!ops.empty() && ops.back().first == name)
          ++ops.back().second;
        else
          ops.emplace_back(name, 1);
      }
    std::string list;
    for (const auto &[name, count] : ops)
      list += concat(list.empty() ? "" : ", ", count > 1 ? concat(count, " ") : "", name);
    return list;
  }

  void drawEdges(const Json &part, const std::string &id) {
    std::map<std::string, std::string> types;
    for (const Json &argument : part.at("arguments"))
      types[argument.at("name")] = argument.at("type");
    for (const Json &group : part.at("groups"))
      for (const Json &op : group.at("ops"))
        for (const Json &result : op.at("results"))
          types[result.at("name")] = result.at("type");
    FoldedScope scope(part);
    std::set<std::string> drawn;
    auto add = [&](const std::string &line) {
      if (drawn.insert(line).second)
        text += line;
    };
    for (const FoldedOp &op : unfold(part)) {
      scope.enter(op);
      for (const Json &operand : part.at("groups")[op.group].at("ops")[op.op].at("operands")) {
        std::string name = operand;
        if (name.starts_with("@"))
          continue;
        std::optional<FoldedOp> source = scope.source(name);
        std::string label = typeLabel(types[scope.nameAtSource(name)]);
        if (!source) {
          std::string argument = dotString(concat(id, name));
          add(concat("    ", argument, " [label=", dotString(name), ", shape=ellipse];\n"));
          add(concat("    ", argument, " -> ", nodeId(id, op), " [label=", dotString(label), "];\n"));
          continue;
        }
        bool isNext = source->layer && op.layer && source->layer != op.layer;
        add(concat("    ", nodeId(id, *source), " -> ", nodeId(id, op), " [label=",
                   dotString(isNext ? "next layer" : label), isNext ? ", style=dashed, constraint=false" : "", "];\n"));
      }
    }
  }

  const Json &phase;
  /// By their symbols.
  std::map<std::string, const Json *> kernels;
  std::string text;
};

} // namespace

std::string graphDot(const Json &phase) { return Drawing(phase).draw(); }

} // namespace quipu::tool
