//===- ReportData.cpp - What a report shows -----------------------------------------------===//

#include "tools/quipu/report/ReportData.h"

#include "runtime/support/Error.h"
#include "tools/common/Build.h"
#include "tools/common/Console.h"
#include "tools/quipu/inspect/CostView.h"
#include "tools/quipu/inspect/KernelOrigins.h"
#include "tools/quipu/inspect/MemoryView.h"
#include "tools/quipu/inspect/ModuleDiff.h"
#include "tools/quipu/inspect/PhasesView.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/WeightsView.h"
#include "tools/quipu/inspect/Why.h"
#include "tools/quipu/report/KernelListings.h"
#include "tools/quipu/report/PhaseGraphs.h"
#include "tools/quipu/report/ScriptText.h"

#include <algorithm>
#include <map>
#include <vector>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// Tokens of the prompt, and positions of the sequence to which a token is added, whose costs a report has.
static constexpr uint32_t kPositions = 512;

/// Bytes of a page, of machine code in it, and of what stands around the code of one kernel.
static constexpr size_t kMostPageBytes = 1'000'000, kMostListingBytes = 220'000, kListingFrameBytes = 100;

/// Bytes that machine code may take beside the other data. Programs of a GPU are many, so their graphs leave less.
static size_t listingBytes(const PlanFile &plan, const Json &others, size_t frameBytes) {
  size_t taken = frameBytes + scriptText(others).size() + plan.plan().kernels()->size() * kListingFrameBytes;
  return taken < kMostPageBytes ? std::min(kMostPageBytes - taken, kMostListingBytes) : 0;
}

/// What the page says of a decision. All layers as "layers 0-79, 80 alike" are shorter than their numbers. Where a
/// kernel was decided about, the kernel has the decision's number.
static Json decisionOf(const Json &decision) {
  Json result = {{"pass", decision.at("pass")}, {"text", decision.at("text")}};
  for (const char *field : {"candidate", "verdict"})
    if (decision.contains(field))
      result[field] = decision[field];
  if (const Json &layers = decision.at("layers"); !layers.empty())
    result["layers"] = alikeLayersText(layers);
  if (decision.at("kernel").get_ref<const std::string &>().empty())
    result["names"] = decision.at("names");
  else
    result["kernel"] = true;
  return result;
}

/// Decisions that read alike are one: most kernels of several programs are decided about alike.
struct FoldedDecisions {
  Json shown = Json::array();
  /// For each decision of the plan its number in `shown`.
  std::vector<size_t> numbers;
};
static FoldedDecisions foldedDecisions(const Json &all) {
  FoldedDecisions folded;
  std::map<std::string, size_t> known;
  for (const Json &decision : all) {
    Json shown = decisionOf(decision);
    auto [entry, isNew] = known.try_emplace(shown.dump(), folded.shown.size());
    if (isNew)
      folded.shown.push_back(std::move(shown));
    folded.numbers.push_back(entry->second);
  }
  return folded;
}

static Json fieldsOf(const KernelOrigins &origins) {
  Json fields = Json::array();
  for (const Json &field : origins.fields())
    fields.push_back({{"name", field.at("name")}, {"text", origins.fieldText(field)}});
  return fields;
}

/// Numbers of the decisions about a kernel.
static Json decisionsAbout(const PlanFile &plan, const KernelOrigins &origins, const FoldedDecisions &decisions,
                           const std::string &kernel) {
  const Json &all = origins.decisions();
  Json numbers = Json::array();
  size_t next = 0;
  const Json why = whyJson(plan, origins, kernel);
  // They come in the order in which they were made.
  for (const Json &decision : why.at("decisions")) {
    while (next < all.size() && all[next] != decision)
      ++next;
    if (next < all.size())
      numbers.push_back(decisions.numbers[next++]);
  }
  return numbers;
}

