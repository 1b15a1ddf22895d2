//===- FakeCudaDriver.cpp - A CUDA driver without a GPU ----------------------------------===//

#include "runtime/abi/CudaAbi.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/KernelAbi.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/RowOrder.h"
#include "runtime/cuda/CudaDriver.h"
#include "test/runtime/FakeCuda.h"
#include "test/runtime/ToyShape.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>

using namespace quipu;
using namespace quipu::cuda;
using namespace quipu::test;

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))

namespace quipu::cuda {

struct ContextHandle {};

struct EventHandle {
  bool done = false;
  int64_t tick = 0;
};

using Work = std::function<void(bool replayed)>;

struct GraphHandle {
  std::vector<Work> work;
};

struct GraphExecHandle {
  std::vector<Work> work;
};

struct StreamHandle {
  std::deque<Work> work;
  std::unique_ptr<GraphHandle> recording;
};

struct ModuleHandle {
  void *library = nullptr;
  std::map<std::string, FunctionHandle> functions;
};

/// Parameters of a kernel as found behind the array of their addresses.
using Parameters = void **;

struct FunctionHandle {
  std::string symbol;
  /// Bytes of each parameter.
  std::vector<size_t> sizes;
  std::function<void(Parameters)> run;
  int sharedLimit = 48 * 1024;
  int sharedPercent = -1;
};

} // namespace quipu::cuda

static FakeCuda state;
static ContextHandle context;
static std::mutex mutex;
static std::map<void *, size_t> deviceMemory;
static std::map<void *, size_t> hostMemory;
/// Launches done, the clock of the fake.
static int64_t ticks = 0;

template <typename T> static T get(Parameters parameters, size_t index) {
  T value;
  memcpy(&value, parameters[index], sizeof(T));
  return value;
}

// ---------------------------------------------------------------- kernels

static void fillRandomKernel(plan::DType dtype, Parameters parameters) {
  auto weight = get<char *>(parameters, 0);
  auto elements = get<uint64_t>(parameters, 1), columns = get<uint64_t>(parameters, 2);
  uint32_t keys[3] = {get<uint32_t>(parameters, 3), get<uint32_t>(parameters, 4), get<uint32_t>(parameters, 5)};
  auto scale = get<float>(parameters, 6);
  auto first = get<uint32_t>(parameters, 7);
  auto firstRow = get<uint64_t>(parameters, 8), groupRows = get<uint64_t>(parameters, 10);
  auto order = plan::RowOrder(get<uint32_t>(parameters, 9));
  auto mix = [](uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
  };
  for (uint64_t i = 0; i < elements; ++i) {
    uint32_t low = mix(mix((first + uint32_t(i)) ^ keys[0]) ^ keys[1]);
    uint32_t high = mix(low ^ keys[2]);
    int32_t sum = int32_t((low & 0xffff) + (low >> 16) + (high & 0xffff) + (high >> 16)) - 2 * 0xffff;
    float value = keys[0] || keys[1] || keys[2] || scale != 0 ? float(sum) * scale : 1.0f;
    uint64_t target = (firstRow + targetRow(order, groupRows, i / columns)) * columns + i % columns;
    convertElements(plan::DType::f32, &value, dtype, weight + target * dtypeSize(dtype), 1);
  }
}

/// Upper half of a key.
static uint32_t orderOf(float logit) {
  if (!std::isfinite(logit))
    return kNotFinite;
  auto bits = std::bit_cast<uint32_t>(logit);
  return bits >> 31 ? ~bits : bits ^ 0x80000000u;
}

static void argmaxKernel(Parameters parameters) {
  auto logits = get<const float *>(parameters, 0);
  auto rows = get<int32_t>(parameters, 1), vocab = get<int32_t>(parameters, 2);
  auto keys = get<uint64_t *>(parameters, 3);
  for (int32_t row = 0; row < rows; ++row) {
    for (int32_t v = 0; v < vocab; ++v)
      keys[row] = std::max(keys[row], uint64_t(orderOf(logits[row * vocab + v])) << 32 | uint32_t(~v));
  }
}

