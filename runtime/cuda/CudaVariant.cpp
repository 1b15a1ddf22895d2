//===- CudaVariant.cpp - What of a plan a GPU can run ------------------------------------===//

#include "runtime/cuda/CudaVariant.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace quipu {

int driverForPtx(uint32_t ptxVersion) {
  // Releases of CUDA from 11.0 (PTX 7.0) on. A release without a new version of PTX is left out.
  static constexpr struct {
    uint32_t ptx;
    int driver;
  } kReleases[] = {{70, 11000}, {71, 11010}, {72, 11020}, {73, 11030}, {74, 11040}, {75, 11050}, {76, 11060},
                   {77, 11070}, {78, 11080}, {80, 12000}, {81, 12010}, {82, 12020}, {83, 12030}, {84, 12040},
                   {85, 12050}, {86, 12070}, {87, 12080}, {88, 12090}, {90, 13000}, {91, 13010}};
  for (const auto &release : kReleases)
    if (ptxVersion <= release.ptx)
      return release.driver;
  return 13020;
}

int isaNumber(std::string_view isa) {
  constexpr std::string_view prefix = "sm_";
  int number = 0;
  if (isa.starts_with(prefix))
    std::from_chars(isa.data() + prefix.size(), isa.data() + isa.size(), number);
  return number;
}

namespace {

/// Whether the GPU can run the modules of one format. `problem` says why not.
bool fits(const plan::CodeModule &module, const CudaProperties &gpu, int driverVersion, std::string &problem) {
  std::string isa = module.isa() ? module.isa()->str() : "";
  int number = isaNumber(isa);
  bool exact = !isa.empty() && !isdigit(static_cast<unsigned char>(isa.back()));
  bool isCubin = false;
  switch (module.format()) {
  case plan::CodeFormat::cubin:
    isCubin = true;
    break;
  case plan::CodeFormat::ptx:
    break;
  case plan::CodeFormat::elf:
    problem = "is no code for a GPU";
    return false;
  }
  if (isCubin || exact ? number != gpu.capability : number > gpu.capability) {
    problem = concat("needs a GPU of capability ", number / 10, ".", number % 10, isCubin || exact ? "" : " or later");
    return false;
  }
  if (!isCubin && driverForPtx(module.ptx_version()) > driverVersion) {
    problem = concat("its PTX ", module.ptx_version() / 10, ".", module.ptx_version() % 10, " needs a driver for CUDA ",
                     cudaVersionText(driverForPtx(module.ptx_version())), " or later, this one is for CUDA ",
                     cudaVersionText(driverVersion), ": update it");
    return false;
  }
  return true;
}

} // namespace

std::vector<PlanChoice> chooseCudaVariants(const plan::Plan &plan, const std::string &planName,
                                           const std::string &wanted, const CudaProperties &gpu, int driverVersion) {
  // A plan without a list of variants has one variant, for its target.
  std::vector<std::string> isas;
  if (plan.variants())
    for (const plan::Variant *variant : *plan.variants())
      isas.push_back(variant->isa()->str());
  if (isas.empty())
    isas.push_back(plan.target()->isa()->str());

  auto isWanted = [&](uint32_t variant) {
    return wanted.empty() || isas[variant] == wanted ||
           std::ranges::any_of(*plan.modules(), [&](const plan::CodeModule *module) {
             return module->variant() == variant && module->isa() && module->isa()->string_view() == wanted;
           });
  };
  std::vector<PlanChoice> choices;
  std::string problems, names;
  for (uint32_t i = 0; i < isas.size(); ++i) {
    names += (names.empty() ? "" : ", ") + isas[i];
    if (!isWanted(i))
      continue;
    size_t before = choices.size();
    std::string problem = "it has no code for a GPU";
    for (plan::CodeFormat format : {plan::CodeFormat::cubin, plan::CodeFormat::ptx}) {
      std::vector<const plan::CodeModule *> modules;
      bool all = true;
      for (const plan::CodeModule *module : *plan.modules()) {
        if (module->variant() != i || module->format() != format)
          continue;
        all = all && fits(*module, gpu, driverVersion, problem);
        modules.push_back(module);
      }
      if (!modules.empty() && all)
        choices.push_back({i, modules});
    }
    if (choices.size() == before)
      problems += concat(problems.empty() ? "" : "; ", isas[i], " ", problem);
  }
  if (!choices.empty())
    return choices;
  if (problems.empty())
    fail(planName, ": has no variant for ", wanted, "; it has ", names);
  std::string target = gpu.bestTarget();
  std::string advice =
      target.empty() ? "GPUs before capability 8.0 are not supported" : "compile the model with --target " + target;
  if (problems.find("update it") != std::string::npos)
    advice = "update NVIDIA's driver, or compile on a machine with ptxas, so that the plan has code for this GPU";
  fail(planName, ": cuda:", gpu.number, " (", gpu.name, ", capability ", gpu.capabilityText(),
       ") cannot run it: ", problems, "; ", advice);
}

} // namespace quipu
