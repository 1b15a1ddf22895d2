//===- NetronText.cpp - A module in the form that Netron reads ---------------------------===//

#include "tools/quipu/inspect/NetronText.h"

#include "runtime/support/Error.h"
#include "tools/quipu/inspect/FoldedScope.h"

#include <map>
#include <optional>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

static std::string withLayer(std::string text, std::optional<unsigned> layer) {
  if (layer)
    for (size_t at = text.find("{}"); at != std::string::npos; at = text.find("{}", at))
      text.replace(at, 2, std::to_string(*layer));
  return text;
}

static std::string mlirString(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + "\"";
}

/// Numbers, texts and symbols as they are; what dialects define as a text.
static std::string attributeText(const std::string &text) {
  return text.find_first_of("#!<") == std::string::npos ? text : mlirString(text);
}

static void addItem(std::string &list, const std::string &item) { list += (list.empty() ? "" : ", ") + item; }

namespace {

class FunctionText {
public:
  explicit FunctionText(const Json &part) : part(part), scope(part) {}

  /// The function in its own form: Netron forgets the names of arguments that stand in a block's head, and shows them
  /// apart from the ops that read them.
  std::string write() {
    std::string arguments, resultTypes, body;
    for (const Json &argument : part.at("arguments")) {
      std::string name = argument.at("name"), type = argument.at("type");
      types[name] = type;
      addItem(arguments, concat(name, ": ", type));
    }
    for (const FoldedOp &op : unfold(part)) {
      scope.enter(op);
      body += line(op, resultTypes);
    }
    return concat("  func.func @", part.at("name").get<std::string>(), "(", arguments, ") -> (", resultTypes, ") {\n",
                  body, "  }\n");
  }

private:
  /// Names of layers are told apart by their layer: "%layers.3.q_proj".
  static std::string uniqueName(const std::string &name, std::optional<unsigned> layer) {
    return layer ? concat("%layers.", *layer, ".", name.substr(1)) : name;
  }

  std::string valueOf(const std::string &operand) const {
    std::optional<FoldedOp> source = scope.source(operand);
    return source ? uniqueName(scope.nameAtSource(operand), source->layer) : operand;
  }

  /// Netron shows the last word of an op's name. Of a launch this is the role of its kernel.
  static std::string nameOf(const Json &op) {
    std::string name = op.at("op"), place = op.at("place");
    return name == "llama.launch" && !place.empty() ? concat(name, ".", place.substr(place.rfind('.') + 1)) : name;
  }

  /// `operandTypes` gets the types of the op's operands: those of the last op are what the function returns.
  std::string line(const FoldedOp &folded, std::string &operandTypes) {
    const Json &op = part.at("groups")[folded.group].at("ops")[folded.op];
    std::string operands, resultTypes, weights, attributes;
    operandTypes.clear();
    for (const Json &each : op.at("operands")) {
      std::string operand = each;
      if (operand.starts_with("@")) {
        addItem(weights, mlirString(withLayer(operand.substr(1), folded.layer)));
        continue;
      }
      std::string value = valueOf(operand);
      addItem(operands, value);
      addItem(operandTypes, types[value]);
    }
    for (const auto &[name, value] : op.at("attributes").items())
      addItem(attributes, concat(name, " = ", attributeText(withLayer(value, folded.layer))));
    if (!weights.empty())
      addItem(attributes, concat("weights = [", weights, "]"));
    for (const Json &result : op.at("results")) {
      types[uniqueName(result.at("name"), folded.layer)] = result.at("type");
      addItem(resultTypes, result.at("type"));
    }
    return concat("    ", resultsOf(op, folded.layer), "\"", nameOf(op), "\"(", operands, ")",
                  attributes.empty() ? "" : concat(" {", attributes, "}"), " : (", operandTypes, ") -> (", resultTypes,
                  ") loc(", mlirString(withLayer(op.at("place"), folded.layer)), ")\n");
  }

  /// "%qkv = " or "%split:3 = "; several results have the names "%split#0" and so on.
  static std::string resultsOf(const Json &op, std::optional<unsigned> layer) {
    const Json &results = op.at("results");
    if (results.empty())
      return "";
    std::string name = uniqueName(results[0].at("name"), layer);
    name = name.substr(0, name.find('#'));
    return results.size() == 1 ? name + " = " : concat(name, ":", results.size(), " = ");
  }

  const Json &part;
  FoldedScope scope;
  std::map<std::string, std::string> types;
};

} // namespace

std::string netronText(const Json &phase) {
  std::string text = "\"builtin.module\"() ({\n";
  for (const char *kind : {"function", "kernel"})
    for (const Json &part : phase.at("parts"))
      if (part.at("kind") == kind)
        text += FunctionText(part).write();
  return text + "}) : () -> ()\n";
}

} // namespace quipu::tool
