//===- HostMemory.cpp - What this process may take of the machine's memory ---------------===//

#include "runtime/core/HostMemory.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <sys/resource.h>

namespace quipu {

/// "Name: 123 kB" or "name 123" lines, in bytes.
static std::map<std::string, uint64_t> readSizes(const std::string &path) {
  std::map<std::string, uint64_t> sizes;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, unit;
    uint64_t value = 0;
    if (!(words >> name >> value))
      continue;
    if (name.ends_with(':'))
      name.pop_back();
    words >> unit;
    sizes[name] = unit == "kB" ? value * 1024 : value;
  }
  return sizes;
}

/// Nothing for a missing file and for "max".
static std::optional<uint64_t> readNumber(const std::string &path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value)
    return value;
  return std::nullopt;
}

static uint64_t left(uint64_t total, uint64_t used) { return total > used ? total - used : 0; }

/// The files of one version of control groups.
struct GroupFiles {
  const char *mount, *limit, *usage, *reclaimable[2];
};

/// Adds the limits of a group and of those around it.
static void addGroups(const std::string &root, std::string group, const GroupFiles &files,
                      std::vector<HostBound> &bounds) {
  for (;;) {
    std::string folder = root + files.mount + group;
    std::optional<uint64_t> limit = readNumber(folder + files.limit), usage = readNumber(folder + files.usage);
    // Version 1 says "no limit" by a number beyond every memory.
    if (limit && usage && *limit < uint64_t(1) << 60) {
      // Pages of files are given up when memory runs short.
      std::map<std::string, uint64_t> parts = readSizes(folder + "/memory.stat");
      uint64_t pages = parts[files.reclaimable[0]] + parts[files.reclaimable[1]];
      bounds.push_back({left(*limit, left(*usage, pages)), *limit, "this process's control group", false, false});
    }
    if (group.empty() || group == "/")
      return;
    group.resize(group.rfind('/'));
  }
}

std::vector<HostBound> hostBounds(const std::string &root) {
  std::vector<HostBound> bounds;
  std::map<std::string, uint64_t> machine = readSizes(root + "/proc/meminfo");
  if (machine.contains("MemAvailable"))
    bounds.push_back({machine["MemAvailable"] + machine["SwapFree"], machine["MemTotal"] + machine["SwapTotal"],
                      "this machine", false, false});

  static constexpr GroupFiles kVersion1 = {"/sys/fs/cgroup/memory",
                                           "/memory.limit_in_bytes",
                                           "/memory.usage_in_bytes",
                                           {"total_inactive_file", "total_active_file"}};
  static constexpr GroupFiles kVersion2 = {
      "/sys/fs/cgroup", "/memory.max", "/memory.current", {"inactive_file", "active_file"}};
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "4:memory:/path" or "0::/path".
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty())
      addGroups(root, group, kVersion2, bounds);
    else if (("," + controllers + ",").find(",memory,") != std::string::npos)
      addGroups(root, group, kVersion1, bounds);
  }

  std::map<std::string, uint64_t> own = readSizes(root + "/proc/self/status");
  auto addLimit = [&](auto resource, const char *used, const char *owner, bool countsFiles) {
    rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && own.contains(used))
      bounds.push_back({left(limit.rlim_cur, own[used]), limit.rlim_cur, owner, countsFiles, true});
  };
  addLimit(RLIMIT_AS, "VmSize", "this process (ulimit -v)", true);
  addLimit(RLIMIT_DATA, "VmData", "this process (ulimit -d)", false);
  return bounds;
}

HostBound tightestBound() {
  HostBound least = {UINT64_MAX, UINT64_MAX, "", false, false};
  for (const HostBound &bound : hostBounds())
    if (!bound.countsUntouched && bound.free < least.free)
      least = bound;
  return least;
}

} // namespace quipu
