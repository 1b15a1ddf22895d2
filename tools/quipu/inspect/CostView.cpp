//===- CostView.cpp - What each kernel has to do, and how long that takes at best --------===//

#include "tools/quipu/inspect/CostView.h"

#include "runtime/plan/Steps.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/bench/Bench.h"
#include "tools/quipu/inspect/Columns.h"
#include "tools/quipu/inspect/PlanNames.h"

#include <algorithm>
#include <cstdint>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

double KernelCost::memorySeconds(const CostCeilings &ceilings) const {
  return ceilings.bytes > 0 ? work.allBytes() / ceilings.bytes : 0;
}

double KernelCost::computeSeconds(const CostCeilings &ceilings) const {
  return ceilings.operations > 0 ? work.operations / ceilings.operations : 0;
}

/// The programs of the first variant, which is what was asked for.
static std::vector<const plan::Program *> firstPrograms(const plan::Plan &plan) {
  std::vector<const plan::Program *> programs;
  for (const plan::Program *program : *plan.programs())
    if (program->variant() == 0)
      programs.push_back(program);
  return programs;
}

std::vector<KernelCost> costsOf(const PlanFile &file, const BenchTest &test) {
  BenchTest checked = test;
  checked.generated = test.prompt ? 0 : 1;
  checkTests(file, {checked});
  const plan::Plan &plan = file.plan();
  std::vector<const plan::Program *> programs = firstPrograms(plan);
  uint32_t mostRows = 0;
  for (const plan::Program *program : programs)
    mostRows = std::max(mostRows, program->max_rows());
  std::vector<LaunchRows> launches;
  if (test.prompt)
    launches = launchesOf(test.batch, test.depth, test.prompt, mostRows);
  else
    launches = {{std::vector<SequenceRows>(test.batch, {test.depth, 1}), test.batch}};
  std::vector<KernelCost> costs;
  for (const LaunchRows &launch : launches) {
    const plan::Program *program = programFor(programs, rowsOf(launch));
    if (!program)
      fail(file.path(), ": has no program for a step of ", rowsOf(launch), " rows");
    for (const plan::Sequence *sequence : *program->sequences())
      for (const plan::Step *step : *sequence->steps()) {
        const plan::Kernel *kernel = kernelOf(plan, *step);
        if (!kernel)
          continue;
        std::string name = text(kernel->name());
        auto cost = std::ranges::find_if(costs, [&](const KernelCost &known) {
          return known.name == name && known.program == text(program->name());
        });
        if (cost == costs.end())
          cost = costs.insert(costs.end(), {name, text(program->name()), locationText(*step, sequence->repeat())});
        cost->launches += sequence->repeat();
        cost->work += kernelWork(*kernel, launch) * sequence->repeat();
      }
  }
  return costs;
}

/// The name of a test as profile has it, of one step of generation.
static std::string nameOf(BenchTest test) {
  test.generated = test.prompt ? 0 : 1;
  return test.name();
}

static Json numberOrNull(double number) { return number > 0 ? Json(number) : Json(nullptr); }

