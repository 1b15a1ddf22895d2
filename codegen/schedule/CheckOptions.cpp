//===- CheckOptions.cpp - Whether tuning options mean something -------------===//
//
// An option that no schedule of the target has would change nothing, and a number that no schedule may have would give
// code that never ends or is wrong: both are refused before anything is compiled. 0 leaves a number to the selection.
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/Select.h"
#include "ir/Llama/ScheduleLimits.h"

using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Who knows an option.
enum class Devices { Cpu, Cuda, CudaRings, CudaWgmma, CudaClusters };

/// A number of the options. `chosen` is the value that leaves it to the selection.
struct Number {
  llvm::StringRef name;
  Devices devices;
  int64_t value;
  Limit limit;
  int64_t chosen = 0;
};

llvm::Error refuse(const llvm::Twine &message) { return llvm::createStringError(message); }

bool knows(const Target &target, Devices devices) {
  const auto *gpu = std::get_if<cuda::CudaTarget>(&target);
  switch (devices) {
  case Devices::Cpu:
    return !gpu;
  case Devices::Cuda:
    return gpu;
  case Devices::CudaRings:
    return gpu && gpu->hasRings();
  case Devices::CudaWgmma:
    return gpu && gpu->hasWgmma();
  case Devices::CudaClusters:
    return gpu && gpu->hasWgmma() && gpu->has(cuda::CudaFeature::Clusters);
  }
  llvm_unreachable("all devices are listed");
}

} // namespace

llvm::Expected<Target> parseTarget(llvm::StringRef text) {
  if (cuda::isCudaTarget(text))
    return cuda::parseCudaTarget(text);
  return cpu::parseCpuTarget(text);
}

std::string nameOf(const Target &target) {
  if (const auto *gpu = std::get_if<cuda::CudaTarget>(&target))
    return "cuda:" + gpu->arch;
  return "cpu:" + std::get<cpu::CpuTarget>(target).requested;
}

llvm::Error checkScheduleOptions(const LlamaSelectSchedulesOptions &options, const Target &target) {
  const auto *processor = std::get_if<cpu::CpuTarget>(&target);
  bool pairs = processor && processor->hasBf16Dot(), hasRings = knows(target, Devices::CudaRings),
       hasWgmma = knows(target, Devices::CudaWgmma);
  std::string name = options.target.empty() ? nameOf(target) : options.target;

  // Dot products of bf16 take the features of a result in pairs, which a run may not divide.
  Limit run{pairs ? 2 : kRunLimit.low, kRunLimit.high, pairs ? 2 : 1};
  Limit rows = options.weightFirst ? kWeightFirstTileLimit : kTileLimit;
  const Number numbers[] = {
      {"run", Devices::Cpu, options.run, run},
      {"vectors", Devices::Cpu, options.vectors, kVectorsLimit},
      {"row-tiles", Devices::Cpu, options.rowTiles, kRowTilesLimit},
      {"few-run", Devices::Cpu, options.fewRun, kRunLimit},
      {"streams", Devices::Cpu, options.streams, kRunLimit},
      {"interleave", Devices::Cpu, options.interleave, {0, 1}},
      {"prefetch", Devices::Cpu, options.prefetch, kPrefetchLimit, -1},
      {"warps", Devices::Cuda, options.warps, kWarpsLimit},
      {"ahead", Devices::Cuda, options.ahead, kAheadLimit},
      {"splits", Devices::Cuda, options.splits, kSplitsLimit},
      {"keys", Devices::Cuda, options.keys, kFewKeysLimit},
      {"rows", Devices::CudaWgmma, options.rows, rows},
      {"ring-depth", Devices::CudaRings, options.ringDepth, kRingDepthLimit},
      {"ring-stages", Devices::CudaRings, options.ringStages, kStagesLimit},
      {"ring-after-wait", Devices::CudaRings, options.ringAfterWait, kRingAfterWaitLimit},
      {"ring-in-flight-before-wait", Devices::CudaRings, options.ringInFlightBeforeWait, kRingInFlightLimit},
      {"ring-in-flight", Devices::CudaRings, options.ringInFlight, kRingInFlightLimit},
      {"stages", Devices::CudaWgmma, options.stages, kStagesLimit},
      {"cluster", Devices::CudaClusters, options.cluster, kClusterLimit}};

  std::string known;
  for (const Number &number : numbers)
    if (knows(target, number.devices))
      known += (known.empty() ? "" : ", ") + number.name.str();
  for (auto [option, isKnown] : {std::pair("ring", hasRings), std::pair("weight-first", hasWgmma)})
    if (isKnown)
      known += std::string(", ") + option;
  for (const auto &[option, devices, value, limit, chosen] : numbers) {
    if (value == chosen)
      continue;
    if (hasRings && !options.ring && option.starts_with("ring-"))
      return refuse("option " + option + " changes nothing beside ring=false; leave one of them out");
    // Its kernels have no rings, and keys are divided by position.
    if (options.deterministic && (option.starts_with("ring-") || option == "splits"))
      return refuse("option " + option + " changes nothing beside deterministic; leave one of them out");
    if (!knows(target, devices))
      return refuse("option " + option + " does not belong to target " + name + "; it has " + known);
    if (!limit.holds(value))
      return refuse("option " + option + " is " + llvm::Twine(value) + "; it must be " +
                    (limit.multiple > 1 ? "a multiple of " + llvm::Twine(limit.multiple) + " from " : "") +
                    llvm::Twine(limit.low) + " to " + llvm::Twine(limit.high) + ", or " + llvm::Twine(chosen) +
                    " to have it chosen");
  }
  for (auto [option, isKnown, isDefault] :
       {std::tuple("weight-first", hasWgmma, options.weightFirst), std::tuple("ring", hasRings, options.ring)})
    if (!isKnown && !isDefault)
      return refuse(llvm::Twine("option ") + option + " does not belong to target " + name + "; it has " + known);
  if (options.run * options.vectors > kMostRunTimesVectors)
    return refuse("options run and vectors are " + llvm::Twine(options.run) + " and " + llvm::Twine(options.vectors) +
                  "; their product must be at most " + llvm::Twine(kMostRunTimesVectors));
  constexpr int64_t kMostPositions = int64_t(1) << 30;
  if (options.positions < 0 || options.positions > kMostPositions)
    return refuse("option positions is " + llvm::Twine(options.positions) + "; it must be 0 (not known) to " +
                  llvm::Twine(kMostPositions));
  return llvm::Error::success();
}

} // namespace quipu::codegen
