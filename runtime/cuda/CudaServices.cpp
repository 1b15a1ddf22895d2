//===- CudaServices.cpp - Kernels that belong to no program ------------------------------===//

#include "runtime/cuda/CudaServices.h"
#include "runtime/abi/CudaAbi.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/SourceSlice.h"

#include <algorithm>
#include <string>

namespace quipu {

using namespace cuda;

void launchCuda(const Driver &driver, Stream stream, Function function, uint32_t x, uint32_t y, uint32_t threads,
                uint32_t sharedBytes, void **parameters, bool dependent) {
  LaunchAttribute attribute = {};
  attribute.id = kProgrammaticStreamSerialization;
  attribute.value.number = 1;
  LaunchConfig config = {{x, y, 1}, {threads, 1, 1}, sharedBytes, stream, &attribute, dependent ? 1u : 0u};
  driver.launchKernel(&config, function, parameters, nullptr);
}

/// Launches a service kernel with the values as its parameters.
template <unsigned Threads = kCudaServiceThreads, typename... Values>
static void launchService(const Driver &driver, Stream stream, Function function, uint64_t x, uint32_t y,
                          bool dependent, Values... values) {
  void *parameters[] = {&values...};
  launchCuda(driver, stream, function, uint32_t(x), y, Threads, 0, parameters, dependent);
}

void CudaServices::find(const CodeModule &module) {
  auto take = [&](Function &place, const std::string &symbol) {
    // The last module counts. The program may have unloaded the modules before it.
    if (const void *function = module.lookup(symbol.c_str()))
      place = static_cast<Function>(const_cast<void *>(function));
  };
  for (size_t i = 0; i < fills.size(); ++i)
    take(fills[i], std::string(QUIPU_CUDA_FILL_RANDOM) + dtypeName(plan::DType(i)));
  take(argmax, QUIPU_CUDA_ARGMAX);
  take(sample, QUIPU_CUDA_SAMPLE);
  take(score, QUIPU_CUDA_SCORE);
  take(advance, QUIPU_CUDA_ADVANCE);
  take(feedKernel, QUIPU_CUDA_FEED);
}

bool CudaServices::fillRandom(Stream stream, const RandomFill &fill, uint32_t multiprocessors) const {
  const plan::Source &source = *fill.source;
  SourceSlice slice = SourceSlice::of(source);
  uint64_t elements = slice.elements(), first = slice.elementAt(0);
  Function function = size_t(fill.dtype) < fills.size() ? fills[size_t(fill.dtype)] : nullptr;
  // The kernel numbers elements with 32 bits, so large sources are filled in parts.
  if (!function || first + elements > uint64_t(1) << 32 || !slice.isContiguous())
    return false;
  // A scale of zero and keys of zero make the kernel write ones.
  RandomKeys keys = {0, 0, 0};
  float scale = 0;
  if (fill.role != plan::WeightRole::norm) {
    keys = randomKeys(source.name()->string_view(), fill.seed, 0);
    scale = randomScale(fill.role, source.shape()->Get(source.shape()->size() - 1));
  }
  // Blocks take rows in turn. Several blocks on a multiprocessor hide the latency of stores.
  uint64_t blocks = std::min<uint64_t>(elements / fill.columns, uint64_t(multiprocessors) * 8);
  launchService(driver, stream, function, blocks, 1, /*dependent=*/false, fill.weight, elements, fill.columns, keys.a,
                keys.b, keys.c, scale, uint32_t(first), uint64_t(source.first_row()), uint32_t(source.order()),
                uint64_t(source.group_rows()));
  return true;
}

void CudaServices::choose(Stream stream, const TokenChoice &choice, int32_t outputs, uint32_t multiprocessors,
                          bool dependent) const {
  if (choice.slots) {
    auto launch = [&](Function function, auto... more) {
      launchService<kCudaSampleThreads>(driver, stream, function, 1, uint32_t(outputs), dependent, choice.logits,
                                        outputs, int32_t(choice.vocab), choice.slots, choice.rules, choice.recent,
                                        choice.edits, int32_t(choice.editStride), choice.uniforms, choice.step,
                                        int32_t(choice.capacity), choice.keys, int32_t(choice.stride), more...);
    };
    launch(sample);
    if (choice.scores)
      launch(score, choice.scores);
  } else {
    // Few rows share all multiprocessors. Each thread has several loads.
    constexpr uint32_t kLogitsPerBlock = 4 * kCudaServiceThreads;
    uint32_t blocks = std::clamp<uint32_t>(2 * multiprocessors / uint32_t(outputs), 1,
                                           (choice.vocab + kLogitsPerBlock - 1) / kLogitsPerBlock);
    launchService(driver, stream, argmax, blocks, uint32_t(outputs), dependent, choice.logits, outputs,
                  int32_t(choice.vocab), choice.keys);
  }
  launchService(driver, stream, advance, 1, 1, dependent, choice.keys, choice.outputRows, outputs, choice.tokens,
                choice.positions, choice.history, choice.step, int32_t(choice.capacity), int32_t(choice.stride),
                choice.sequences, choice.lastTokens);
}

void CudaServices::feed(Stream stream, const TokenChoice &choice, const int64_t *dims) const {
  const StepFeed &feed = *choice.feed;
  launchService<kCudaSampleThreads>(driver, stream, feedKernel, 1, 1, /*dependent=*/false, feed.staged,
                                    int32_t(feed.placeSize), feed.fed, int32_t(feed.capacity), feed.inputs,
                                    int32_t(feed.stride), int32_t(dims[kDimTokens]), int32_t(dims[kDimOutputs]),
                                    choice.lastTokens, feed.table);
}

} // namespace quipu