/// Draws by sorting the whole row, with sums in the order of ids and masses in double.
static int32_t drawToken(std::vector<float> &logits, const SampleRule &rule, const int32_t *recent,
                         std::span<const TokenEdit> edits, double uniform) {
  auto vocab = int32_t(logits.size());
  for (const TokenEdit &edit : edits) {
    float &logit = logits[size_t(edit.token)];
    logit = std::max(logit + edit.bias, std::numeric_limits<float>::lowest());
    if (uint32_t count = edit.count & ~kSeen)
      logit -= rule.presencePenalty + rule.frequencyPenalty * float(count);
    if (edit.count & kSeen && logit > std::numeric_limits<float>::lowest())
      logit = logit > 0 ? logit / rule.repeatPenalty : logit * rule.repeatPenalty;
  }
  std::vector<int32_t> seen(recent, recent + rule.window);
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (int32_t token : seen)
    if (token >= 0 && token < vocab && logits[token] > std::numeric_limits<float>::lowest())
      logits[token] = logits[token] > 0 ? logits[token] / rule.repeatPenalty : logits[token] * rule.repeatPenalty;
  std::vector<int32_t> order;
  for (int32_t v = 0; v < vocab; ++v)
    order.push_back(v);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  if (rule.scale == 0)
    return order.front();
  if (rule.topK > 0 && rule.topK < order.size())
    order.resize(rule.topK);
  auto mass = [&](int32_t v) { return std::exp((double(logits[v]) - double(logits[order.front()])) * rule.scale); };
  double total = 0, sum = 0;
  for (int32_t v : order)
    total += mass(v);
  if (rule.topP < 1) {
    size_t count = 0;
    do
      sum += mass(order[count++]);
    while (count < order.size() && sum < rule.topP * total);
    order.resize(count);
  }
  while (mass(order.back()) < rule.minP)
    order.pop_back();
  int32_t best = order.front();
  auto relative = [&](int32_t v) { return std::exp((double(logits[v]) - double(logits[best])) * rule.scale); };
  std::sort(order.begin(), order.end());
  total = 0;
  for (int32_t v : order)
    total += relative(v);
  double left = uniform * total;
  for (int32_t v : order)
    if ((left -= relative(v)) < 0)
      return v;
  return order.back();
}

static void sampleKernel(Parameters parameters) {
  auto logits = get<const float *>(parameters, 0);
  auto rows = get<int32_t>(parameters, 1), vocab = get<int32_t>(parameters, 2);
  auto slots = get<const int32_t *>(parameters, 3);
  auto rules = get<SampleRule *>(parameters, 4);
  auto rings = get<int32_t *>(parameters, 5);
  auto allEdits = get<TokenEdit *>(parameters, 6);
  auto editStride = get<int32_t>(parameters, 7);
  auto uniforms = get<const double *>(parameters, 8);
  auto step = *get<const int32_t *>(parameters, 9), capacity = get<int32_t>(parameters, 10);
  auto keys = get<uint64_t *>(parameters, 11);
  auto stride = get<int32_t>(parameters, 12);
  for (int32_t row = 0; row < rows; ++row) {
    SampleRule &rule = rules[slots[row]];
    int32_t *recent = rings + slots[row] * int32_t(kSampleWindow);
    TokenEdit *edits = allEdits + slots[row] * editStride;
    double uniform = uniforms[step % capacity * stride + row];
    std::vector<float> own(logits + row * vocab, logits + (row + 1) * vocab);
    auto byOrder = [](float a, float b) { return orderOf(a) < orderOf(b); };
    auto largest = std::ranges::max_element(own, byOrder);
    bool isFinite = std::isfinite(*largest);
    auto token = int32_t(largest - own.begin());
    if (isFinite)
      token = drawToken(own, rule, recent, {edits, rule.numEdits}, uniform);
    keys[row] = uint64_t(orderOf(*std::ranges::max_element(own, byOrder))) << 32 | uint32_t(~token);
    if (rule.window) {
      recent[rule.accepted] = token;
      rule.accepted = (rule.accepted + 1) % rule.window;
    }
    if (!rule.keepsTokens())
      continue;
    TokenEdit *found = std::find_if(edits, edits + rule.numEdits, [&](TokenEdit &edit) { return edit.token == token; });
    if (found == edits + rule.numEdits && rule.numEdits < uint32_t(editStride))
      edits[rule.numEdits++] = {token, 0, 0, 0};
    if (found < edits + rule.numEdits)
      found->count = (found->count + 1) | (rule.seesAll ? kSeen : 0);
  }
}

