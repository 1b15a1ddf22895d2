//===- IdleCudaDriver.cpp - A CUDA driver whose GPU only takes time ----------------------===//
//
// For measuring the host: kernels do nothing, and tokens are random. Kernels in front of an event take
// QUIPU_IDLE_CUDA_US microseconds together (0 if it is not set). Copies take no time. Who waits looks at the clock all
// the time, as with the real driver. Memory of the device is address space alone, so plans of any size load.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/abi/CudaAbi.h"
#include "runtime/cuda/CudaDriver.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string_view>
#include <sys/mman.h>
#include <utility>

using namespace quipu;
using namespace quipu::cuda;

#define IDLE_EXPORT extern "C" __attribute__((visibility("default")))

using Clock = std::chrono::steady_clock;

namespace quipu::cuda {

struct EventHandle {
  Clock::time_point end;
};

} // namespace quipu::cuda

static std::mutex mutex;
static std::map<Address, size_t> sizes;
/// When the device has done all that was enqueued, and whether kernels were enqueued since an event was recorded.
static Clock::time_point busyUntil;
static bool hasWork = false;
/// What handles without a state point to, and those of the kernels that tell where tokens and their scores go.
static char anything, advance, score;
/// The ring of tokens that reaches the host: places of `stride` tokens, of which so many are in use.
static struct {
  int32_t *tokens = nullptr;
  int32_t rows = 0, capacity = 1, stride = 0;
  uint64_t steps = 0;
} history;
static std::minstd_rand randomNumbers;

/// Tokens are below this.
static constexpr uint32_t kTokens = 32000;

template <typename Handle> static Handle someHandle() { return reinterpret_cast<Handle>(&anything); }

static void waitUntil(Clock::time_point end) {
  while (Clock::now() < end)
    __builtin_ia32_pause();
}

/// Writes tokens into another place of the ring at each step.
static void chooseTokens() {
  int32_t *place = history.tokens + int64_t(history.steps++ % uint64_t(history.capacity)) * history.stride;
  for (int32_t row = 0; row < history.rows; ++row)
    place[row] = int32_t(randomNumbers() % kTokens);
}

static void fillScores(TokenScores *scores, int64_t count) {
  for (TokenScores *each = scores; each < scores + count; ++each) {
    each->sum = int64_t(1) << kScoreBits;
    for (TokenScores::Top &top : each->top)
      top = {int32_t(randomNumbers() % kTokens), float(randomNumbers() % 1000)};
  }
}

static Clock::duration stepTime() {
  const char *text = getenv("QUIPU_IDLE_CUDA_US");
  return std::chrono::microseconds(text ? strtol(text, nullptr, 10) : 0);
}

IDLE_EXPORT Result cuInit(unsigned) { return kSuccess; }
IDLE_EXPORT Result cuDriverGetVersion(int *version) {
  *version = 13000;
  return kSuccess;
}
IDLE_EXPORT Result cuGetErrorString(Result, const char **text) {
  *text = "trouble";
  return kSuccess;
}
IDLE_EXPORT Result cuDeviceGetCount(int *count) {
  *count = 1;
  return kSuccess;
}
IDLE_EXPORT Result cuDeviceGet(DeviceNumber *device, int) {
  *device = 0;
  return kSuccess;
}
IDLE_EXPORT Result cuDeviceGetName(char *name, int size, DeviceNumber) {
  strncpy(name, "Idle GPU", size_t(size));
  return kSuccess;
}
IDLE_EXPORT Result cuDeviceGetAttribute(int *value, int which, DeviceNumber) {
  *value = which == kCapabilityMajor          ? 9
           : which == kMultiprocessorCount    ? 132
           : which == kMaxSharedBytesPerBlock ? int(kMaxSharedBytes)
                                              : 0;
  return kSuccess;
}
IDLE_EXPORT Result cuDeviceTotalMem_v2(size_t *bytes, DeviceNumber) {
  *bytes = size_t(140) << 30;
  return kSuccess;
}
IDLE_EXPORT Result cuDevicePrimaryCtxRetain(Context *context, DeviceNumber) {
  *context = someHandle<Context>();
  return kSuccess;
}
IDLE_EXPORT Result cuDevicePrimaryCtxRelease_v2(DeviceNumber) { return kSuccess; }
IDLE_EXPORT Result cuCtxSetCurrent(Context) { return kSuccess; }
IDLE_EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  *free = *total = size_t(140) << 30;
  return kSuccess;
}

IDLE_EXPORT Result cuMemAlloc_v2(Address *address, size_t size) {
  void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return kOutOfMemory;
  *address = reinterpret_cast<Address>(memory);
  std::lock_guard<std::mutex> lock(mutex);
  sizes[*address] = size;
  return kSuccess;
}
IDLE_EXPORT Result cuMemFree_v2(Address address) {
  std::lock_guard<std::mutex> lock(mutex);
  munmap(std::bit_cast<void *>(address), sizes[address]);
  sizes.erase(address);
  return kSuccess;
}
IDLE_EXPORT Result cuMemHostAlloc(void **memory, size_t size, unsigned) {
  *memory = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  return *memory ? kSuccess : kOutOfMemory;
}
IDLE_EXPORT Result cuMemFreeHost(void *memory) {
  free(memory);
  return kSuccess;
}
IDLE_EXPORT Result cuMemsetD8Async(Address, unsigned char, size_t, Stream) { return kSuccess; }
IDLE_EXPORT Result cuMemcpyHtoDAsync_v2(Address, const void *, size_t, Stream) { return kSuccess; }
IDLE_EXPORT Result cuMemcpyDtoHAsync_v2(void *, Address, size_t, Stream) { return kSuccess; }
IDLE_EXPORT Result cuMemcpyDtoDAsync_v2(Address, Address, size_t, Stream) { return kSuccess; }

