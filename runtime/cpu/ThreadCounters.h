//===- ThreadCounters.h - Hardware counters of a thread ---------------------*- C++ -*-===//
//
// The system's perf_event_open gives counters of one thread in user mode. Many systems allow it only to administrators,
// and many virtual machines have no counters. So whoever wants them must do without them too.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CPU_THREADCOUNTERS_H
#define QUIPU_RUNTIME_CPU_THREADCOUNTERS_H

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace quipu {

/// An event by the numbers of perf_event_open.
struct CounterEvent {
  uint32_t type;
  uint64_t config;
};

/// Counts events of the thread that opens it. The thread itself reads it; any thread may destroy it.
class ThreadCounters {
public:
  static constexpr size_t kMost = 3;
  /// By the numbers of CounterEvent. The system counts them together or not at all.
  struct Reading {
    std::array<uint64_t, kMost> values = {};
    /// Nanoseconds since the beginning, and those in which it was counted: others may want the counters too.
    uint64_t enabled = 0, running = 0;
  };

  ThreadCounters() = default;
  ~ThreadCounters();
  ThreadCounters(const ThreadCounters &) = delete;
  ThreadCounters &operator=(const ThreadCounters &) = delete;

  /// Begins to count at most kMost events in the calling thread. Returns 0, or the errno of the system's refusal.
  int open(std::span<const CounterEvent> events);
  /// All zero if nothing is counted.
  Reading read() const;

private:
  void close();

  std::array<int, kMost> descriptors = {-1, -1, -1};
  size_t count = 0;
};

/// Cycles, instructions, misses of the last cache.
std::span<const CounterEvent> hardwareEvents();

/// What a refusal of perf_event_open means, and what to do about it. `paranoia`: what the system's
/// kernel.perf_event_paranoid says, as text; empty: unknown.
std::string counterProblem(int error, const std::string &paranoia);
/// The same, with the setting of this machine.
std::string counterProblem(int error);

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_THREADCOUNTERS_H
