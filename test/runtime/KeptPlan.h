//===- KeptPlan.h - A toy plan with the record of its compilation -----------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_KEPTPLAN_H
#define QUIPU_TEST_RUNTIME_KEPTPLAN_H

#include "runtime/plan/Insight.h"
#include "test/runtime/ToyPlan.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace quipu::test {

using Json = nlohmann::ordered_json;

/// An op of a folded module. Its place is that of a layer, and its text names its operands.
inline Json foldedOp(const std::string &name, const std::string &result, const std::vector<std::string> &operands) {
  std::string text = (result.empty() ? "" : result + " = ") + name;
  for (const std::string &operand : operands)
    text += " " + operand;
  Json results = Json::array();
  if (!result.empty())
    results.push_back({{"name", result}, {"type", "tensor<?x4xf32>"}});
  return {{"op", name},         {"place", "layers.{}." + name.substr(6)},
          {"text", text},       {"operands", operands},
          {"results", results}, {"attributes", Json::object()}};
}

/// Two layers that are alike between an embedding and a head.
inline Json foldedFunction(const std::string &name, const std::vector<Json> &layer) {
  return {{"kind", "function"},
          {"name", name},
          {"head", "func.func @" + name + "(%tokens)"},
          {"arguments", Json::array({{{"name", "%tokens"}, {"type", "tensor<?xi32>"}}})},
          {"groups",
           {{{"layers", Json::array()},
             {"carried", Json::array()},
             {"ops", Json::array({foldedOp("llama.embed", "%x", {"%tokens"})})}},
            {{"layers", {0, 1}},
             {"carried", Json::array({{{"name", "%in"}, {"first", "%x"}, {"next", "%y"}}})},
             {"ops", layer}},
            {{"layers", Json::array()},
             {"carried", Json::array()},
             {"ops", Json::array({foldedOp("llama.head", "", {"%y"})})}}}}};
}

inline Json recordedPhase(const std::string &name, const std::vector<Json> &parts) {
  return {{"name", name},
          {"seconds", 0.001},
          {"operations", {{"llama.embed", 1}}},
          {"statistics", Json::array()},
          {"parts", parts}};
}

/// The code of a kernel, as the record of code generation has it.
inline Json recordedCode(const std::string &kernel, const std::string &functions) {
  return {
      {"kind", "code"}, {"name", kernel}, {"text", "llama.kernel @" + kernel + "() {}\n\n// -----\n\n" + functions}};
}

/// The record of a compilation of the toy plan: two phases and code, a kernel, two decisions.
inline Json keptRecord() {
  Json decision = {{"pass", "llama-form-kernels"}, {"program", ""},    {"kernel", "layer"},
                   {"names", {"layers.{}"}},       {"layers", {0, 1}}, {"text", "llama.mlp makes the kernel"}};
  Json chosen = decision;
  chosen["pass"] = "llama-select-schedules";
  chosen["layers"] = Json::array();
  chosen["aspect"] = "run";
  chosen["candidate"] = "run = 2";
  chosen["verdict"] = "chosen";
  Json mlp = {{"op", "llama.mlp"},
              {"place", "layers.{}.mlp"},
              {"line", 2},
              {"configs", {"hidden_size"}},
              {"weights", {"layers.{}.w"}}};
  return {
      {"phases",
       {recordedPhase("import", {foldedFunction("forward", {foldedOp("llama.mlp", "%y", {"%in", "@layers.{}.w"})})}),
        recordedPhase("llama-plan-memory",
                      {foldedFunction("decode", {foldedOp("llama.mlp", "%y", {"%in", "@layers.{}.w"})})}),
        recordedPhase("codegen", {recordedCode("layer", "llvm.func @toy_mix() {\n}\n")})}},
      {"timing", {{{"name", "import"}, {"seconds", 0.001}}}},
      {"fields",
       {{{"name", "hidden_size"}, {"key", "hidden_size"}, {"file", "none.json"}, {"line", 3}, {"reason", ""}}}},
      {"steps", {{{"place", "layers.{}"}, {"configs", {"hidden_size"}}, {"weights", {"layers.{}.w"}}}}},
      {"kernels",
       {{{"name", "layer"},
         {"place", "layers.{}"},
         {"places", {"layers.{}"}},
         {"configs", {"hidden_size"}},
         {"weights", {"layers.{}.w"}},
         {"lines", {1, 3}},
         {"ops", {mlp}}}}},
      {"decisions", {decision, chosen}}};
}

/// The toy plan with a record. The source of its lines has the kernel in lines 1 to 3.
inline std::shared_ptr<const PlanFile> keptPlan(const Json &record) {
  plan::PlanT plan = toyPlan();
  plan.insight = std::make_unique<plan::InsightT>();
  plan.insight->source = compressText("llama.kernel @layer() {\n  llama.mlp %in loc(#loc1)\n}\n");
  plan.insight->record = compressText(record.dump());
  return PlanFile::fromMemory(planBytes(packPlan(plan)), "kept.plan");
}

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_KEPTPLAN_H