static void scoreKernel(Parameters parameters) {
  auto logits = get<const float *>(parameters, 0);
  auto rows = get<int32_t>(parameters, 1), vocab = get<int32_t>(parameters, 2);
  auto slots = get<const int32_t *>(parameters, 3);
  auto rules = get<const SampleRule *>(parameters, 4);
  auto step = *get<const int32_t *>(parameters, 9), capacity = get<int32_t>(parameters, 10);
  auto keys = get<const uint64_t *>(parameters, 11);
  auto stride = get<int32_t>(parameters, 12);
  auto scores = get<TokenScores *>(parameters, 13) + step % capacity * stride;
  for (int32_t row = 0; row < rows; ++row) {
    const SampleRule &rule = rules[slots[row]];
    std::span own(logits + row * vocab, size_t(vocab));
    if (!rule.scored || !std::ranges::all_of(own, [](float logit) { return std::isfinite(logit); }))
      continue;
    TokenScores &score = scores[row];
    score.largest = *std::ranges::max_element(own);
    score.chosen = own[~uint32_t(keys[row])];
    score.sum = 0;
    for (float logit : own)
      score.sum += std::llround(std::ldexp(std::exp(double(logit) - double(score.largest)), kScoreBits));
    std::vector<int32_t> ids;
    for (int32_t v = 0; v < vocab; ++v)
      ids.push_back(v);
    std::ranges::sort(ids, [&](int32_t a, int32_t b) {
      return own[size_t(a)] != own[size_t(b)] ? own[size_t(a)] > own[size_t(b)] : a < b;
    });
    // In no order that anybody may rely on.
    uint32_t numTop = rule.scored - 1;
    for (uint32_t i = 0; i < numTop; ++i)
      score.top[numTop - 1 - i] = {ids[i], own[size_t(ids[i])]};
  }
}

static void advanceKernel(Parameters parameters) {
  auto keys = get<uint64_t *>(parameters, 0);
  auto outputRows = get<const int32_t *>(parameters, 1);
  auto rows = get<int32_t>(parameters, 2);
  auto tokens = get<int32_t *>(parameters, 3), positions = get<int32_t *>(parameters, 4);
  auto history = get<int32_t *>(parameters, 5), step = get<int32_t *>(parameters, 6);
  auto capacity = get<int32_t>(parameters, 7), stride = get<int32_t>(parameters, 8);
  auto sequences = get<const int32_t *>(parameters, 9);
  auto lastTokens = get<int32_t *>(parameters, 10);
  for (int32_t r = 0; r < rows; ++r) {
    auto token = int32_t(~uint32_t(keys[r]));
    tokens[outputRows[r]] = token;
    positions[outputRows[r]] += 1;
    lastTokens[sequences[outputRows[r]]] = token;
    auto order = uint32_t(keys[r] >> 32);
    bool isLeft = order > orderOf(std::numeric_limits<float>::lowest());
    history[*step % capacity * stride + r] = order == kNotFinite ? kNoNumbers : isLeft ? token : kNothingLeft;
    keys[r] = 0;
  }
  *step += 1;
}

