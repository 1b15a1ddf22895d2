//===- CacheKey.cpp - The name of what is kept in a cache --------------------===//

#include "tools/common/CacheKey.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/MappedFile.h"

#include <cerrno>
#include <link.h>
#include <memory>
#include <sys/stat.h>
#include <vector>

namespace quipu::tool {

/// Bigger files that lie in a model's folder, such as data sets in JSON, are not read through at every run.
static constexpr uint64_t kMaxHashed = 64 << 20;

void CacheKey::add(std::string_view item) {
  uint64_t size = item.size();
  bytes.append(reinterpret_cast<const char *>(&size), sizeof(size));
  bytes += item;
}

void CacheKey::addNumber(uint64_t value) { add({reinterpret_cast<const char *>(&value), sizeof(value)}); }

void CacheKey::addFile(const std::filesystem::path &path, const char *what) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path.string(), what);
  if (file->size() > kMaxHashed)
    return addStamp(path.string());
  add(path.filename().string());
  add({reinterpret_cast<const char *>(file->data()), file->size()});
}

void CacheKey::addStamp(const std::string &path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    fail(path, ": cannot read", errnoSuffix(errno));
  add(path);
  addNumber(uint64_t(status.st_size));
  addNumber(uint64_t(status.st_mtim.tv_sec) * 1000000000u + uint64_t(status.st_mtim.tv_nsec));
}

void CacheKey::addProgram() {
  addStamp("/proc/self/exe");
  std::vector<std::string> libraries;
  // No exception may pass through the loader's function.
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *list) {
        // The program itself has no name, and what the kernel provides has no path.
        if (info->dlpi_name[0] == '/')
          static_cast<std::vector<std::string> *>(list)->emplace_back(info->dlpi_name);
        return 0;
      },
      &libraries);
  for (const std::string &library : libraries)
    addStamp(library);
}

std::string CacheKey::hash() const { return toHex(hashBytes(bytes.data(), bytes.size())); }

} // namespace quipu::tool
