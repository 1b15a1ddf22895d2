//===- PlanCache.cpp - The folder of plans compiled on the fly ---------------------------===//

#include "tools/quipu/PlanCache.h"
#include "runtime/core/Error.h"
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::tool {

static constexpr const char *kPlans = "/plans";
static constexpr const char *kExtension = ".qplan";
static constexpr size_t kKeyDigits = 32;

std::string cacheFolder() {
  auto get = [](const char *name) {
    const char *value = getenv(name);
    return std::string(value ? value : "");
  };
  if (std::string folder = get("QUIPU_CACHE"); !folder.empty())
    return folder;
  if (std::string folder = get("XDG_CACHE_HOME"); !folder.empty())
    return folder + "/quipu";
  if (std::string folder = get("HOME"); !folder.empty())
    return folder + "/.cache/quipu";
  return "";
}

std::string cachedPlanPath(const std::string &folder, const std::string &key) {
  return folder + kPlans + "/" + key + kExtension;
}

/// Whether the entry is a plan that this program put there, and not something that a person did.
static bool isOurs(const fs::directory_entry &entry) {
  std::string name = entry.path().stem().string();
  std::error_code error;
  return entry.path().extension() == kExtension && name.size() == kKeyDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos &&
         entry.symlink_status(error).type() == fs::file_type::regular && beginsAsPlan(entry.path().string());
}

CacheContents readCache(const std::string &folder) {
  CacheContents contents;
  std::error_code error;
  fs::directory_iterator it(folder + kPlans, error);
  if (error == std::errc::no_such_file_or_directory)
    return contents;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (uint64_t bytes = it->file_size(gone); isOurs(*it) && !gone)
      contents.plans.push_back({it->path().string(), bytes});
    else
      ++contents.others;
  }
  if (error)
    fail(folder, kPlans, ": cannot read: ", error.message());
  std::sort(contents.plans.begin(), contents.plans.end(),
            [](const CachedPlan &a, const CachedPlan &b) { return a.path < b.path; });
  return contents;
}

} // namespace quipu::tool
