//===- ThreadPool.cpp - Threads that stay ------------------------------------------------===//

#include "runtime/cpu/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <sched.h>
#include <system_error>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quipu {

/// At a barrier of at most this many threads each thread watches all others. Then all go on one transfer of a cache
/// line after the last has arrived. With more threads a counter is cheaper.
static constexpr unsigned kMaxWatchedThreads = 8;

/// How long an idle worker spins before it sleeps. It is longer than the host needs to choose a token.
static constexpr std::chrono::microseconds kIdleSpin(100);

/// Pause instructions at a barrier before a thread sleeps. They take some ten microseconds; the parts of a launch
/// differ by no more. With more threads than cores the late thread needs the core, so threads hardly spin.
static constexpr unsigned kBarrierPauses = 1024;
static constexpr unsigned kCrowdedPauses = 8;

static inline void pauseCore() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

static std::vector<int> allowedCores() {
  std::vector<int> cores;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &mask))
        cores.push_back(core);
  return cores;
}

unsigned availableCores() {
  size_t cores = allowedCores().size();
  // The machine has more cores than the mask has bits.
  return unsigned(cores ? cores : std::max(1u, std::thread::hardware_concurrency()));
}

ThreadPool::ThreadPool(unsigned threads, bool pin)
    : numThreads(threads ? threads : availableCores()),
      barrierPauses(numThreads <= availableCores() ? kBarrierPauses : kCrowdedPauses), slots(new Slot[numThreads]) {
  std::vector<int> cores = pin ? allowedCores() : std::vector<int>();
  workers.reserve(numThreads - 1);
  for (unsigned worker = 1; worker < numThreads; ++worker) {
    try {
      workers.emplace_back([this, worker] { work(worker); });
    } catch (const std::system_error &) {
      // No work was given out yet. So the pool has the threads that could start.
      numThreads = worker;
      break;
    }
    if (!cores.empty()) {
      cpu_set_t mask;
      CPU_ZERO(&mask);
      CPU_SET(cores[worker % cores.size()], &mask);
      // If the system refuses the binding, only speed is lost.
      (void)pthread_setaffinity_np(workers.back().native_handle(), sizeof(mask), &mask);
    }
  }
}

ThreadPool::~ThreadPool() {
  stopping = true;
  generation.fetch_add(1);
  generation.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(Task newTask, void *newContext) {
  if (numThreads == 1) {
    newTask(newContext, 0);
    return;
  }
  task = newTask;
  context = newContext;
  // Sequentially consistent, as in the worker. So either the worker sees the new generation before it sleeps, or this
  // thread sees that it sleeps.
  generation.fetch_add(1);
  if (sleepers.load() != 0)
    generation.notify_all();
  newTask(newContext, 0);
  barrier(0);
}

void ThreadPool::work(unsigned worker) {
  uint32_t seen = 0;
  while (true) {
    auto begin = std::chrono::steady_clock::now();
    unsigned spins = 0;
    while (generation.load(std::memory_order_acquire) == seen) {
      pauseCore();
      if (++spins % 64 != 0 || std::chrono::steady_clock::now() - begin < kIdleSpin)
        continue;
      sleepers.fetch_add(1);
      generation.wait(seen);
      sleepers.fetch_sub(1);
    }
    ++seen;
    if (stopping)
      return;
    task(context, worker);
    barrier(worker);
  }
}

/// Waits until `counter` has reached `epoch`. Numbers wrap around. A counter is at most one epoch ahead.
void ThreadPool::await(std::atomic<uint32_t> &counter, uint32_t epoch) {
  auto reached = [epoch](uint32_t value) { return int32_t(value - epoch) >= 0; };
  for (unsigned pauses = 0; pauses < barrierPauses; ++pauses) {
    if (reached(counter.load(std::memory_order_acquire)))
      return;
    pauseCore();
  }
  barrierSleepers.fetch_add(1);
  for (uint32_t value = counter.load(); !reached(value); value = counter.load())
    counter.wait(value);
  barrierSleepers.fetch_sub(1);
}

/// Sets `counter` to `epoch`. Sequentially consistent, as in await(). So either the waiting thread sees the new number
/// before it sleeps, or this thread sees that it sleeps.
void ThreadPool::announce(std::atomic<uint32_t> &counter, uint32_t epoch) {
  counter.store(epoch);
  if (barrierSleepers.load() != 0)
    counter.notify_all();
}

void ThreadPool::barrier(unsigned worker) {
  if (numThreads == 1)
    return;
  uint32_t epoch = ++slots[worker].epoch;
  if (numThreads <= kMaxWatchedThreads) {
    announce(slots[worker].arrived, epoch);
    for (unsigned other = 0; other < numThreads; ++other)
      if (other != worker)
        await(slots[other].arrived, epoch);
    return;
  }
  if (arrivals.fetch_add(1, std::memory_order_acq_rel) + 1 == numThreads) {
    arrivals.store(0, std::memory_order_relaxed);
    announce(completed, epoch);
  } else {
    await(completed, epoch);
  }
}

} // namespace quipu
