//===- ThreadPool.h - Threads that stay -------------------------------------*- C++ -*-===//
//
// All threads run the same function (the caller as worker 0) and meet at barriers inside it, so that a list of kernels
// costs one wake-up and, per kernel, one barrier of a fraction of a microsecond. Who waits spins for a while, since the
// next token usually follows at once, and then sleeps, since the one waited for may need the core.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CPU_THREADPOOL_H
#define QUIPU_RUNTIME_CPU_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace quipu {

/// Cores that this process may use (its affinity mask).
unsigned availableCores();

class ThreadPool {
public:
  /// `threads`: number of threads, including the caller's. 0: availableCores(). `pin`: bind worker i to the i-th core
  /// of the affinity mask. The caller's affinity does not change. The pool has fewer threads if the system does not
  /// give more.
  explicit ThreadPool(unsigned threads = 0, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return numThreads; }

  using Task = void (*)(void *context, unsigned worker);

  /// Runs task(context, worker) on every worker and returns when all have finished. The task must not throw and must
  /// not call run(). One caller at a time.
  void run(Task task, void *context);

  /// Called inside a task: waits until all workers have called it. What a worker wrote before is visible to all workers
  /// after it.
  void barrier(unsigned worker);

  /// The part of `blocks` that belongs to a worker. Parts are contiguous, and their sizes differ by at most one. They
  /// depend only on the number of blocks, so that a worker reads the same weights for every token.
  struct Range {
    int64_t begin;
    int64_t end;
  };
  Range split(uint64_t blocks, unsigned worker) const {
    uint64_t share = blocks / numThreads;
    uint64_t rest = blocks % numThreads;
    uint64_t begin = worker * share + (worker < rest ? worker : rest);
    return {int64_t(begin), int64_t(begin + share + (worker < rest))};
  }

private:
  /// What one worker writes and others watch. It has two cache lines of its own, because the hardware fetches lines in
  /// pairs.
  struct alignas(128) Slot {
    std::atomic<uint32_t> arrived{0};
    /// Number of barriers that the worker has passed. Only the worker uses it.
    uint32_t epoch = 0;
  };

  void work(unsigned worker);
  void await(std::atomic<uint32_t> &counter, uint32_t epoch);
  void announce(std::atomic<uint32_t> &counter, uint32_t epoch);

  unsigned numThreads;
  unsigned barrierPauses;
  std::unique_ptr<Slot[]> slots;
  // The barrier of many threads: a counter, and the epoch that is complete.
  alignas(128) std::atomic<uint32_t> arrivals{0};
  alignas(128) std::atomic<uint32_t> completed{0};
  /// Grows by one for every run(), and at the end.
  alignas(128) std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> sleepers{0};
  /// Threads that sleep at a barrier.
  alignas(128) std::atomic<uint32_t> barrierSleepers{0};
  Task task = nullptr;
  void *context = nullptr;
  bool stopping = false;
  std::vector<std::thread> workers;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_THREADPOOL_H
