//===- LargePages.h - Whether weights are copied to large pages -------------*- C++ -*-===//
//
// Decode reads all weights for each token. Files are mapped in pages of 4 KiB, and hardware prefetch ends at the end of
// a page. In pages of 2 MiB the same reads took two thirds of the time (docs/performance.md). Linux gives such pages to
// memory of the process, and to files only if the kernel is built for that.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_LARGEPAGES_H
#define QUIPU_RUNTIME_CORE_LARGEPAGES_H

#include <cstdint>
#include <string>

namespace quipu {

/// Whether a copy of `bytes` of weights in large pages is worth the time and the memory: the weights are larger than
/// what caches of addresses reach, the system gives large pages, and twice as much memory is free. `root` is put before
/// paths of /sys, for tests.
bool worthLargePages(uint64_t bytes, uint64_t freeBytes, const std::string &root = "");

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_LARGEPAGES_H
