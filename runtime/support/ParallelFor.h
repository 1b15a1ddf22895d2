//===- ParallelFor.h - Independent pieces of work on several threads --------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H
#define QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H

#include <cstddef>
#include <functional>

namespace quipu {

/// Runs work(thread, next) on `threads` threads, the caller's included, or on fewer when the system gives no more,
/// where next() gives the numbers 0 to count - 1, each once over all threads, and `count` when there are none left.
/// What one thread throws stops all and is thrown again here.
void parallelFor(size_t count, unsigned threads,
                 const std::function<void(unsigned thread, const std::function<size_t()> &next)> &work);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_PARALLELFOR_H
