//===- ThreadCounters.cpp - Hardware counters of a thread --------------------------------===//

#include "runtime/cpu/ThreadCounters.h"
#include "runtime/support/Error.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace quipu {

static constexpr CounterEvent kHardwareEvents[] = {{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
                                                   {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
                                                   {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}};

std::span<const CounterEvent> hardwareEvents() { return kHardwareEvents; }

ThreadCounters::~ThreadCounters() { close(); }

void ThreadCounters::close() {
  for (int &descriptor : descriptors) {
    if (descriptor >= 0)
      ::close(descriptor);
    descriptor = -1;
  }
  count = 0;
}

int ThreadCounters::open(std::span<const CounterEvent> events) {
  close();
  for (size_t i = 0; i < events.size() && i < kMost; ++i) {
    perf_event_attr attributes = {};
    attributes.size = sizeof(attributes);
    attributes.type = events[i].type;
    attributes.config = events[i].config;
    attributes.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    // Most systems let programs count only what they do themselves.
    attributes.exclude_kernel = attributes.exclude_hv = 1;
    int leader = descriptors[0];
    long descriptor = syscall(SYS_perf_event_open, &attributes, /*pid=*/0, /*cpu=*/-1, leader, PERF_FLAG_FD_CLOEXEC);
    if (descriptor < 0) {
      int error = errno;
      close();
      return error;
    }
    descriptors[i] = int(descriptor);
    ++count;
  }
  return 0;
}

ThreadCounters::Reading ThreadCounters::read() const {
  Reading reading;
  // Number of events, times, and a value for each event.
  uint64_t raw[3 + kMost] = {};
  if (count == 0 || ::read(descriptors[0], raw, sizeof(raw)) < ssize_t((3 + count) * sizeof(uint64_t)))
    return reading;
  reading.enabled = raw[1];
  reading.running = raw[2];
  std::copy_n(raw + 3, count, reading.values.begin());
  return reading;
}

std::string counterProblem(int error, const std::string &paranoia) {
  switch (error) {
  case ENOENT:
  case ENODEV:
  case EOPNOTSUPP:
    return "this machine has none that programs can read, as many virtual machines";
  case EACCES:
  case EPERM:
    return concat("the system does not allow it",
                  paranoia.empty() ? "" : " (kernel.perf_event_paranoid is " + paranoia + ")",
                  "; an administrator can: sysctl kernel.perf_event_paranoid=2, and in a container the system call "
                  "perf_event_open");
  case ENOSYS:
    return "this system has no perf_event_open";
  default:
    return concat("perf_event_open: ", strerror(error));
  }
}

std::string counterProblem(int error) {
  std::string paranoia;
  std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> paranoia;
  return counterProblem(error, paranoia);
}

} // namespace quipu
