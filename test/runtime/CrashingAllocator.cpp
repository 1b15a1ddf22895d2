//===- CrashingAllocator.cpp - A crash inside of the allocator -----------------------------===//
//
// Loaded before a program (LD_PRELOAD), it ends it by SIGSEGV in malloc(), with a lock held that every malloc() takes,
// as soon as the file exists that QUIPU_TEST_CRASH_WHEN names. A handler of the signal that wants memory waits for
// ever.
//
//===----------------------------------------------------------------------------------===//

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) void *malloc(size_t size) {
  using Malloc = void *(*)(size_t);
  static const Malloc next = reinterpret_cast<Malloc>(dlsym(RTLD_NEXT, "malloc"));
  static const char *const file = getenv("QUIPU_TEST_CRASH_WHEN");
  if (!file)
    return next(size);
  static std::atomic_flag lock;
  while (lock.test_and_set(std::memory_order_acquire))
    usleep(1000);
  if (access(file, F_OK) == 0)
    raise(SIGSEGV);
  void *memory = next(size);
  lock.clear(std::memory_order_release);
  return memory;
}
