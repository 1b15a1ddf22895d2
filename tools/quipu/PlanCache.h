//===- PlanCache.h - The folder of plans compiled on the fly -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PLANCACHE_H
#define QUIPU_TOOLS_QUIPU_PLANCACHE_H

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace quipu::tool {

/// The cache folder: $QUIPU_CACHE, or $XDG_CACHE_HOME/quipu, or $HOME/.cache/quipu. Empty if no variable is set.
std::string cacheFolder();

/// Path of the plan with this key (32 hexadecimal digits).
std::string cachedPlanPath(const std::string &folder, const std::string &key);

struct CachedFile {
  std::string path;
  /// Of a plan with its weights beside it: of both.
  uint64_t bytes;
};

struct CacheContents {
  /// Plans, sorted by path.
  std::vector<CachedFile> plans;
  /// Unfinished plans of compilers that were killed. They are so old that no compiler still writes them.
  std::vector<CachedFile> leftovers;
  /// Other entries in the folder of plans: another name, a link, a file that is not a plan.
  size_t others = 0;
};

/// Deletes the file, and before it the weights that lie beside a plan. False if it is not there or cannot be deleted.
bool removeCached(const CachedFile &file, std::error_code &error);

/// The content of the cache folder. Nothing if it does not exist. Throws Error if it cannot be read.
CacheContents readCache(const std::string &folder);

uint64_t totalBytes(const std::vector<CachedFile> &files);

/// "2 plans, 1.5 MiB".
std::string plansText(size_t count, uint64_t bytes);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PLANCACHE_H
