//===- HostMemory.h - What this process may take of the machine's memory ----*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_HOSTMEMORY_H
#define QUIPU_RUNTIME_CORE_HOSTMEMORY_H

#include <cstdint>
#include <string>
#include <vector>

namespace quipu {

/// One of the bounds that the system sets, in bytes.
struct HostBound {
  uint64_t free;
  uint64_t total;
  /// What it is the memory of: "this machine", "this process's control group", "this process (ulimit -v)".
  std::string owner;
  /// Counts mapped files.
  bool countsFiles;
  /// Counts memory that was never touched.
  bool countsUntouched;
};

/// All that apply: of the machine (with swap), of control groups (version 1 and 2), RLIMIT_AS and RLIMIT_DATA. What
/// cannot be found out is left out. `root`: before the paths of /proc and /sys, for tests.
std::vector<HostBound> hostBounds(const std::string &root = "");

/// The one with the least room for pages that are about to be used (bounds on addresses held when these were given
/// out). Free is 2^64 - 1 when nothing is known.
HostBound tightestBound();

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_HOSTMEMORY_H
