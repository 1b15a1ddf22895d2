//===- FoldedModule.cpp - A module with each kind of layer once -----------===//

#include "tools/quipu-compile/FoldedModule.h"

#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>
#include <vector>

using namespace mlir;
using namespace quipu::llama;
using Json = nlohmann::ordered_json;

namespace quipu::tool {

/// 3 of "layers.3.mlp.down_proj".
static std::optional<unsigned> layerOf(StringRef place) {
  SmallVector<StringRef> words;
  place.split(words, '.');
  unsigned layer = 0;
  for (StringRef word : words)
    if (!word.getAsInteger(10, layer))
      return layer;
  return std::nullopt;
}

/// Puts "{}" in place of the layer in the names that a text holds.
static std::string withoutLayerIn(std::string text, std::optional<unsigned> layer) {
  if (!layer)
    return text;
  std::string number = "." + std::to_string(*layer) + ".";
  for (size_t at = text.find(number); at != std::string::npos; at = text.find(number, at + 4))
    text.replace(at, number.size(), ".{}.");
  return text;
}

static OpPrintingFlags flagsOfText() { return OpPrintingFlags().useLocalScope(); }

static std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

static std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static Json attributesOf(Operation *op, std::optional<unsigned> layer) {
  auto attributes = Json::object();
  for (NamedAttribute attribute : op->getAttrDictionary())
    attributes[attribute.getName().str()] = withoutLayerIn(textOf(attribute.getValue()), layer);
  if (isa<KVLayerOp>(op))
    attributes["layer"] = "{}";
  return attributes;
}

namespace {

/// Neighbouring ops of one layer, or of none.
struct Run {
  std::optional<unsigned> layer;
  SmallVector<Operation *> ops;
};

/// Groups of the record, of which layers that are the same become one.
class Groups {
public:
  /// Appends the ops of a layer, or of none. `carried` is what the layer gets from before it, by its names there.
  void add(std::optional<unsigned> layer, Json ops, const Json &carried) {
    if (!layer) {
      groups.push_back({{"layers", Json::array()}, {"carried", Json::array()}, {"ops", std::move(ops)}});
      firstFoldable = groups.size();
      return;
    }
    std::string text = ops.dump();
    for (size_t i = firstFoldable; i < groups.size(); ++i) {
      Json &group = groups[i];
      if (texts[i - firstFoldable] != text || group["carried"].size() != carried.size())
        continue;
      group["layers"].push_back(*layer);
      for (size_t value = 0; value < carried.size(); ++value)
        group["carried"][value]["next"] = carried[value]["from"];
      return;
    }
    if (groups.size() == firstFoldable)
      texts.clear();
    texts.push_back(std::move(text));
    auto list = Json::array();
    for (const Json &value : carried)
      list.push_back({{"name", value["name"]}, {"first", value["from"]}, {"next", value["from"]}});
    groups.push_back({{"layers", {*layer}}, {"carried", list}, {"ops", std::move(ops)}});
  }

  Json take() { return std::move(groups); }

private:
  Json groups = Json::array();
  /// Of the groups from `firstFoldable` on, between which no op of another kind stands.
  std::vector<std::string> texts;
  size_t firstFoldable = 0;
};

/// Writes a function or kernel.
class FunctionWriter {
public:
  explicit FunctionWriter(FunctionOpInterface function)
      : function(function), state(function.getOperation(), flagsOfText()) {}

  Json write(StringRef kind) {
    auto arguments = Json::array();
    nameArguments();
    for (BlockArgument argument : function.getArguments())
      arguments.push_back({{"name", names[argument]}, {"type", textOf(argument.getType())}});
    collectRuns();
    findShared();
    nameResults();
    Groups groups;
    for (const Run &run : runs)
      addRun(run, groups);
    return {{"kind", kind.str()},
            {"name", function.getName().str()},
            {"head", head()},
            {"arguments", arguments},
            {"groups", groups.take()}};
  }

private:
  void nameArguments() {
    for (BlockArgument argument : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kValueNameAttrName);
      std::string text = "arg" + std::to_string(argument.getArgNumber());
      if (name)
        text = name.str();
      else if (isa<KVCacheType>(argument.getType()))
        text = "kv_cache";
      names[argument] = "%" + text;
      usedNames.insert(text);
    }
  }

