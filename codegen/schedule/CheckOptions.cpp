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
enum class Devices { Cpu, Cuda, Hopper };

/// A number of the options. `chosen` is the value that leaves it to the selection.
struct Number {
  llvm::StringRef name;
  Devices devices;
  int64_t value;
  Limit limit;
  int64_t chosen = 0;
};

llvm::Error refuse(const llvm::Twine &message) { return llvm::createStringError(message); }

} // namespace

llvm::Error checkScheduleOptions(const LlamaSelectSchedulesOptions &options) {
  bool isCuda = cuda::isCudaTarget(options.target), isHopper = false, pairs = false;
  if (isCuda) {
    llvm::Expected<cuda::CudaTarget> target = cuda::parseCudaTarget(options.target);
    if (!target)
      return target.takeError();
    isHopper = target->isHopper();
  } else {
    llvm::Expected<cpu::CpuTarget> target = cpu::parseCpuTarget(options.target);
    if (!target)
      return target.takeError();
    pairs = target->hasBf16Dot();
  }

  // Dot products of bf16 take the features of a result in pairs, which a run may not divide.
  Limit run{pairs ? 2 : kRunLimit.low, kRunLimit.high, pairs ? 2 : 1};
  Limit rows = options.weightFirst ? kWeightFirstTileLimit : kTileLimit;
  const Number numbers[] = {{"run", Devices::Cpu, options.run, run},
                            {"vectors", Devices::Cpu, options.vectors, kVectorsLimit},
                            {"row-tiles", Devices::Cpu, options.rowTiles, kRowTilesLimit},
                            {"few-run", Devices::Cpu, options.fewRun, kRunLimit},
                            {"prefetch", Devices::Cpu, options.prefetch, kPrefetchLimit, -1},
                            {"warps", Devices::Cuda, options.warps, kWarpsLimit},
                            {"ahead", Devices::Cuda, options.ahead, kAheadLimit},
                            {"splits", Devices::Cuda, options.splits, kSplitsLimit},
                            {"keys", Devices::Cuda, options.keys, kFewKeysLimit},
                            {"rows", Devices::Hopper, options.rows, rows},
                            {"ring-depth", Devices::Hopper, options.ringDepth, kRingDepthLimit},
                            {"ring-stages", Devices::Hopper, options.ringStages, kStagesLimit},
                            {"ring-held", Devices::Hopper, options.ringHeld, kRingHeldLimit},
                            {"ring-first", Devices::Hopper, options.ringFirst, kRingUnderWayLimit},
                            {"ring-under-way", Devices::Hopper, options.ringUnderWay, kRingUnderWayLimit},
                            {"stages", Devices::Hopper, options.stages, kStagesLimit},
                            {"cluster", Devices::Hopper, options.cluster, kClusterLimit}};

  std::string known;
  auto knows = [&](Devices devices) {
    return devices == Devices::Cpu ? !isCuda : devices == Devices::Cuda ? isCuda : isHopper;
  };
  for (const Number &number : numbers)
    if (knows(number.devices))
      known += (known.empty() ? "" : ", ") + number.name.str();
  if (isHopper)
    known += ", ring, weight-first";
  for (const auto &[name, devices, value, limit, chosen] : numbers) {
    if (value == chosen)
      continue;
    if (isHopper && !options.ring && name.starts_with("ring-"))
      return refuse("option " + name + " changes nothing beside ring=false; leave one of them out");
    if (!knows(devices))
      return refuse("option " + name + " does not belong to target " + options.target + "; it has " + known);
    if (!limit.holds(value))
      return refuse("option " + name + " is " + llvm::Twine(value) + "; it must be " +
                    (limit.multiple > 1 ? "a multiple of " + llvm::Twine(limit.multiple) + " from " : "") +
                    llvm::Twine(limit.low) + " to " + llvm::Twine(limit.high) + ", or " + llvm::Twine(chosen) +
                    " to have it chosen");
  }
  if (!isHopper && (!options.ring || !options.weightFirst))
    return refuse(llvm::Twine("option ") + (options.ring ? "weight-first" : "ring") + " does not belong to target " +
                  options.target + "; it has " + known);
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
