//===- CpuProfile.cpp - When each thread was at each launch ------------------------------===//

#include "runtime/cpu/CpuDevice.h"
#include "runtime/cpu/LaunchWalk.h"
#include "runtime/cpu/ThreadCounters.h"

#include <atomic>
#include <chrono>
#include <memory>

namespace quipu {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// The walk of a profile, and what its workers note. Each worker has vectors of its own, so that no cache line goes
/// from one to another.
class ObservedWalk {
public:
  ObservedWalk(LaunchWalk walk) : walk(walk), notes(walk.pool.size()) {
    for (std::unique_ptr<Notes> &each : notes) {
      each = std::make_unique<Notes>();
      each->begin.resize(walk.launches.size());
      each->end.resize(walk.launches.size());
    }
  }

  /// Seconds of a run as the device always does it.
  double runPlain() {
    return run([](void *context, unsigned worker) {
      walkLaunches(static_cast<ObservedWalk *>(context)->walk, worker, [](size_t, bool) {});
    });
  }

  /// Seconds of a run that notes times. Appends them to `times`.
  void runObserved(ListTimes &times) {
    times.observed.push_back(run([](void *context, unsigned worker) {
      auto &self = *static_cast<ObservedWalk *>(context);
      Notes &own = *self.notes[worker];
      walkLaunches(self.walk, worker,
                   [&](size_t launch, bool isEnd) { (isEnd ? own.end : own.begin)[launch] = Clock::now(); });
    }));
    for (size_t i = 0; i < walk.launches.size(); ++i)
      for (const std::unique_ptr<Notes> &each : notes)
        if (gridBlocks(walk.launches[i], walk.dims) > 0)
          times.launches[i].push_back({since(start, each->begin[i]), since(start, each->end[i])});
  }

  /// Opens the counters of all workers. Returns 0, or the errno of a refusal.
  int openCounters() {
    std::atomic<int> error{0};
    firstError = &error;
    walk.pool.run(
        [](void *context, unsigned worker) {
          auto &self = *static_cast<ObservedWalk *>(context);
          Notes &own = *self.notes[worker];
          own.counts.resize(self.walk.launches.size());
          if (int problem = own.counters.open(hardwareEvents()))
            *self.firstError = problem;
        },
        this);
    return error;
  }

  /// A run that counts. Reading counters takes as long as a short kernel, so it gives no times.
  void runCounted() {
    run([](void *context, unsigned worker) {
      auto &self = *static_cast<ObservedWalk *>(context);
      Notes &own = *self.notes[worker];
      ThreadCounters::Reading before;
      walkLaunches(self.walk, worker, [&](size_t launch, bool isEnd) {
        ThreadCounters::Reading now = own.counters.read();
        for (size_t i = 0; isEnd && i < kNumHardwareCounters; ++i)
          own.counts[launch][i] += double(now.values[i] - before.values[i]);
        before = now;
      });
      own.last = before;
    });
  }

  /// The counts of all workers, as the mean of `runs` runs.
  std::vector<HardwareCounts> counts(unsigned runs) const {
    std::vector<HardwareCounts> sums(walk.launches.size());
    for (const std::unique_ptr<Notes> &each : notes) {
      // If counters are shared with others, the system counts a part of the time.
      double part = each->last.enabled ? double(each->last.running) / double(each->last.enabled) : 0;
      for (size_t launch = 0; part > 0 && launch < sums.size(); ++launch)
        for (size_t i = 0; i < kNumHardwareCounters; ++i)
          sums[launch][i] += each->counts[launch][i] / part / runs;
    }
    return sums;
  }

private:
  struct Notes {
    std::vector<Clock::time_point> begin, end;
    ThreadCounters counters;
    std::vector<HardwareCounts> counts;
    ThreadCounters::Reading last;
  };

  double run(ThreadPool::Task task) {
    start = Clock::now();
    walk.pool.run(task, this);
    return since(start, Clock::now());
  }

  LaunchWalk walk;
  Clock::time_point start;
  std::vector<std::unique_ptr<Notes>> notes;
  std::atomic<int> *firstError = nullptr;
};

} // namespace

ListTimes CpuDevice::profile(LaunchList &list, const int64_t *dims, const ProfileSetting &setting) {
  std::lock_guard<std::mutex> lock(mutex);
  ObservedWalk walk({pool, shares, list.launches, dims, static_cast<char *>(scratch.data()), scratchStride});
  ListTimes times;
  times.tracks = pool.size();
  times.onThreads = true;
  times.launches.resize(list.launches.size());
  int error = setting.counters ? walk.openCounters() : 0;
  if (error)
    times.countersProblem = counterProblem(error);
  // The first run is not measured: it brings weights into memory. The kinds of runs take turns, so that other load on
  // the machine affects all.
  walk.runPlain();
  for (unsigned run = 0; run < setting.repeats; ++run) {
    times.whole.push_back(walk.runPlain());
    walk.runObserved(times);
    if (setting.counters && !error)
      walk.runCounted();
  }
  if (setting.counters && !error)
    times.counts = walk.counts(setting.repeats);
  return times;
}

} // namespace quipu