  void collectRuns() {
    for (Operation &op : function.getFunctionBody().front()) {
      if (isa<WeightRefOp>(op))
        continue;
      std::optional<unsigned> layer = layerOf(placeOf(&op));
      if (runs.empty() || runs.back().layer != layer)
        runs.push_back({layer, {}});
      runs.back().ops.push_back(&op);
      runOf[&op] = runs.size() - 1;
    }
  }

  /// Values of no layer that several layers read. All others that a layer reads from outside come from the layer
  /// before.
  void findShared() {
    llvm::DenseMap<Value, llvm::SmallSetVector<size_t, 2>> readers;
    size_t layers = llvm::count_if(runs, [](const Run &run) { return run.layer.has_value(); });
    for (auto [number, run] : llvm::enumerate(runs))
      for (Operation *op : run.ops)
        for (Value operand : op->getOperands())
          if (Operation *source = operand.getDefiningOp(); run.layer && source && runOf.contains(source))
            if (!runs[runOf[source]].layer && (readers[operand].insert(number), true) &&
                (readers[operand].size() > 1 || layers == 1))
              shared.insert(operand);
  }

  /// The last word of an op's place; of one that names no more than a layer, what is computed there.
  static StringRef wordOf(Operation *op) {
    StringRef word = getLastWord(placeOf(op));
    unsigned number = 0;
    return word.empty() || !word.getAsInteger(10, number) ? op->getName().stripDialect() : word;
  }

  /// A name that says the place and, where the run has several results there, what is computed.
  static std::string nameFor(Operation *op, bool isOnly) {
    StringRef word = wordOf(op), kind = op->getName().stripDialect();
    return isOnly || word == kind ? word.str() : (word + "." + kind).str();
  }

  static std::string uniqueName(const std::string &name, llvm::StringSet<> &used) {
    std::string unique = name;
    for (unsigned number = 2; !used.insert(unique).second; ++number)
      unique = name + "." + std::to_string(number);
    return unique;
  }

  /// Layers may use the same names. Other ops come first, so that their names do not depend on layers.
  void nameResults() {
    for (const Run &run : runs)
      if (!run.layer)
        nameResults(run, usedNames);
    for (const Run &run : runs)
      if (run.layer) {
        llvm::StringSet<> used;
        for (const auto &name : usedNames)
          used.insert(name.getKey());
        nameResults(run, used);
      }
  }

  void nameResults(const Run &run, llvm::StringSet<> &used) {
    llvm::StringMap<unsigned> counts;
    for (Operation *op : run.ops)
      counts[wordOf(op)] += op->getNumResults() > 0;
    for (Operation *op : run.ops) {
      if (op->getNumResults() == 0)
        continue;
      std::string name = "%" + uniqueName(nameFor(op, counts[wordOf(op)] == 1), used);
      for (OpResult result : op->getResults())
        names[result] = op->getNumResults() == 1 ? name : name + "#" + std::to_string(result.getResultNumber());
    }
  }

  /// What a value is called in a run. What comes from before a layer is noted in `carried`.
  std::string nameIn(Value value, size_t run, Json &carried) {
    Operation *source = value.getDefiningOp();
    if (auto weight = source ? dyn_cast<WeightRefOp>(source) : WeightRefOp())
      return "@" + withoutLayer(weight.getWeight());
    if (!source || !runs[run].layer || runOf[source] == run || shared.contains(value))
      return names[value];
    const std::string &from = names[value];
    for (const Json &known : carried)
      if (known["from"] == from)
        return known["name"];
    std::string name = carried.empty() ? "%in" : "%in." + std::to_string(carried.size() + 1);
    carried.push_back({{"name", name}, {"from", from}});
    return name;
  }

  void addRun(const Run &run, Groups &groups) {
    auto ops = Json::array(), carried = Json::array();
    for (Operation *op : run.ops)
      ops.push_back(write(op, run.layer, carried));
    groups.add(run.layer, std::move(ops), carried);
  }

  /// The name that the printer gives to a value, without the number of a result.
  std::string printedName(Value value) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    value.printAsOperand(stream, state);
    return text.substr(0, text.find('#'));
  }

