//===- ParallelFor.cpp - Independent pieces of work on several threads -------------------===//

#include "runtime/support/ParallelFor.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace quipu {

void parallelFor(size_t count, unsigned threads,
                 const std::function<void(unsigned thread, const std::function<size_t()> &next)> &work) {
  std::atomic<size_t> taken{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const std::function<size_t()> next = [&] { return std::min(taken++, count); };
  auto run = [&](unsigned thread) {
    try {
      work(thread, next);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex);
      if (!failure)
        failure = std::current_exception();
      taken = count;
    }
  };
  std::vector<std::thread> helpers;
  size_t wanted = std::min<size_t>(threads, count);
  try {
    for (unsigned i = 1; i < wanted; ++i)
      helpers.emplace_back(run, i);
  } catch (const std::system_error &) {
    // The threads that started do the work.
  }
  run(0);
  for (std::thread &helper : helpers)
    helper.join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace quipu
