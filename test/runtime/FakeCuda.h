//===- FakeCuda.h - A CUDA driver without a GPU -----------------------------*- C++ -*-===//
//
// A shared library with the driver's functions that the runtime uses, over memory of the host. "Code" of a plan is the
// path of a library with kernels of the toy plan. Work is done as late as the driver's promises allow, so that a buffer
// that is used again too early shows. Tests set what the machine is like, and look at what was launched.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_FAKECUDA_H
#define QUIPU_TEST_RUNTIME_FAKECUDA_H

#include "runtime/abi/CudaLimits.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace quipu::test {

struct FakeLaunch {
  std::string symbol;
  unsigned x, y, threads, sharedBytes;
  bool dependent;
  /// Part of a graph.
  bool replayed;
  int32_t tokens, outputs;
  /// Of L1 that the kernel asked to be shared memory; -1: left to the driver.
  int sharedPercent = -1;
};

/// What the fake machine is like, and what happened on it.
struct FakeCuda {
  int initResult = 0;
  int driverVersion = 13000;
  int devices = 2;
  int capability = 90;
  int multiprocessors = 10;
  int blocksPerMultiprocessor = 2;
  /// Of any size.
  int activeClusters = 4;
  int maxSharedBytes = int(kMaxSharedBytes);
  size_t totalBytes = size_t(80) << 30;
  size_t freeBytes = size_t(79) << 30;
  /// Whether code has the service kernels, and what code is refused.
  bool services = true;
  bool refuseCubin = false;
  /// From this launch of toy_logits on (0: the first; -1: never) one logit of each row is `spoiled`.
  int spoilsFrom = -1, logitsLaunches = 0;
  int32_t spoiledToken = 5;
  float spoiled = 0;
  /// Whether the kernel toy_mix has a tensor map (of its first pointer).
  bool mixHasMap = true;

  std::vector<FakeLaunch> launches;
  /// "cubin /path" or "ptx /path", as loaded.
  std::vector<std::string> modules;
  int graphsRecorded = 0, graphsAlive = 0, graphLaunches = 0;
  size_t copiesToDevice = 0, copiesToHost = 0;
  size_t bytesToHost = 0;
  /// Allocations of device and host memory, streams, events and modules that are alive: 0 at the end.
  int alive = 0;
  size_t usedBytes = 0;
  size_t mostPinnedBytes = 0;
};

/// The state of the library (extern "C" fakeCuda()).
using FakeCudaFunction = FakeCuda *(*)();

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_FAKECUDA_H
