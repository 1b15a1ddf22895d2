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
  /// Whose memory it bounds: "this machine", "this process's control group", "this process (ulimit -v)".
  std::string owner;
  /// Counts mapped files.
  bool countsFiles;
  /// Counts memory that was never touched.
  bool countsUntouched;
};

/// All bounds that apply: of the machine (with swap), of control groups (version 1 and 2), RLIMIT_AS and RLIMIT_DATA.
/// A bound that cannot be read is left out. `root` is put before the paths of /proc and /sys, for tests.
std::vector<HostBound> hostBounds(const std::string &root = "");

/// The bound with the least room for pages that are about to be used. Bounds on addresses do not count: they applied
/// when the addresses were given out. Free is 2^64 - 1 when nothing is known.
HostBound tightestBound();

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_HOSTMEMORY_H
