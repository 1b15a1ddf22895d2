//===- LargePages.cpp - Whether weights are copied to large pages ------------------------===//

#include "runtime/core/LargePages.h"

#include <fstream>

namespace quipu {

/// A core's cache of addresses has some 2,000 entries, of 4 KiB each. Smaller models stay in the caches anyway.
static constexpr uint64_t kSmallBytes = 32 << 20;

/// The file says "always [madvise] never": the choice is in brackets.
static bool systemGivesLargePages(const std::string &root) {
  std::ifstream file(root + "/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  return std::getline(file, line) && line.find("[never]") == std::string::npos;
}

bool worthLargePages(uint64_t bytes, uint64_t freeBytes, const std::string &root) {
  return bytes > kSmallBytes && bytes <= freeBytes / 2 && systemGivesLargePages(root);
}

} // namespace quipu