static void feedKernel(Parameters parameters) {
  auto staged = get<const int32_t *>(parameters, 0);
  auto placeSize = get<int32_t>(parameters, 1), capacity = get<int32_t>(parameters, 3);
  auto fed = get<int32_t *>(parameters, 2), inputs = get<int32_t *>(parameters, 4);
  auto stride = get<int32_t>(parameters, 5), rows = get<int32_t>(parameters, 6), outputs = get<int32_t>(parameters, 7);
  auto lastTokens = get<const int32_t *>(parameters, 8);
  auto table = get<int32_t *>(parameters, 9);
  const int32_t *place = staged + *fed % capacity * placeSize;
  for (int32_t i = 0; i < *place; ++i)
    table[place[1 + 2 * i]] = place[2 + 2 * i];
  for (int32_t part = 0; part < 5; ++part)
    std::copy_n(place + kFeedInputs + part * stride, part < 3 ? rows : outputs, inputs + part * stride);
  for (int32_t row = 0; row < rows; ++row)
    if (inputs[row] < 0)
      inputs[row] = lastTokens[inputs[2 * stride + row]];
  inputs[5 * stride] = *fed % capacity;
  *fed += 1;
}

/// Number of pointers of the toy plan's kernels; each may have a tensor map too, which is found behind the dims and
/// must be for pointer 0.
static const std::map<std::string, size_t> kToyPointers = {
    {"toy_embed", 3},          {"toy_append", 7},       {"toy_mix", 7},  {"toy_logits_decode", 6},
    {"toy_logits_prefill", 6}, {"toy_logits_plain", 6}, {"toy_score", 5}};

/// Calls the CPU's kernel for its whole grid, however it was launched.
static void toyKernel(const std::string &symbol, QuipuKernelEntry entry, Parameters parameters) {
  size_t count = kToyPointers.at(symbol);
  std::vector<void *> buffers;
  for (size_t i = 0; i < count; ++i)
    buffers.push_back(get<void *>(parameters, i));
  int64_t dims[kNumDims];
  for (size_t i = 0; i < kNumDims; ++i)
    dims[i] = get<int32_t>(parameters, count + i);
  alignas(64) char scratch[4096];
  bool isForOutputs = symbol.find("logits") != symbol.npos || symbol == "toy_score";
  int64_t blocks = symbol == "toy_embed" ? (dims[kDimTokens] + 1) / 2
                   : isForOutputs        ? dims[kDimOutputs]
                                         : dims[kDimTokens];
  entry(buffers.data(), dims, 0, blocks, scratch);
  if (symbol.find("logits") == symbol.npos || state.spoilsFrom < 0 || state.logitsLaunches++ < state.spoilsFrom)
    return;
  for (int64_t row = 0; row < blocks; ++row)
    static_cast<float *>(buffers[5])[row * kToyVocab + state.spoiledToken] = state.spoiled;
}

static FunctionHandle makeFunction(ModuleHandle &module, const std::string &symbol) {
  FunctionHandle function;
  function.symbol = symbol;
  if (auto toy = kToyPointers.find(symbol); toy != kToyPointers.end()) {
    auto entry = reinterpret_cast<QuipuKernelEntry>(dlsym(module.library, symbol.c_str()));
    function.sizes.assign(toy->second, 8);
    function.sizes.insert(function.sizes.end(), kNumDims, 4);
    if (symbol == "toy_mix")
      function.sizes.push_back(sizeof(cuda::TensorMap));
    function.run = [=](Parameters parameters) { toyKernel(symbol, entry, parameters); };
    return function;
  }
  if (!state.services)
    return {};
  std::string fill = QUIPU_CUDA_FILL_RANDOM;
  if (symbol.starts_with(fill)) {
    function.sizes = {8, 8, 8, 4, 4, 4, 4, 4, 8, 4, 8};
    for (plan::DType dtype : {plan::DType::f32, plan::DType::f16, plan::DType::bf16})
      if (symbol == fill + dtypeName(dtype))
        function.run = [=](Parameters parameters) { fillRandomKernel(dtype, parameters); };
  } else if (symbol == QUIPU_CUDA_ARGMAX) {
    function.sizes = {8, 4, 4, 8};
    function.run = argmaxKernel;
  } else if (symbol == QUIPU_CUDA_SAMPLE) {
    function.sizes = {8, 4, 4, 8, 8, 8, 8, 4, 8, 8, 4, 8, 4};
    function.run = sampleKernel;
  } else if (symbol == QUIPU_CUDA_SCORE) {
    function.sizes = {8, 4, 4, 8, 8, 8, 8, 4, 8, 8, 4, 8, 4, 8};
    function.run = scoreKernel;
  } else if (symbol == QUIPU_CUDA_ADVANCE) {
    function.sizes = {8, 8, 4, 8, 8, 8, 8, 4, 4, 8, 8};
    function.run = advanceKernel;
  } else if (symbol == QUIPU_CUDA_FEED) {
    function.sizes = {8, 4, 8, 4, 8, 4, 4, 4, 8, 8};
    function.run = feedKernel;
  }
  return function;
}

