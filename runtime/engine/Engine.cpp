//===- Engine.cpp - One model for many requests ------------------------------------------===//

#include "runtime/engine/Engine.h"
#include "runtime/core/Device.h"
#include "runtime/engine/EngineCore.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappingGuard.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace quipu {

struct Engine::Impl {
  Impl(std::shared_ptr<const Model> model, const EngineOptions &options);
  ~Impl();

  void loop();
  void runUntilStopped();
  void publish(bool withSlots);
  void die(const std::string &message);
  void watchFiles();
  bool mustWork() const;

  EngineCore core;
  const RequestBounds bounds;

  /// For all below.
  mutable std::mutex mutex;
  std::condition_variable wake;
  mutable std::condition_variable ended;
  std::vector<std::unique_ptr<ActiveRequest>> arrivals;
  std::vector<std::pair<RequestId, std::optional<uint32_t>>> cancels;
  bool unpins = false, cancelsAll = false;
  EngineStatus status;
  /// Set when all sinks have had their last call.
  bool hasEnded = false;
  /// Set when the thread of the steps is done.
  bool hasReturned = false;
  RequestId lastId = 0;
  /// When the slots were published last.
  EngineClock::time_point lastSlots;

  // Threads: steps, and one that waits for a file that cannot be read any more.
  int stopEvent = -1;
  std::thread watcher;
  std::thread steps;
};

Engine::Impl::Impl(std::shared_ptr<const Model> model, const EngineOptions &options)
    : core(std::move(model), options), bounds(core.bounds()) {
  status = core.describe(/*withSlots=*/true);
  // Only kernels of the CPU read mapped files.
  if (core.model().device().sharesHostMemory() && mappingFailureEvent() >= 0) {
    stopEvent = eventfd(0, EFD_CLOEXEC);
    if (stopEvent >= 0)
      watcher = std::thread([this] { watchFiles(); });
  }
  steps = std::thread([this] { loop(); });
}

Engine::Impl::~Impl() {
  steps.join();
  if (watcher.joinable()) {
    uint64_t one = 1;
    (void)!write(stopEvent, &one, sizeof(one));
    watcher.join();
  }
  if (stopEvent >= 0)
    close(stopEvent);
}

/// A kernel that reads behind the end of a file does not come back (MappingGuard.h), and the thread of the steps waits
/// for it. So this thread answers the requests.
void Engine::Impl::watchFiles() {
  pollfd events[] = {{mappingFailureEvent(), POLLIN, 0}, {stopEvent, POLLIN, 0}};
  while (poll(events, 2, -1) < 0 && errno == EINTR) {
  }
  if (events[0].revents & POLLIN)
    die("a file of the model cannot be read any more: it was cut or replaced in place while it was in use");
}

//===--- The thread of the steps ---------------------------------------------------------===//

void Engine::Impl::loop() {
  try {
    runUntilStopped();
  } catch (const std::exception &error) {
    die(error.what());
  }
  std::lock_guard<std::mutex> lock(mutex);
  hasReturned = true;
  ended.notify_all();
}

/// Called with the mutex.
bool Engine::Impl::mustWork() const {
  return !arrivals.empty() || !cancels.empty() || unpins || cancelsAll || status.state != EngineState::Running ||
         !core.isIdle();
}

void Engine::Impl::runUntilStopped() {
  while (true) {
    std::unique_lock<std::mutex> lock(mutex);
    wake.wait(lock, [&] { return mustWork(); });
    auto newRequests = std::exchange(arrivals, {});
    auto cancelled = std::exchange(cancels, {});
    bool cancelsEverything = std::exchange(cancelsAll, false);
    if (std::exchange(unpins, false))
      core.unpinAll();
    lock.unlock();
    bool hasNews = !newRequests.empty() || !cancelled.empty() || cancelsEverything;
    for (std::unique_ptr<ActiveRequest> &request : newRequests)
      core.accept(std::move(request));
    for (const auto &[request, sample] : cancelled)
      core.cancel(request, sample);
    if (cancelsEverything)
      core.cancelAll();
    hasNews |= core.expire(EngineClock::now());
    if (!core.isIdle()) {
      // Who looks during a long step sees the new requests, and who hears of an end finds the place free.
      if (hasNews)
        publish(/*withSlots=*/true);
      core.sayGoodbye();
      core.step();
    }
    publish(core.hasFinished() || core.isIdle());
    core.sayGoodbye();
    lock.lock();
    if (status.state == EngineState::Draining && core.isIdle() && arrivals.empty()) {
      // Nobody sends anything any more.
      lock.unlock();
      core.saveCache();
      lock.lock();
      status.state = EngineState::Stopped;
      hasEnded = true;
      ended.notify_all();
      return;
    }
  }
}

/// `withSlots`: the slots must be right. Else they may be old, since a picture of each takes time after every step.
void Engine::Impl::publish(bool withSlots) {
  EngineClock::time_point now = EngineClock::now();
  withSlots |= now - lastSlots >= EngineStatus::kSlotAge;
  EngineStatus fresh = core.describe(withSlots);
  if (withSlots)
    lastSlots = now;
  std::lock_guard<std::mutex> lock(mutex);
  if (!withSlots)
    fresh.slots = std::move(status.slots);
  fresh.state = status.state;
  fresh.message = std::move(status.message);
  fresh.refusals = status.refusals;
  status = std::move(fresh);
  for (const std::unique_ptr<ActiveRequest> &arrival : arrivals)
    status.waiting += arrival->request.samples;
}

