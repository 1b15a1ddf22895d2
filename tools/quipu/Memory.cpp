//===- Memory.cpp - What this process and machine use of memory --------------------------===//

#include "tools/quipu/Memory.h"

#include <fstream>
#include <map>
#include <string>

namespace quipu::tool {

/// The "Name:  123 kB" lines of a file of /proc, in bytes.
static std::map<std::string, uint64_t> readSizes(const char *path) {
  std::map<std::string, uint64_t> sizes;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    size_t colon = line.find(':');
    if (colon == std::string::npos || !line.ends_with(" kB"))
      continue;
    sizes[line.substr(0, colon)] = std::stoull(line.substr(colon + 1)) * 1024;
  }
  return sizes;
}

ProcessMemory processMemory() {
  std::map<std::string, uint64_t> sizes = readSizes("/proc/self/status");
  return {sizes["VmHWM"], sizes["RssFile"] + sizes["RssShmem"], sizes["RssAnon"]};
}

SystemMemory systemMemory() {
  std::map<std::string, uint64_t> sizes = readSizes("/proc/meminfo");
  return {sizes["MemTotal"], sizes["MemAvailable"]};
}

} // namespace quipu::tool