IDLE_EXPORT Result cuModuleLoadDataEx(Module *module, const void *, unsigned, int *, void **) {
  *module = someHandle<Module>();
  return kSuccess;
}
IDLE_EXPORT Result cuModuleUnload(Module) { return kSuccess; }
IDLE_EXPORT Result cuModuleGetFunction(Function *function, Module, const char *name) {
  char &handle = std::string_view(name) == QUIPU_CUDA_ADVANCE ? advance
                 : std::string_view(name) == QUIPU_CUDA_SCORE ? score
                                                              : anything;
  *function = reinterpret_cast<Function>(&handle);
  return kSuccess;
}
IDLE_EXPORT Result cuFuncSetAttribute(Function, int, int) { return kSuccess; }
IDLE_EXPORT Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function, int, size_t) {
  *blocks = 1;
  return kSuccess;
}
IDLE_EXPORT Result cuOccupancyMaxActiveClusters(int *clusters, Function, const LaunchConfig *) {
  *clusters = 66;
  return kSuccess;
}
IDLE_EXPORT Result cuTensorMapEncodeTiled(cuda::TensorMap *, int, uint32_t, void *, const uint64_t *, const uint64_t *,
                                          const uint32_t *, const uint32_t *, int, int, int, int) {
  return kSuccess;
}

IDLE_EXPORT Result cuLaunchKernelEx(const LaunchConfig *, Function function, void **parameters, void **) {
  auto number = [&](size_t index) { return *static_cast<int32_t *>(parameters[index]); };
  std::lock_guard<std::mutex> lock(mutex);
  hasWork = true;
  if (function == reinterpret_cast<Function>(&advance)) {
    history.tokens = *static_cast<int32_t **>(parameters[5]);
    history.rows = std::max(history.rows, number(2));
    history.capacity = number(7);
    history.stride = number(8);
  }
  static TokenScores *filled = nullptr;
  if (function == reinterpret_cast<Function>(&score)) {
    auto *scores = *static_cast<TokenScores **>(parameters[13]);
    if (std::exchange(filled, scores) != scores)
      fillScores(scores, int64_t(number(10)) * number(12));
  }
  return kSuccess;
}
IDLE_EXPORT Result cuStreamCreate(Stream *stream, unsigned) {
  *stream = someHandle<Stream>();
  return kSuccess;
}
IDLE_EXPORT Result cuStreamDestroy_v2(Stream) { return kSuccess; }
IDLE_EXPORT Result cuStreamSynchronize(Stream) {
  std::unique_lock<std::mutex> lock(mutex);
  Clock::time_point end = busyUntil;
  lock.unlock();
  waitUntil(end);
  return kSuccess;
}
IDLE_EXPORT Result cuStreamBeginCapture_v2(Stream, int) { return kSuccess; }
IDLE_EXPORT Result cuStreamEndCapture(Stream, Graph *graph) {
  *graph = someHandle<Graph>();
  return kSuccess;
}
IDLE_EXPORT Result cuGraphInstantiateWithFlags(GraphExec *executable, Graph, unsigned long long) {
  *executable = someHandle<GraphExec>();
  return kSuccess;
}
IDLE_EXPORT Result cuGraphUpload(GraphExec, Stream) { return kSuccess; }
IDLE_EXPORT Result cuGraphLaunch(GraphExec, Stream) { return cuLaunchKernelEx(nullptr, nullptr, nullptr, nullptr); }
IDLE_EXPORT Result cuGraphExecDestroy(GraphExec) { return kSuccess; }
IDLE_EXPORT Result cuGraphDestroy(Graph) { return kSuccess; }

IDLE_EXPORT Result cuEventCreate(Event *event, unsigned) {
  *event = new EventHandle;
  return kSuccess;
}
IDLE_EXPORT Result cuEventDestroy_v2(Event event) {
  delete event;
  return kSuccess;
}
IDLE_EXPORT Result cuEventRecord(Event event, Stream) {
  static const Clock::duration each = stepTime();
  std::lock_guard<std::mutex> lock(mutex);
  if (hasWork) {
    chooseTokens();
    busyUntil = std::max(busyUntil, Clock::now()) + each;
  }
  hasWork = false;
  event->end = busyUntil;
  return kSuccess;
}
IDLE_EXPORT Result cuEventRecordWithFlags(Event event, Stream stream, unsigned) { return cuEventRecord(event, stream); }
IDLE_EXPORT Result cuEventSynchronize(Event event) {
  waitUntil(event->end);
  return kSuccess;
}
IDLE_EXPORT Result cuEventElapsedTime(float *milliseconds, Event from, Event to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->end - from->end).count();
  return kSuccess;
}
