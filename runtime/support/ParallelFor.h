//===- ParallelFor.h - Independent pieces of work on several threads --------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H
#define QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H

#include <cstddef>
#include <functional>

namespace quipu {

/// Runs work(thread, next) on `threads` threads, including the caller's; on fewer if the system does not give more.
/// next() returns the numbers 0 to count - 1; each number goes to one thread. After the last it returns `count`. If one
/// thread throws, all stop, and the exception is thrown again here.
void parallelFor(size_t count, unsigned threads,
                 const std::function<void(unsigned thread, const std::function<size_t()> &next)> &work);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H
