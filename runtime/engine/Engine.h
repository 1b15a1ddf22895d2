//===- Engine.h - One model for many requests -------------------------------*- C++ -*-===//
//
// A thread of the engine's own runs steps, as long as there is something to compute. A step has new tokens of all
// requests that run: one for each that generates, and a part of a prompt for others (Scheduler.h). Requests join and
// leave between two steps. docs/serving-engine.md says how the parts work together.
//
// A request's tokens and log-probabilities are those that it would get alone, bit for bit, if the plan's programs give
// each row the same sums whatever else is in the step. Else they are the same up to rounding.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ENGINE_ENGINE_H
#define QUIPU_RUNTIME_ENGINE_ENGINE_H

#include "runtime/core/Model.h"
#include "runtime/engine/EngineStatus.h"
#include "runtime/engine/Request.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace quipu {

struct EngineOptions {
  /// Token slots of the key/value cache over all requests. 0: as ModelOptions say.
  uint64_t cacheTokens = 0;
  /// Samples that run at the same time. 0, or more than the plan's max_batch: max_batch.
  uint32_t maxRunning = 0;
  /// Samples that may wait for a place. A request that would make it more is refused.
  uint32_t maxWaiting = 512;
  /// Most tokens of a step. Longer prompts are computed in parts, so that other streams keep their pace. 0: as many as
  /// a launch of the plan takes. It is raised to maxRunning + 1 if it is less, as is mixedTokens.
  uint32_t stepTokens = 0;
  /// The same for steps in which some stream generates. Their time is the time between two tokens of a stream. Prompts
  /// get fewer tokens where few streams generate (SchedulerOptions::promptTokens). 0: half of stepTokens, and at
  /// least two for each running sample.
  uint32_t mixedTokens = 0;
  /// Whether pages of finished requests stay in the cache until their room is needed.
  bool keepPrefixes = true;
  /// Where pages are kept that the cache has no room for, and all of them when the engine ends. It may be null.
  std::shared_ptr<PageStore> store = {};
  /// Called when sinks have been called, or may have been, behind the last of several calls: where the engine begins to
  /// wait for the device or for requests, or does something else that takes long. A sink that wakes another thread can
  /// do so here, once for all calls. It must be as cheap as the calls of sinks. It may be empty.
  std::function<void()> afterEvents = {};
  /// For tests. The first is called before each step, on the engine's thread, with the number of steps before; an Error
  /// that it throws counts as the device's. The second is BlockManagerOptions::mayTouch.
  std::function<void(uint64_t step)> beforeStep;
  std::function<uint64_t(uint64_t first, uint64_t count)> mayTouch;
};

/// All functions may be called from any thread, at the same time.
class Engine {
public:
  /// Takes memory for cache and steps, and starts the thread. Throws Error if there is not enough memory.
  explicit Engine(std::shared_ptr<const Model> model, const EngineOptions &options = {});
  /// As drain(now).
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  const Model &model() const;

  /// Queues the request. Events go to `sink`, on the engine's thread, perhaps before this returns. Throws Refusal;
  /// then nothing has happened, and the sink is never called.
  RequestId submit(Request request, std::shared_ptr<RequestSink> sink);

  /// Checks a request as submit() does, except for the queue. Throws Refusal.
  void check(const Request &request) const;

  /// Ends a request, or one of its samples, at the next step at the latest, with FinishReason::Cancelled. It does
  /// nothing for one that has ended.
  void cancel(RequestId request, std::optional<uint32_t> sample = std::nullopt);

  /// Refuses new requests from now on, and waits until all others have finished, but not longer than until `deadline`.
  /// Then those that are left are cancelled. Returns whether none had to be. All sinks have had their onEnd when it
  /// returns. The engine is then stopped (or dead).
  bool drain(std::chrono::steady_clock::time_point deadline);

  /// Ends every pin of Request::pinPrompt.
  void unpinAll();

  /// What goes on, as of the end of the last step. It does not wait for a step, so it is cheap.
  EngineStatus status() const;
  EngineState state() const;

  /// Waits until the engine is stopped or dead.
  void wait() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_ENGINE_H