// ---------------------------------------------------------------- work

static void runOne(StreamHandle &stream) {
  Work work = std::move(stream.work.front());
  stream.work.pop_front();
  work(false);
}

static void runAll(StreamHandle &stream) {
  while (!stream.work.empty())
    runOne(stream);
}

/// Streams that are alive.
static std::vector<StreamHandle *> streams;

static void runEverything() {
  for (StreamHandle *stream : streams)
    runAll(*stream);
}

static void put(Stream stream, Work work) {
  if (stream->recording)
    stream->recording->work.push_back(std::move(work));
  else
    stream->work.push_back(std::move(work));
}

// ---------------------------------------------------------------- the driver's functions

FAKE_EXPORT FakeCuda *fakeCuda() { return &state; }

FAKE_EXPORT Result cuInit(unsigned) { return state.initResult; }

FAKE_EXPORT Result cuDriverGetVersion(int *version) {
  *version = state.driverVersion;
  return kSuccess;
}

FAKE_EXPORT Result cuGetErrorString(Result, const char **text) {
  *text = "fake trouble";
  return kSuccess;
}

FAKE_EXPORT Result cuDeviceGetCount(int *count) {
  *count = state.devices;
  return kSuccess;
}

FAKE_EXPORT Result cuDeviceGet(DeviceNumber *device, int number) {
  *device = number;
  return kSuccess;
}

FAKE_EXPORT Result cuDeviceGetName(char *name, int size, DeviceNumber) {
  strncpy(name, "Fake GPU", size_t(size));
  return kSuccess;
}

FAKE_EXPORT Result cuDeviceGetAttribute(int *value, int which, DeviceNumber) {
  *value = which == kCapabilityMajor          ? state.capability / 10
           : which == kCapabilityMinor        ? state.capability % 10
           : which == kMultiprocessorCount    ? state.multiprocessors
           : which == kMaxSharedBytesPerBlock ? state.maxSharedBytes
                                              : 0;
  return kSuccess;
}

FAKE_EXPORT Result cuDeviceTotalMem_v2(size_t *bytes, DeviceNumber) {
  *bytes = state.totalBytes;
  return kSuccess;
}

FAKE_EXPORT Result cuDevicePrimaryCtxRetain(Context *result, DeviceNumber) {
  ++state.alive;
  *result = &context;
  return kSuccess;
}

FAKE_EXPORT Result cuDevicePrimaryCtxRelease_v2(DeviceNumber) {
  --state.alive;
  return kSuccess;
}

static thread_local Context current = nullptr;

FAKE_EXPORT Result cuCtxSetCurrent(Context wanted) {
  current = wanted;
  return kSuccess;
}

/// The driver refuses what comes from a thread without a context.
#define NEED_CONTEXT                                                                                                   \
  if (!current)                                                                                                        \
    return 201;                                                                                                        \
  std::lock_guard<std::mutex> lock(mutex)

FAKE_EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  NEED_CONTEXT;
  *free = state.freeBytes - state.usedBytes;
  *total = state.totalBytes;
  return kSuccess;
}

