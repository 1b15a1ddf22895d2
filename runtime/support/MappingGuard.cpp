//===- MappingGuard.cpp - Files that shrink while they are mapped ------------------------===//

#include "runtime/support/MappingGuard.h"
#include "runtime/support/TemporaryName.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <sys/eventfd.h>
#include <unistd.h>

namespace quipu {

namespace {

/// An entry with begin 0 is free; `begin` is written last, and is what the handler reads first.
struct Mapping {
  std::atomic<uintptr_t> begin{0};
  std::atomic<size_t> size{0};
  std::atomic<const char *> path{nullptr};
};

/// More files than any model has. Further files are mapped, but the message does not name them.
constexpr size_t kMappings = 4096;
Mapping mappings[kMappings];
/// For the two functions below. The handler does not take it.
std::mutex mutex;

void put(const char *text, size_t size) {
  // If this fails, nobody can be told.
  while (size > 0) {
    ssize_t count = write(STDERR_FILENO, text, size);
    if (count <= 0)
      return;
    text += count;
    size -= size_t(count);
  }
}

void put(const char *text) { put(text, strlen(text)); }

/// A name may have control characters, which a terminal would obey, and bytes that are not UTF-8.
void putName(const char *name) {
  for (; *name; ++name) {
    bool isPlain = *name >= ' ' && *name <= '~';
    put(isPlain ? name : "?", 1);
  }
}

/// The event that somebody waits for, or -1.
std::atomic<int> failureEvent{-1};

/// Leaves the end of the process to other threads, for a while.
void letOthersEnd() {
  int event = failureEvent.load(std::memory_order_acquire);
  if (event < 0)
    return;
  uint64_t one = 1;
  (void)!write(event, &one, sizeof(one));
  // A signal that another handler takes ends a sleep early.
  for (unsigned left = kMappingFailureSeconds; left > 0;)
    left = sleep(left);
}

/// Whether a thread has said which file it was. Others may read from it at the same time.
std::atomic<bool> hasReported{false};

void onBusError(int signal, siginfo_t *info, void *) {
  removeTemporaryFiles();
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Mapping &mapping : mappings) {
    uintptr_t begin = mapping.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address - begin >= mapping.size.load(std::memory_order_relaxed))
      continue;
    // The first one ends the process.
    while (hasReported.exchange(true))
      pause();
    put(program_invocation_short_name);
    put(": error: ");
    putName(mapping.path.load(std::memory_order_relaxed));
    put(": cannot be read any more: the file was cut or replaced in place while it was in use, or its disk fails; put "
        "it back whole and start again (a new file under another name, renamed at the end, does no harm)\n");
    letOthersEnd();
    _exit(1);
  }
  // The address is not in a mapping of ours: do what would have happened without the handler.
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  (void)sigaction(signal, &standard, nullptr);
  // The signal is delivered when the handler returns. A fault would happen again by itself, but a signal from another
  // process would not.
  raise(signal);
}

void install() {
  struct sigaction before;
  if (sigaction(SIGBUS, nullptr, &before) != 0 || before.sa_handler != SIG_DFL)
    return;
  struct sigaction action = {};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO;
  (void)sigaction(SIGBUS, &action, nullptr);
}

} // namespace

void installMappingGuard() {
  static const bool once = (install(), true);
  (void)once;
}

int mappingFailureEvent() {
  installMappingGuard();
  std::lock_guard<std::mutex> lock(mutex);
  if (failureEvent.load(std::memory_order_relaxed) < 0)
    failureEvent.store(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), std::memory_order_release);
  return failureEvent.load(std::memory_order_relaxed);
}

void noteMapping(const void *address, size_t size, const char *path) {
  installMappingGuard();
  std::lock_guard<std::mutex> lock(mutex);
  for (Mapping &mapping : mappings) {
    if (mapping.begin.load(std::memory_order_relaxed) != 0)
      continue;
    mapping.size.store(size, std::memory_order_relaxed);
    mapping.path.store(path, std::memory_order_relaxed);
    mapping.begin.store(reinterpret_cast<uintptr_t>(address), std::memory_order_release);
    return;
  }
}

void forgetMapping(const void *address) {
  std::lock_guard<std::mutex> lock(mutex);
  for (Mapping &mapping : mappings)
    if (mapping.begin.load(std::memory_order_relaxed) == reinterpret_cast<uintptr_t>(address))
      return mapping.begin.store(0, std::memory_order_release);
}

} // namespace quipu