/// Ends everything. From the thread of the steps, or from another one while that one waits for the device in vain.
void Engine::Impl::die(const std::string &message) {
  std::unique_lock<std::mutex> lock(mutex);
  if (status.state == EngineState::Dead || status.state == EngineState::Stopped)
    return;
  status.state = EngineState::Dead;
  status.message = message;
  wake.notify_all();
  auto unheard = std::exchange(arrivals, {});
  lock.unlock();
  core.abandon(message);
  for (const std::unique_ptr<ActiveRequest> &arrival : unheard) {
    for (uint32_t i = 0; i < arrival->request.samples; ++i)
      arrival->sink->onSampleEnd({i, FinishReason::Error, 0, -1, message});
    arrival->usage.promptTokens = arrival->request.prompt.size();
    arrival->sink->onEnd(arrival->usage);
  }
  core.endEvents();
  lock.lock();
  status.slots.clear();
  status.running = status.waiting = 0;
  hasEnded = true;
  ended.notify_all();
}

//===--- The interface -------------------------------------------------------------------===//

Engine::Engine(std::shared_ptr<const Model> model, const EngineOptions &options)
    : impl(std::make_unique<Impl>(std::move(model), options)) {}

Engine::~Engine() {
  (void)drain(EngineClock::now());
  std::unique_lock<std::mutex> lock(impl->mutex);
  // The step that runs when a file fails never ends. Its thread, and all that it may touch, live as long as the
  // process.
  constexpr std::chrono::seconds kLongestStep(2);
  bool hasReturned = impl->ended.wait_for(lock, kLongestStep, [&] { return impl->hasReturned; });
  bool isStuck = !hasReturned && impl->status.state == EngineState::Dead;
  lock.unlock();
  if (!isStuck)
    return;
  impl->steps.detach();
  [[maybe_unused]] Impl *left = impl.release();
}

const Model &Engine::model() const { return impl->core.model(); }

void Engine::check(const Request &request) const { checkRequest(request, impl->bounds); }

RequestId Engine::submit(Request request, std::shared_ptr<RequestSink> sink) {
  auto refuse = [&](RefusalKind kind, const std::string &message) {
    ++impl->status.refusals;
    throw Refusal(kind, message);
  };
  try {
    check(request);
  } catch (const Refusal &) {
    std::lock_guard<std::mutex> lock(impl->mutex);
    ++impl->status.refusals;
    throw;
  }
  std::lock_guard<std::mutex> lock(impl->mutex);
  EngineStatus &status = impl->status;
  if (status.state == EngineState::Dead)
    refuse(RefusalKind::Dead, "the model does not run any more: " + status.message);
  if (status.state != EngineState::Running)
    refuse(RefusalKind::Draining, "no new requests are taken: the engine ends when those that it has are finished");
  // Free places are for those that wait already.
  uint64_t room = uint64_t(status.maxWaiting) + status.maxRunning - status.running;
  if (status.waiting + uint64_t(request.samples) > room)
    refuse(RefusalKind::QueueFull,
           concat(status.waiting, " samples wait, and ", status.maxWaiting, " may wait: there is no room for ",
                  request.samples, " more; try again later"));
  RequestId id = ++impl->lastId;
  impl->arrivals.push_back(std::make_unique<ActiveRequest>(id, std::move(request), std::move(sink)));
  impl->arrivals.back()->submitted = EngineClock::now();
  status.waiting += impl->arrivals.back()->request.samples;
  impl->wake.notify_one();
  return id;
}

void Engine::cancel(RequestId request, std::optional<uint32_t> sample) {
  std::lock_guard<std::mutex> lock(impl->mutex);
  impl->cancels.push_back({request, sample});
  impl->wake.notify_one();
}

void Engine::unpinAll() {
  std::lock_guard<std::mutex> lock(impl->mutex);
  impl->unpins = true;
  impl->wake.notify_one();
}

bool Engine::drain(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(impl->mutex);
  if (impl->status.state == EngineState::Running)
    impl->status.state = EngineState::Draining;
  impl->wake.notify_one();
  auto hasEnded = [&] { return impl->hasEnded; };
  if (impl->ended.wait_until(lock, deadline, hasEnded))
    return true;
  bool isIdle = impl->status.running + impl->status.waiting == 0;
  impl->cancelsAll = true;
  impl->wake.notify_one();
  impl->ended.wait(lock, hasEnded);
  return isIdle;
}

EngineStatus Engine::status() const {
  std::lock_guard<std::mutex> lock(impl->mutex);
  return impl->status;
}

EngineState Engine::state() const {
  std::lock_guard<std::mutex> lock(impl->mutex);
  return impl->status.state;
}

void Engine::wait() const {
  std::unique_lock<std::mutex> lock(impl->mutex);
  impl->ended.wait(lock, [&] { return impl->hasEnded; });
}

} // namespace quipu