FAKE_EXPORT Result cuMemAlloc_v2(Address *address, size_t size) {
  NEED_CONTEXT;
  if (size > state.freeBytes - state.usedBytes)
    return kOutOfMemory;
  void *memory = aligned_alloc(256, (size + 255) / 256 * 256);
  memset(memory, 0xab, size);
  deviceMemory[memory] = size;
  state.usedBytes += size;
  ++state.alive;
  *address = reinterpret_cast<Address>(memory);
  return kSuccess;
}

FAKE_EXPORT Result cuMemFree_v2(Address address) {
  NEED_CONTEXT;
  runEverything();
  auto found = deviceMemory.find(reinterpret_cast<void *>(address));
  if (found == deviceMemory.end())
    return 1;
  state.usedBytes -= found->second;
  --state.alive;
  free(found->first);
  deviceMemory.erase(found);
  return kSuccess;
}

FAKE_EXPORT Result cuMemHostAlloc(void **memory, size_t size, unsigned) {
  NEED_CONTEXT;
  *memory = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  hostMemory[*memory] = size;
  size_t pinned = 0;
  for (const auto &[address, bytes] : hostMemory)
    pinned += bytes;
  state.mostPinnedBytes = std::max(state.mostPinnedBytes, pinned);
  ++state.alive;
  return kSuccess;
}

FAKE_EXPORT Result cuMemFreeHost(void *memory) {
  NEED_CONTEXT;
  if (hostMemory.erase(memory) == 0)
    return 1;
  --state.alive;
  free(memory);
  return kSuccess;
}

FAKE_EXPORT Result cuMemsetD8Async(Address address, unsigned char value, size_t size, Stream stream) {
  NEED_CONTEXT;
  put(stream, [=](bool) { memset(reinterpret_cast<void *>(address), value, size); });
  return kSuccess;
}

/// Whether [address, address + size) lies in one of the allocations.
static bool inside(const std::map<void *, size_t> &memory, const void *address, size_t size) {
  auto next = memory.upper_bound(const_cast<void *>(address));
  if (next == memory.begin())
    return false;
  auto found = std::prev(next);
  return size_t(static_cast<const char *>(address) - static_cast<char *>(found->first)) + size <= found->second;
}

FAKE_EXPORT Result cuMemcpyHtoDAsync_v2(Address target, const void *source, size_t size, Stream stream) {
  NEED_CONTEXT;
  auto to = reinterpret_cast<void *>(target);
  if (!inside(deviceMemory, to, size) || !inside(hostMemory, source, size))
    return 1;
  ++state.copiesToDevice;
  put(stream, [=](bool) { memcpy(to, source, size); });
  return kSuccess;
}

FAKE_EXPORT Result cuMemcpyDtoHAsync_v2(void *target, Address source, size_t size, Stream stream) {
  NEED_CONTEXT;
  auto from = reinterpret_cast<const void *>(source);
  if (!inside(hostMemory, target, size) || !inside(deviceMemory, from, size))
    return 1;
  ++state.copiesToHost;
  state.bytesToHost += size;
  put(stream, [=](bool) { memcpy(target, from, size); });
  return kSuccess;
}

FAKE_EXPORT Result cuMemcpyDtoDAsync_v2(Address target, Address source, size_t size, Stream stream) {
  NEED_CONTEXT;
  put(stream, [=](bool) {
    memcpy(reinterpret_cast<void *>(target), reinterpret_cast<const void *>(source), size);
    ++ticks;
  });
  return kSuccess;
}

FAKE_EXPORT Result cuModuleLoadDataEx(Module *module, const void *image, unsigned count, int *options, void **values) {
  NEED_CONTEXT;
  std::string code = static_cast<const char *>(image);
  size_t space = code.find(' ');
  if (space == code.npos || (state.refuseCubin && code.starts_with("cubin"))) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == kJitErrorLog)
        strcpy(static_cast<char *>(values[i]), "fake log\n");
    return 218;
  }
  auto handle = std::make_unique<ModuleHandle>();
  handle->library = dlopen(code.substr(space + 1).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle->library)
    return 200;
  state.modules.push_back(code);
  ++state.alive;
  *module = handle.release();
  return kSuccess;
}

