//===- Bundle.cpp - Plan and weights behind another file ---------------------------------===//

#include "runtime/plan/Bundle.h"
#include "runtime/core/Error.h"
#include "runtime/core/Hash.h"
#include "runtime/core/OutputFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu {

static constexpr char kTrailerMagic[8] = {'Q', 'U', 'I', 'P', 'U', 'E', 'N', 'D'};

void writeBundle(const std::string &output, const std::string &base, std::span<const uint8_t> planPayload,
                 const std::vector<std::string> &weightFiles) {
  OutputFile file(output);
  if (!base.empty()) {
    std::shared_ptr<MappedFile> source = MappedFile::open(base, "base of the bundle");
    size_t size = source->size();
    if (std::optional<BundleLayout> layout = readBundleLayout(source->span(), base))
      size = layout->plan.offset;
    file.write(source->data(), size);
    file.pad(kBundleAlignment);
  }
  BundleTrailer trailer = {};
  trailer.planOffset = file.size();
  PlanFileHeader header = makePlanFileHeader(planPayload);
  file.write(&header, sizeof(header));
  file.write(planPayload.data(), planPayload.size());
  trailer.planSize = file.size() - trailer.planOffset;

  std::vector<BundleSection> directory;
  for (const std::string &path : weightFiles) {
    std::shared_ptr<MappedFile> source = MappedFile::open(path, "weight file");
    file.pad(kBundleAlignment);
    directory.push_back({file.size(), source->size()});
    file.write(source->data(), source->size());
  }
  file.pad(kBundleAlignment);
  trailer.directoryOffset = file.size();
  trailer.directorySize = directory.size() * sizeof(BundleSection);
  file.write(directory.data(), trailer.directorySize);
  Hash128 hash = hashBytes(directory.data(), trailer.directorySize);
  memcpy(trailer.directoryHash, hash.data(), hash.size());
  memcpy(trailer.magic, kTrailerMagic, sizeof(kTrailerMagic));
  file.write(&trailer, sizeof(trailer));
  file.commit(/*executable=*/!base.empty());
}

/// Whether [offset, offset + size) lies in [0, bound).
static bool contained(uint64_t offset, uint64_t size, uint64_t bound) {
  return offset <= bound && size <= bound - offset;
}

std::optional<BundleLayout> readBundleLayout(std::span<const uint8_t> file, const std::string &name) {
  if (file.size() < sizeof(BundleTrailer))
    return std::nullopt;
  BundleTrailer trailer;
  memcpy(&trailer, file.data() + file.size() - sizeof(trailer), sizeof(trailer));
  if (memcmp(trailer.magic, kTrailerMagic, sizeof(kTrailerMagic)) != 0)
    return std::nullopt;
  uint64_t bound = file.size() - sizeof(trailer);
  auto altered = [&](const char *what) {
    fail(name, ": the bundle was altered or truncated (", what, "); write it again with quipu compile");
  };
  if (trailer.reserved != 0 || trailer.planOffset % kBundleAlignment != 0 ||
      !contained(trailer.planOffset, trailer.planSize, bound))
    altered("its plan lies outside the file");
  if (trailer.directoryOffset % kBundleAlignment != 0 || trailer.directorySize % sizeof(BundleSection) != 0 ||
      trailer.directorySize != bound - std::min(bound, trailer.directoryOffset))
    altered("its directory lies outside the file");
  const uint8_t *directory = file.data() + trailer.directoryOffset;
  Hash128 hash = hashBytes(directory, trailer.directorySize);
  if (memcmp(hash.data(), trailer.directoryHash, hash.size()) != 0)
    altered("the hash of its directory differs");
  BundleLayout layout;
  layout.plan = {trailer.planOffset, trailer.planSize};
  layout.files.resize(trailer.directorySize / sizeof(BundleSection));
  if (!layout.files.empty())
    memcpy(layout.files.data(), directory, trailer.directorySize);
  for (const BundleSection &section : layout.files)
    if (section.offset % kBundleAlignment != 0 || !contained(section.offset, section.size, bound))
      altered("a weight file lies outside of it");
  return layout;
}

std::optional<std::string> embeddedPlanPath() {
  static const char *const self = "/proc/self/exe";
  int fd = open(self, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  struct stat status;
  BundleTrailer trailer;
  bool found = fstat(fd, &status) == 0 && status.st_size >= off_t(sizeof(trailer)) &&
               pread(fd, &trailer, sizeof(trailer), status.st_size - off_t(sizeof(trailer))) == sizeof(trailer) &&
               memcmp(trailer.magic, kTrailerMagic, sizeof(kTrailerMagic)) == 0;
  close(fd);
  if (!found)
    return std::nullopt;
  return self;
}

} // namespace quipu
