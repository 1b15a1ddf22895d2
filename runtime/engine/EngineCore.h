//===- EngineCore.h - The engine's work, step by step -----------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_ENGINECORE_H
#define QUIPU_RUNTIME_ENGINE_ENGINECORE_H

#include "runtime/core/StepRunner.h"
#include "runtime/engine/ActiveRequest.h"
#include "runtime/engine/Engine.h"
#include "runtime/engine/RequestCheck.h"
#include "runtime/engine/Scheduler.h"
#include "runtime/support/IdMap.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quipu {

/// All that an engine does without knowing about other threads, but for one: abandon() may be called from any.
class EngineCore {
public:
  EngineCore(std::shared_ptr<const Model> model, const EngineOptions &options);

  const Model &model() const { return *runner.model; }
  RequestBounds bounds() const;
  uint32_t maxRunning() const { return limits.maxRunning; }

  /// Takes a request that was checked.
  void accept(std::unique_ptr<ActiveRequest> request);
  void cancel(RequestId request, std::optional<uint32_t> sample);
  void cancelAll();
  /// Ends the requests whose time is over. Returns whether there was one.
  bool expire(EngineClock::time_point now);
  /// Gives the pages of the cache to the store. There is no request.
  void saveCache() { runner.cache.saveAll(); }
  void unpinAll() { runner.cache.blocks().unpinAll(); }

  /// Whether there is no request.
  bool isIdle() const { return numActive == 0 && !flight; }
  /// Whether requests have ended that have not heard so.
  bool hasFinished() const { return !finished.empty(); }

  /// Calls RequestSink::onEnd of the requests that have ended. The caller publishes the status before, so that who
  /// hears of an end finds the place free.
  void sayGoodbye();
  /// Calls EngineOptions::afterEvents.
  void endEvents() const;

  /// Runs a step, or starts one and ends the one before. Throws Error if the device fails, or after abandon(); then
  /// only abandon() may be called.
  void step();

  /// Tells all requests that there was an error, and forgets them. It may interrupt a step that does not come back from
  /// the device. The scheduler and the cache stay as they are.
  void abandon(const std::string &message);

  /// All but the state, and what concerns requests that were not accepted. `withSlots`: EngineStatus::slots too.
  EngineStatus describe(bool withSlots);

private:
  struct Owner {
    ActiveRequest *request = nullptr;
    uint32_t sample = 0;

    ActiveSample &get() const { return request->samples[sample]; }
  };
  /// Parts of a step that run in one call of the step runner.
  struct Batch {
    std::vector<SequenceTokens> parts;
    std::vector<const TokenSampling *> samplings;
    std::vector<const StepPart *> planned;
    /// They are there until the step runs. Behind it some may have ended.
    std::vector<Owner> owners;

    void reserve(size_t count);
  };
  /// A step that the device runs, while the host plans the next one.
  struct Flight {
    StepPlan plan;
    Batch batch;
    StepRunner::Started started;
  };

  SchedulerOptions withStore(SchedulerOptions given);
  std::unique_lock<std::mutex> lockAlive();
  void queue(ActiveRequest &request, ActiveSample &sample);
  std::vector<Batch> batchesOf(const StepPlan &plan);
  void addTo(Batch &batch, const StepPart &part, Owner owner, LogitsMode logits);
  const TokenSampling *deviceRule(const ActiveRequest &request, const ActiveSample &sample) const;
  StepPlan planStep();
  bool mayRunAhead() const { return canRunAhead && numNeedingHost == 0; }
  void runStep(const StepPlan &plan);
  void startStep(StepPlan plan);
  void land();
  void noteStart(ActiveRequest &request, StreamId stream);
  /// A row of a step: what the device has chosen, and what it says of that; or the logits.
  struct RowResult {
    bool isChosen = false;
    int32_t token = -1;
    const TokenScores *scores = nullptr;
    std::span<const float> logits;
  };
  void take(const Batch &batch, std::span<const WantedRow> wanted, std::span<const int32_t> chosen,
            const TokenScores *scores, const float *logits);
  void takeRow(const StepPart &part, size_t token, const RowResult &row, EngineClock::time_point now);
  bool isEnd(const ActiveRequest &request, int32_t token) const;
  void giveToken(ActiveRequest &request, ActiveSample &sample, int32_t token, const RowResult &row,
                 EngineClock::time_point now);
  void noteNeeds(ActiveRequest &request);
  void givePrompt(ActiveRequest &request);
  void end(ActiveRequest &request, ActiveSample &sample, FinishReason reason, int32_t stopToken = -1,
           const std::string &message = "");
  void endAll(ActiveRequest &request, FinishReason reason);
  void watchPrompts(const StepPlan &plan);
  void finishStep(const StepPlan &plan);
  void finish(RequestId id, EngineClock::time_point now);
  void settle();

  const EngineOptions options;
  StepRunner runner;
  SchedulerOptions limits;
  Scheduler scheduler;
  /// Whether prompts and single tokens run in launches of their own, because rows of a program for prompts are padded.
  bool separatesPrompts = false;
  /// Whether the device can begin a step before the host knows the tokens of the step in front.
  bool canRunAhead = false;
  /// Requests that are here and keep it from that.
  size_t numNeedingHost = 0;
  std::optional<Flight> flight;
  /// Seconds of this step in which the host waited, and in which it gave work to the device. The end of the last step,
  /// if requests were left.
  double waited = 0, enqueued = 0;
  std::optional<EngineClock::time_point> lastEnd;

  /// Held whenever requests are touched, but not while the device works.
  std::mutex mutex;
  bool isAbandoned = false;
  std::map<RequestId, std::unique_ptr<ActiveRequest>> active;
  std::atomic<size_t> numActive = 0;
  /// Samples that have not ended.
  size_t numSamples = 0;
  /// Requests that want something at the end of their prompts, and those with samples that wait for a prompt.
  size_t numWatched = 0, numHoldingBack = 0;
  /// The earliest deadline of all.
  std::optional<EngineClock::time_point> nextDeadline;
  /// Those that have ended, and have not heard so.
  std::vector<std::unique_ptr<ActiveRequest>> finished;
  IdMap<Owner> owners;
  StreamId lastStream = 0;
  /// What the end of a step does to the scheduler: new tokens, and streams that have ended (whether their pages may be
  /// kept).
  std::vector<std::pair<StreamId, int32_t>> newTokens;
  std::vector<std::pair<StreamId, bool>> endedStreams;
  std::vector<RequestId> endedRequests;
  /// Counters alone.
  EngineStatus totals;
  // Working memory.
  std::vector<TokenLogProb> tops;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_ENGINECORE_H