FAKE_EXPORT Result cuModuleUnload(Module module) {
  NEED_CONTEXT;
  --state.alive;
  dlclose(module->library);
  delete module;
  return kSuccess;
}

FAKE_EXPORT Result cuModuleGetFunction(Function *function, Module module, const char *symbol) {
  NEED_CONTEXT;
  if (!module->functions.count(symbol)) {
    FunctionHandle made = makeFunction(*module, symbol);
    if (!made.run)
      return kNotFound;
    module->functions[symbol] = made;
  }
  *function = &module->functions[symbol];
  return kSuccess;
}

FAKE_EXPORT Result cuFuncSetAttribute(Function function, int which, int value) {
  if (which == kPreferredSharedPercent && value >= 0 && value <= 100) {
    function->sharedPercent = value;
    return kSuccess;
  }
  if (which != kMaxDynamicSharedBytes || value > state.maxSharedBytes)
    return 1;
  function->sharedLimit = value;
  return kSuccess;
}

FAKE_EXPORT Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function, int, size_t) {
  *blocks = state.blocksPerMultiprocessor;
  return kSuccess;
}

FAKE_EXPORT Result cuOccupancyMaxActiveClusters(int *clusters, Function function, const LaunchConfig *config) {
  if (config->sharedBytes > unsigned(function->sharedLimit) || config->grid[0] == 0 || config->block[0] == 0)
    return 1;
  *clusters = state.activeClusters;
  return kSuccess;
}

FAKE_EXPORT Result cuLaunchKernelEx(const LaunchConfig *config, Function function, void **parameters, void **) {
  NEED_CONTEXT;
  if (config->sharedBytes > unsigned(function->sharedLimit) || config->grid[0] == 0 || config->grid[1] == 0)
    return 1;
  bool dependent = false;
  for (unsigned i = 0; i < config->numAttributes; ++i)
    dependent |= config->attributes[i].id == kProgrammaticStreamSerialization && config->attributes[i].value.number;
  // Parameters are taken now, as the driver does.
  auto bytes = std::make_shared<std::vector<std::vector<char>>>();
  bool isToy = kToyPointers.count(function->symbol) > 0;
  bool hasMap = function->symbol == "toy_mix" && state.mixHasMap;
  size_t count = function->sizes.size() - (function->symbol == "toy_mix" && !hasMap ? 1 : 0);
  for (size_t i = 0; i < count; ++i) {
    auto value = static_cast<const char *>(parameters[i]);
    bytes->emplace_back(value, value + function->sizes[i]);
  }
  // The map begins with the address that it was made for.
  if (hasMap && memcmp(bytes->back().data(), bytes->front().data(), 8) != 0)
    return 1;
  FakeLaunch record = {function->symbol,
                       config->grid[0],
                       config->grid[1],
                       config->block[0],
                       config->sharedBytes,
                       dependent,
                       false,
                       0,
                       0,
                       function->sharedPercent};
  if (isToy) {
    size_t dims = kToyPointers.at(function->symbol);
    memcpy(&record.tokens, (*bytes)[dims].data(), 4);
    memcpy(&record.outputs, (*bytes)[dims + 1].data(), 4);
  }
  put(config->stream, [=](bool replayed) {
    std::vector<void *> addresses;
    for (std::vector<char> &value : *bytes)
      addresses.push_back(value.data());
    function->run(addresses.data());
    ++ticks;
    state.launches.push_back(record);
    state.launches.back().replayed = replayed;
  });
  return kSuccess;
}

FAKE_EXPORT Result cuTensorMapEncodeTiled(cuda::TensorMap *map, int type, uint32_t rank, void *address,
                                          const uint64_t *size, const uint64_t *strides, const uint32_t *box,
                                          const uint32_t *steps, int interleave, int swizzle, int promotion,
                                          int zeros) {
  if (reinterpret_cast<uintptr_t>(map) % 64 || rank != 2 || strides[0] % 16 || steps[0] != 1 || steps[1] != 1 ||
      interleave != 0 || swizzle != kTensorSwizzle128 || promotion != kTensorPromotion128 || zeros != 0)
    return 1;
  *map = {{reinterpret_cast<uint64_t>(address), size[0], size[1], strides[0], box[0], box[1], uint64_t(type)}};
  return kSuccess;
}