Json costJson(const std::vector<KernelCost> &costs, const BenchTest &test, const CostCeilings &ceilings) {
  Json kernels = Json::array();
  Work total;
  double seconds = 0;
  bool isKnown = ceilings.areKnown();
  for (const KernelCost &cost : costs) {
    double memory = cost.memorySeconds(ceilings), compute = cost.computeSeconds(ceilings);
    kernels.push_back({{"name", cost.name},
                       {"program", cost.program},
                       {"place", cost.place},
                       {"count", cost.launches},
                       {"bytes_weights", cost.work.weightBytes},
                       {"bytes_activations", cost.work.activationBytes},
                       {"bytes_cache", cost.work.cacheBytes},
                       {"bytes", cost.work.allBytes()},
                       {"flops", cost.work.operations},
                       {"intensity", cost.intensity()},
                       {"bound", isKnown ? Json(memory >= compute ? "memory" : "compute") : Json(nullptr)},
                       {"us", isKnown ? Json(std::max(memory, compute) * 1e6) : Json(nullptr)}});
    total += cost.work;
    seconds += std::max(memory, compute);
  }
  Json result = {
      {"test", nameOf(test)},
      {"prompt", test.prompt},
      {"depth", test.depth},
      {"batch", test.batch},
      {"ceiling_GBps", numberOrNull(ceilings.bytes / 1e9)},
      {"ceiling_TFLOPs", numberOrNull(ceilings.operations / 1e12)},
      {"ceiling_memory", ceilings.bytesName.empty() ? Json(nullptr) : Json(ceilings.bytesName)},
      {"ceiling_instruction", ceilings.operationsName.empty() ? Json(nullptr) : Json(ceilings.operationsName)},
      {"ceiling_source", ceilings.source.empty() ? Json(nullptr) : Json(ceilings.source)}};
  if (!ceilings.problem.empty())
    result["ceiling_problem"] = ceilings.problem;
  result["kernels"] = kernels;
  result["total"] = {{"bytes_weights", total.weightBytes},
                     {"bytes_activations", total.activationBytes},
                     {"bytes_cache", total.cacheBytes},
                     {"flops", total.operations},
                     {"us", isKnown ? Json(seconds * 1e6) : Json(nullptr)}};
  return result;
}

static std::string cell(const Json &value, size_t width, int decimals) {
  return paddedLeft(value.is_null() ? "-" : fixed(value.get<double>(), decimals), width);
}

static std::string costLine(const std::string &name, const std::string &count, const Json &work) {
  return concat(padded(name, 30), paddedLeft(count, 6), cell(work["bytes_weights"], 13, 0),
                cell(work["bytes_cache"], 12, 0), cell(work["bytes_activations"], 13, 0), cell(work["flops"], 14, 0));
}

static std::string ceilingsText(const Json &cost) {
  std::string problem = cost.value("ceiling_problem", "");
  if (cost["ceiling_source"].is_null())
    return concat("no ceilings, so no bound and no time: ", problem, "\n");
  std::string text =
      concat("ceilings ", cost["ceiling_source"].get<std::string>(), ": ", cost["ceiling_memory"].get<std::string>(),
             " ", cell(cost["ceiling_GBps"], 0, 1), " GB/s, ", cost["ceiling_instruction"].get<std::string>(), " ",
             cell(cost["ceiling_TFLOPs"], 0, 3), " TFLOP/s\n");
  return problem.empty() ? text
                         : concat(text, "(nothing was measured: ", problem,
                                  "; --ceilings takes another GPU's, or those of a saved profile)\n");
}

std::string costText(const Json &cost) {
  std::string text = cost["test"].get<std::string>() + ": ";
  text += cost["prompt"] == 0 ? "one token" : concat("a prompt of ", cost["prompt"].get<uint64_t>(), " tokens");
  text += concat(" of ", cost["batch"].get<uint64_t>(), cost["batch"] == 1 ? " sequence" : " sequences", " behind ",
                 cost["depth"].get<uint64_t>(), " cached positions\n");
  text += ceilingsText(cost);
  text += concat("\n", padded("kernel", 30),
                 " count      weights       cache  activations         flops  flops/byte  "
                 "bound           us\n");
  for (const Json &kernel : cost["kernels"]) {
    std::string bound = kernel["bound"].is_null() ? "-" : kernel["bound"].get<std::string>();
    text += concat(costLine(kernel["name"], kernel["count"].dump(), kernel), cell(kernel["intensity"], 12, 2), "  ",
                   padded(bound, 8), cell(kernel["us"], 10, 1), "\n");
  }
  text += concat(costLine("all", "", cost["total"]), std::string(22, ' '), cell(cost["total"]["us"], 10, 1), "\n");
  return text;
}

} // namespace quipu::tool