static Json kernelsOf(const PlanFile &plan, const KernelOrigins &origins, const FoldedDecisions &decisions,
                      const Json &planned) {
  std::map<std::string, const Json *> byName;
  for (const Json &kernel : planned)
    byName[kernel.at("name")] = &kernel;
  Json kernels = Json::array();
  for (const Json &kernel : origins.kernels()) {
    std::string name = kernel.at("name");
    Json ops = Json::array(), symbols = Json::array();
    for (const Json &op : kernel.at("ops")) {
      Json entry = op;
      entry["text"] = origins.sourceLine(op.at("line"));
      ops.push_back(entry);
    }
    Json result = {{"name", name}};
    for (const char *field : {"places", "configs", "weights"})
      result[field] = kernel.at(field);
    auto found = byName.find(name);
    if (found != byName.end())
      for (const Json &entry : found->second->at("entries"))
        symbols.push_back(entry.at("symbol"));
    result["schedule"] = found == byName.end() ? Json("") : found->second->at("schedule");
    result["symbols"] = symbols;
    result["decisions"] = decisionsAbout(plan, origins, decisions, name);
    result["ops"] = ops;
    kernels.push_back(result);
  }
  return kernels;
}

/// Weights that differ in their layer alone are one.
static Json foldedWeights(const Json &weights) {
  std::map<std::string, size_t> known;
  std::vector<Json> layers;
  Json result = Json::array();
  for (const Json &weight : weights.at("weights")) {
    std::string key = concat(weight.at("folded").get<std::string>(), " ", weight.at("dtype").dump(),
                             weight.at("shape").dump(), weight.at("transform").dump());
    auto [entry, isNew] = known.try_emplace(key, result.size());
    if (isNew) {
      Json from = Json::array();
      for (const Json &source : weight.at("sources"))
        from.push_back(source.contains("name_in_file") ? source["name_in_file"] : source.at("name"));
      result.push_back({{"name", weight["folded"]},
                        {"layers", ""},
                        {"shape", weight["shape"]},
                        {"dtype", weight["dtype"]},
                        {"bytes", 0},
                        {"count", 0},
                        {"transform", weight["transform"]},
                        {"from", from}});
      layers.push_back(Json::array());
    }
    Json &folded = result[entry->second];
    folded["bytes"] = folded["bytes"].get<uint64_t>() + weight.at("bytes").get<uint64_t>();
    folded["count"] = folded["count"].get<uint64_t>() + 1;
    if (!weight.at("layer").is_null())
      layers[entry->second].push_back(weight["layer"]);
  }
  for (size_t i = 0; i < result.size(); ++i)
    if (!layers[i].empty())
      result[i]["layers"] = alikeLayersText(layers[i]);
  return result;
}

/// Of one generated token, and of a prompt. The ceilings of a profile belong to what it measured, as machines change
/// their speed.
static Json costsOfSteps(const PlanFile &plan, const Json &profile, const std::string &ceilingsName) {
  CostCeilings ceilings = profile.is_null() ? CostCeilings::of(plan, ceilingsName)
                                            : CostCeilings::ofProfile(profile, "measured with the kernels");
  uint32_t positions = std::min(kPositions, plan.plan().kv_cache()->max_seq());
  Json costs = Json::array();
  for (const BenchTest &test : {BenchTest{.depth = positions - 1}, BenchTest{.prompt = positions}})
    costs.push_back(costJson(costsOf(plan, test), test, ceilings));
  return costs;
}

Json reportData(const PlanFile &plan, const std::string &source, const Json &profile, const std::string &ceilings,
                size_t frameBytes) {
  KernelOrigins origins(plan);
  PhaseHistory history(plan);
  Json everything = planJson(plan), phases = phasesJson(history);
  FoldedDecisions decisions = foldedDecisions(origins.decisions());
  Json data = {{"name", everything.at("config").at("name")},
               {"source", source},
               {"compiler", concat("quipu ", kBuildVersion, " (", kBuildCommit, ")")},
               {"target", everything.at("target")},
               {"config", everything.at("config")},
               {"kv_cache", everything.at("kv_cache")},
               {"phases", phases.at("phases")},
               {"timing", phases.at("timing")},
               {"graphs", phaseGraphs(history)},
               {"fields", fieldsOf(origins)},
               {"kernels", kernelsOf(plan, origins, decisions, everything.at("kernels"))},
               {"decisions", decisions.shown},
               {"origins", origins.steps()},
               {"memory", memoryJson(plan.plan())},
               {"weights", foldedWeights(weightsJson(plan))},
               {"costs", costsOfSteps(plan, profile, ceilings)},
               {"profile", profile}};
  data["listings"] = kernelListings(plan, listingBytes(plan, data, frameBytes));
  return data;
}

} // namespace quipu::tool