FAKE_EXPORT Result cuStreamCreate(Stream *stream, unsigned) {
  NEED_CONTEXT;
  ++state.alive;
  *stream = new StreamHandle;
  streams.push_back(*stream);
  return kSuccess;
}

FAKE_EXPORT Result cuStreamDestroy_v2(Stream stream) {
  NEED_CONTEXT;
  runAll(*stream);
  --state.alive;
  streams.erase(std::find(streams.begin(), streams.end(), stream));
  delete stream;
  return kSuccess;
}

FAKE_EXPORT Result cuStreamSynchronize(Stream stream) {
  NEED_CONTEXT;
  runAll(*stream);
  return kSuccess;
}

FAKE_EXPORT Result cuStreamBeginCapture_v2(Stream stream, int) {
  NEED_CONTEXT;
  stream->recording = std::make_unique<GraphHandle>();
  return kSuccess;
}

FAKE_EXPORT Result cuStreamEndCapture(Stream stream, Graph *graph) {
  NEED_CONTEXT;
  *graph = stream->recording.release();
  return kSuccess;
}

FAKE_EXPORT Result cuGraphInstantiateWithFlags(GraphExec *executable, Graph graph, unsigned long long) {
  NEED_CONTEXT;
  ++state.graphsRecorded;
  ++state.graphsAlive;
  *executable = new GraphExecHandle{graph->work};
  return kSuccess;
}

FAKE_EXPORT Result cuGraphUpload(GraphExec, Stream) { return kSuccess; }

FAKE_EXPORT Result cuGraphLaunch(GraphExec executable, Stream stream) {
  NEED_CONTEXT;
  ++state.graphLaunches;
  for (const Work &work : executable->work)
    put(stream, [work](bool) { work(true); });
  return kSuccess;
}

FAKE_EXPORT Result cuGraphExecDestroy(GraphExec executable) {
  NEED_CONTEXT;
  --state.graphsAlive;
  delete executable;
  return kSuccess;
}

FAKE_EXPORT Result cuGraphDestroy(Graph graph) {
  delete graph;
  return kSuccess;
}

FAKE_EXPORT Result cuEventCreate(Event *event, unsigned) {
  NEED_CONTEXT;
  ++state.alive;
  *event = new EventHandle;
  return kSuccess;
}

FAKE_EXPORT Result cuEventDestroy_v2(Event event) {
  NEED_CONTEXT;
  runEverything();
  --state.alive;
  delete event;
  return kSuccess;
}

/// Notes the time when the stream comes to it, also each time that a graph does.
static void putEvent(Event event, Stream stream) {
  event->done = false;
  put(stream, [=](bool) {
    event->done = true;
    event->tick = ticks;
  });
}

FAKE_EXPORT Result cuEventRecord(Event event, Stream stream) {
  NEED_CONTEXT;
  // In a recording it only says what depends on what, and its time cannot be asked for.
  if (stream->recording)
    return 1;
  putEvent(event, stream);
  return kSuccess;
}

FAKE_EXPORT Result cuEventRecordWithFlags(Event event, Stream stream, unsigned flags) {
  NEED_CONTEXT;
  // The flag is for recordings alone.
  if ((flags == kEventRecordExternal) != bool(stream->recording))
    return 1;
  putEvent(event, stream);
  return kSuccess;
}

FAKE_EXPORT Result cuEventSynchronize(Event event) {
  NEED_CONTEXT;
  for (StreamHandle *stream : streams)
    while (!event->done && !stream->work.empty())
      runOne(*stream);
  return kSuccess;
}

/// A launch takes a millisecond.
FAKE_EXPORT Result cuEventElapsedTime(float *milliseconds, Event from, Event to) {
  *milliseconds = float(to->tick - from->tick);
  return kSuccess;
}
