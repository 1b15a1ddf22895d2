//===- PlanCache.cpp - The folder of plans compiled on the fly ---------------------------===//

#include "tools/quipu/PlanCache.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace fs = std::filesystem;

namespace quipu::tool {

static constexpr const char *kPlans = "/plans";
static constexpr const char *kExtension = ".qplan";
static constexpr size_t kKeyDigits = 32;
/// OutputFile names unfinished files like this, with 16 digits at the end.
static constexpr std::string_view kTemporaryPrefix = ".quipu-";
/// Time after which no compiler still writes a file. It is far longer than the largest model needs.
static constexpr auto kLongestCompilation = std::chrono::hours(24);

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

static bool isHex(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

static bool isFile(const fs::directory_entry &entry) {
  std::error_code error;
  return entry.symlink_status(error).type() == fs::file_type::regular;
}

/// Whether the entry is a plan that this program has put there, and not something that a person has put there.
static bool isPlan(const fs::directory_entry &entry) {
  return entry.path().extension() == kExtension && isHex(entry.path().stem().string(), kKeyDigits) && isFile(entry) &&
         beginsAsPlan(entry.path().string());
}

/// Bytes of the weights that the compiler wrote beside a plan.
static uint64_t weightBytesOf(const fs::path &plan) {
  std::error_code error;
  uint64_t bytes = fs::file_size(plan.string() + std::string(kWeightsSuffix), error);
  return error ? 0 : bytes;
}

/// Whether the entry has the weights of a plan that is there.
static bool isWeightsOfPlan(const fs::directory_entry &entry) {
  std::error_code error;
  return entry.path().extension() == kWeightsSuffix && isFile(entry) &&
         isPlan(fs::directory_entry(fs::path(entry.path()).replace_extension(), error));
}

/// Whether the entry is an unfinished plan that no compiler still writes.
static bool isLeftover(const fs::directory_entry &entry) {
  std::string name = entry.path().filename().string();
  if (!name.starts_with(kTemporaryPrefix) || !isHex(std::string_view(name).substr(kTemporaryPrefix.size()), 16) ||
      !isFile(entry))
    return false;
  std::error_code error;
  fs::file_time_type written = entry.last_write_time(error);
  return !error && written < fs::file_time_type::clock::now() - kLongestCompilation;
}

CacheContents readCache(const std::string &folder) {
  CacheContents contents;
  std::error_code error;
  fs::directory_iterator it(folder + kPlans, error);
  if (error == std::errc::no_such_file_or_directory)
    return contents;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    uint64_t bytes = it->file_size(gone);
    if (!gone && isPlan(*it))
      contents.plans.push_back({it->path().string(), bytes + weightBytesOf(it->path())});
    else if (!gone && isWeightsOfPlan(*it))
      continue;
    else if (!gone && isLeftover(*it))
      contents.leftovers.push_back({it->path().string(), bytes});
    else
      ++contents.others;
  }
  if (error)
    fail(folder, kPlans, ": cannot read: ", error.message());
  std::sort(contents.plans.begin(), contents.plans.end(),
            [](const CachedFile &a, const CachedFile &b) { return a.path < b.path; });
  return contents;
}

bool removeCached(const CachedFile &file, std::error_code &error) {
  fs::remove(file.path + std::string(kWeightsSuffix), error);
  return !error && fs::remove(file.path, error);
}

uint64_t totalBytes(const std::vector<CachedFile> &files) {
  uint64_t bytes = 0;
  for (const CachedFile &file : files)
    bytes += file.bytes;
  return bytes;
}

std::string plansText(size_t count, uint64_t bytes) {
  return concat(count, count == 1 ? " plan, " : " plans, ", binaryBytes(double(bytes)));
}

} // namespace quipu::tool
