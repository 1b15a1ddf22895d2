//===- EngineStatus.h - What an engine is doing -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_ENGINESTATUS_H
#define QUIPU_RUNTIME_ENGINE_ENGINESTATUS_H

#include "runtime/core/BlockManager.h"
#include "runtime/core/PageStore.h"
#include "runtime/engine/Request.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace quipu {

/// Times in buckets, as Prometheus has them. The last bucket has everything above the last bound.
struct TimeHistogram {
  /// Upper bounds of the buckets in seconds.
  static constexpr std::array<double, 14> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                     0.1,    0.25,  0.5,    1,     2.5,  10,    60};
  std::array<uint64_t, kBounds.size() + 1> counts = {};
  uint64_t total = 0;
  double sumSeconds = 0;

  void add(double seconds);
};

enum class EngineState {
  Running,
  /// Takes no new requests, and ends when those that it has are finished.
  Draining,
  /// Has ended as it was asked to.
  Stopped,
  /// Has ended because the device, or the file of the weights, has failed.
  Dead
};

/// "running", "draining", "stopped", "dead".
std::string_view engineStateName(EngineState state);

/// A sample that has a sequence, or waits for one.
struct SlotStatus {
  RequestId request = 0;
  uint32_t sample = 0;
  bool isRunning = false;
  int32_t priority = 0;
  uint32_t promptTokens = 0;
  /// Tokens (of the prompt and new ones) whose keys and values are in the cache. Then: new tokens so far, and the
  /// greatest number of them.
  uint32_t computedTokens = 0;
  uint32_t newTokens = 0;
  uint32_t maxTokens = 0;
  uint32_t preemptions = 0;
  /// Since submit().
  double seconds = 0;
};

/// A picture of an engine between two steps. Counters count from the start of the engine. While nobody comes or goes,
/// the slots may be of up to kSlotAge before.
struct EngineStatus {
  static constexpr std::chrono::milliseconds kSlotAge{100};

  EngineState state = EngineState::Running;
  /// Why the engine is dead.
  std::string message;

  /// Those that run come first, then those that wait, each in the scheduler's order.
  std::vector<SlotStatus> slots;
  /// Samples, as each takes a sequence.
  uint32_t running = 0;
  uint32_t waiting = 0;
  /// The greatest numbers of them.
  uint32_t maxRunning = 0;
  uint32_t maxWaiting = 0;

  /// Pages of the cache, and prefixes found in it.
  BlockCounts cache;
  /// Pages in files.
  PageStoreCounts store;
  /// Positions of a page.
  uint32_t pageTokens = 0;

  uint64_t requests = 0;
  uint64_t refusals = 0;
  /// Samples that ended, by FinishReason.
  std::array<uint64_t, 5> ends = {};
  uint64_t promptTokens = 0;
  uint64_t cachedTokens = 0;
  uint64_t newTokens = 0;
  /// Tokens that steps computed, with those that were computed again after a preemption.
  uint64_t computedTokens = 0;
  uint64_t preemptions = 0;
  uint64_t steps = 0;
  /// Steps, from the end of one to the end of the next; in them what the engine's thread did but wait for the device;
  /// and of that the time in which it gave a step to the device that it did not wait for.
  TimeHistogram stepTimes;
  TimeHistogram hostTimes;
  TimeHistogram enqueueTimes;
  /// Of requests: from submit() to the first step, to the first token, to the end. Of samples: between two tokens.
  TimeHistogram queueTimes;
  TimeHistogram firstTokenTimes;
  TimeHistogram requestTimes;
  TimeHistogram tokenTimes;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_ENGINESTATUS_H
