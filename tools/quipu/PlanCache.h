//===- PlanCache.h - The folder of plans compiled on the fly -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PLANCACHE_H
#define QUIPU_TOOLS_QUIPU_PLANCACHE_H

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::tool {

/// $QUIPU_CACHE, else $XDG_CACHE_HOME/quipu, else $HOME/.cache/quipu; empty when none is set.
std::string cacheFolder();

/// Where the plan with that key (32 hexadecimal digits) lies.
std::string cachedPlanPath(const std::string &folder, const std::string &key);

struct CachedFile {
  std::string path;
  uint64_t bytes;
};

struct CacheContents {
  /// By path.
  std::vector<CachedFile> plans;
  /// What compilers that were killed left of plans that they wrote, long ago enough that none writes it still.
  std::vector<CachedFile> leftovers;
  /// Things in the folder of plans that are neither: another name, a link, no plan inside.
  size_t others = 0;
};

/// What the cache folder holds; nothing when it does not exist. Throws Error when it cannot be read.
CacheContents readCache(const std::string &folder);

uint64_t totalBytes(const std::vector<CachedFile> &files);

/// "2 plans, 1.5 MiB".
std::string plansText(size_t count, uint64_t bytes);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PLANCACHE_H
