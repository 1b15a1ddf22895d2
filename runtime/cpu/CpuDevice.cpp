//===- CpuDevice.cpp - The processor as a device -----------------------------------------===//

#include "runtime/cpu/CpuDevice.h"
#include "runtime/core/ToolRange.h"
#include "runtime/cpu/CpuCode.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/LaunchWalk.h"
#include "runtime/support/AmxPermission.h"
#include "runtime/support/Error.h"
#include "runtime/support/ParallelFor.h"
#include "runtime/support/RoundUp.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/mman.h>

namespace quipu {

#if defined(__x86_64__)
static constexpr const char *kIsa = "x86_64";
#elif defined(__aarch64__)
static constexpr const char *kIsa = "aarch64";
#endif

std::string CpuDevice::description() const {
  return concat(cpuModelName(), ", ", pool.size(), pool.size() == 1 ? " thread" : " threads");
}

std::vector<PlanChoice> CpuDevice::choices(const plan::Plan &plan, const std::string &planName,
                                           const std::string &variant) const {
  checkTarget(*plan.target(), planName);
  if (!variant.empty() && variant != plan.target()->isa()->string_view())
    fail(planName, ": has no variant for ", variant, "; it is for ", plan.target()->isa()->string_view());
  return {{0, {plan.modules()->begin(), plan.modules()->end()}}};
}

void CpuDevice::checkTarget(const plan::Target &target, const std::string &planName) const {
  if (target.isa()->string_view() != kIsa)
    fail(planName, ": the plan is for ", target.isa()->string_view(), ", this machine is ", kIsa,
         "; compile the model on it or for it");
  std::string missing;
  bool needsAmx = false;
  if (target.features()) {
    for (const flatbuffers::String *feature : *target.features()) {
      if (!hasCpuFeature(feature->string_view()))
        missing += (missing.empty() ? "" : ", ") + feature->str();
      needsAmx |= feature->string_view().starts_with("amx");
    }
  }
  if (!missing.empty())
    fail(planName, ": the plan needs CPU features that this machine (", cpuModelName(), ") lacks: ", missing,
         "; compile the model on this machine, or for fewer features (--target cpu:x86-64-v3)");
  if (needsAmx && !requestAmx())
    fail(planName, ": the plan uses AMX tiles, and the system does not give the right to use them; compile the model "
                   "without them (--target cpu:x86-64-v4)");
}

DeviceMemory CpuDevice::allocate(size_t size, MemoryUse use) {
  if (size == 0)
    return {};
  void *address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    fail("cannot get ", size >> 20, " MiB of memory", errnoSuffix(errno));
  // Large pages save walks through page tables. For memory that is used in parts they would take more memory than
  // needed.
  if (use == MemoryUse::Dense)
    (void)madvise(address, size, MADV_HUGEPAGE);
  return DeviceMemory(this, address, size);
}

void CpuDevice::release(void *address, size_t size) { munmap(address, size); }

void CpuDevice::write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) {
  parallelFor(pieces.size(), pool.size(), [&](unsigned, const std::function<size_t()> &next) {
    for (size_t i = next(); i < pieces.size(); i = next())
      write(i, static_cast<char *>(pieces[i].target));
  });
}

void CpuDevice::enqueueUpload(void *target, const void *staging, size_t size) {
  if (size)
    memcpy(target, staging, size);
}

void CpuDevice::enqueueDownload(void *staging, const void *source, size_t size) {
  if (size)
    memcpy(staging, source, size);
}

void CpuDevice::enqueueCopy(void *target, const void *source, size_t size) {
  if (size)
    memcpy(target, source, size);
}

std::unique_ptr<CodeModule> CpuDevice::loadModule(const plan::CodeModule &module, const std::string &planName) {
  if (module.format() != plan::CodeFormat::elf)
    fail(planName, ": code module: format is ", plan::EnumNameCodeFormat(module.format()),
         ", the cpu device runs elf; compile the model with --target cpu");
  return std::make_unique<CpuCode>(std::span(module.bytes()->data(), module.bytes()->size()), planName);
}

void CpuDevice::prepare(LaunchList &list) {
  std::lock_guard<std::mutex> lock(mutex);
  // A page lies between the workers' parts, so that hardware prefetches for one worker do not read another's part.
  size_t stride = roundUp(list.scratchBytes, 4096) + 4096;
  if (list.scratchBytes == 0 || stride <= scratchStride)
    return;
  scratch = allocate(stride * pool.size(), MemoryUse::Sparse);
  scratchStride = stride;
}

static void walk(void *context, unsigned worker) {
  walkLaunches(*static_cast<const LaunchWalk *>(context), worker, [](size_t, bool) {});
}

/// Each thread gives a range for its part of each launch. What lies between them is waiting.
static void walkInRanges(void *context, unsigned worker) {
  const auto &job = *static_cast<const LaunchWalk *>(context);
  walkLaunches(job, worker, [&](size_t launch, bool isEnd) {
    if (isEnd)
      ToolRange::end();
    else
      ToolRange::begin(RangeKind::Kernel, job.places[launch]);
  });
}

void CpuDevice::enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) {
  std::lock_guard<std::mutex> lock(mutex);
  LaunchWalk job = {pool, shares, list.launches, dims, static_cast<char *>(scratch.data()), scratchStride, list.places};
  pool.run(list.places.empty() ? walk : walkInRanges, &job);
}

namespace {

using Clock = std::chrono::steady_clock;

struct CpuEvent : DeviceEvent {
  Clock::time_point time;
};

Clock::time_point &timeOf(DeviceEvent &event) { return static_cast<CpuEvent &>(event).time; }

} // namespace

std::unique_ptr<DeviceEvent> CpuDevice::createEvent(EventUse) { return std::make_unique<CpuEvent>(); }

void CpuDevice::record(DeviceEvent &event) { timeOf(event) = Clock::now(); }

double CpuDevice::seconds(DeviceEvent &from, DeviceEvent &to) {
  return std::chrono::duration<double>(timeOf(to) - timeOf(from)).count();
}

} // namespace quipu