  Json write(Operation *op, std::optional<unsigned> layer, Json &carried) {
    llvm::StringMap<std::string> renamed;
    auto operands = Json::array(), results = Json::array();
    size_t run = runOf[op];
    for (Value operand : op->getOperands()) {
      std::string name = nameIn(operand, run, carried);
      renamed[printedName(operand)] = name.substr(0, name.find('#'));
      operands.push_back(name);
    }
    for (OpResult result : op->getResults()) {
      renamed[printedName(result)] = names[result].substr(0, names[result].find('#'));
      results.push_back({{"name", names[result]}, {"type", textOf(result.getType())}});
    }
    std::string text;
    llvm::raw_string_ostream stream(text);
    op->print(stream, state);
    text = withoutLayerIn(rename(text, renamed), layer);
    if (auto kvLayer = dyn_cast<KVLayerOp>(op))
      if (size_t at = text.find("[" + std::to_string(kvLayer.getLayer()) + "]"); at != std::string::npos)
        text.replace(at, std::to_string(kvLayer.getLayer()).size() + 2, "[{}]");
    return {{"op", op->getName().getStringRef().str()},
            {"place", withoutLayer(placeOf(op))},
            {"text", text},
            {"operands", operands},
            {"results", results},
            {"attributes", attributesOf(op, layer)}};
  }

  /// Puts other names in place of those of the printer ("%12").
  static std::string rename(StringRef text, const llvm::StringMap<std::string> &renamed) {
    std::string result;
    bool isQuoted = false;
    for (size_t i = 0; i < text.size();) {
      size_t end = i + 1;
      if (text[i] == '"')
        isQuoted = !isQuoted;
      if (text[i] == '%' && !isQuoted) {
        while (end < text.size() && (llvm::isAlnum(text[end]) || text[end] == '_' || text[end] == '$'))
          ++end;
        auto found = renamed.find(text.slice(i, end));
        result += found == renamed.end() ? text.slice(i, end).str() : found->second;
      } else {
        result += text[i];
      }
      i = end;
    }
    return result;
  }

  /// The line of the function, without its body.
  std::string head() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    AsmState withoutBody(function.getOperation(), flagsOfText().skipRegions());
    function->print(stream, withoutBody);
    llvm::StringMap<std::string> renamed;
    for (BlockArgument argument : function.getArguments())
      renamed["%arg" + std::to_string(argument.getArgNumber())] = names[argument];
    StringRef line = StringRef(text).rtrim();
    line.consume_back("{...}");
    return rename(line.rtrim(), renamed);
  }

  FunctionOpInterface function;
  AsmState state;
  SmallVector<Run> runs;
  llvm::DenseMap<Operation *, size_t> runOf;
  llvm::DenseSet<Value> shared;
  llvm::DenseMap<Value, std::string> names;
  llvm::StringSet<> usedNames;
};

} // namespace

static Json weightsOf(ModuleOp module) {
  Groups groups;
  std::optional<unsigned> layer;
  auto ops = Json::array();
  auto close = [&] {
    if (!ops.empty())
      groups.add(layer, std::move(ops), Json::array());
    ops = Json::array();
  };
  // Made once: it goes through the whole module, which has all code after the last phase.
  AsmState state(module.getOperation(), flagsOfText());
  for (auto weight : module.getOps<WeightOp>()) {
    if (std::optional<unsigned> next = layerOf(weight.getSymName()); next != layer) {
      close();
      layer = next;
    }
    std::string text;
    llvm::raw_string_ostream stream(text);
    weight->print(stream, state);
    ops.push_back({{"op", "llama.weight"},
                   {"place", withoutLayer(weight.getSymName())},
                   {"text", withoutLayerIn(text, layer)},
                   {"operands", Json::array()},
                   {"results", Json::array()},
                   {"attributes", attributesOf(weight, layer)}});
  }
  close();
  return {{"kind", "weights"}, {"name", "weights"}, {"groups", groups.take()}};
}

Json foldedParts(ModuleOp module) {
  auto parts = Json::array();
  parts.push_back(weightsOf(module));
  for (auto kernel : module.getOps<KernelOp>())
    parts.push_back(FunctionWriter(kernel).write("kernel"));
  for (auto function : module.getOps<func::FuncOp>())
    parts.push_back(FunctionWriter(function).write("function"));
  return parts;
}

} // namespace quipu::tool
