//===- Bundle.cpp - Plan and weights behind another file ---------------------------------===//

#include "runtime/plan/Bundle.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu {

/// A mark in every program with the runtime. In a copy that gets a plan its last letter is changed. So the copy knows
/// that it should have a plan even if the plan was cut off.
struct OwnPlanMark {
  char text[31];
  char state;
};
static constexpr char kNoPlan = '-', kHasPlan = '+';
/// Volatile: the value is what is in the file, not what is written here.
static volatile const OwnPlanMark kOwnPlanMark = {"Quipu: a plan lies behind this", kNoPlan};

/// Offset of the mark in a program. Nothing if it has no mark.
static std::optional<size_t> findOwnPlanMark(std::span<const uint8_t> program) {
  char text[sizeof(kOwnPlanMark.text)];
  std::copy(std::begin(kOwnPlanMark.text), std::end(kOwnPlanMark.text), text);
  auto found = std::search(program.begin(), program.end(), std::begin(text), std::end(text));
  if (size_t(program.end() - found) < sizeof(OwnPlanMark))
    return std::nullopt;
  return size_t(found - program.begin());
}

/// Bytes that are copied at a time: few enough to stay in the processor's cache between hashing and writing.
static constexpr size_t kCopyBytes = 256 << 10;
static constexpr std::string_view kTrailerMagic = "QUIPUEN2";
static_assert(kTrailerMagic.size() == sizeof(BundleTrailer::magic));

void writeBundle(OutputFile &file, const std::string &base, std::span<const uint8_t> planPayload,
                 const std::vector<std::string> &weightFiles) {
  if (!base.empty()) {
    std::shared_ptr<MappedFile> source = MappedFile::open(base, "base of the bundle");
    size_t size = source->size();
    if (std::optional<BundleLayout> layout = readBundleLayout(source->span(), base))
      size = layout->plan.offset;
    std::span<const uint8_t> program = source->span().first(size);
    if (std::optional<size_t> mark = findOwnPlanMark(program)) {
      size_t state = *mark + offsetof(OwnPlanMark, state);
      file.write(program.data(), state);
      file.write(&kHasPlan, 1);
      program = program.subspan(state + 1);
    }
    file.write(program.data(), program.size());
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
    BundleSection &section = directory.emplace_back();
    section.offset = file.size();
    section.size = source->size();
    // Bytes are hashed while they are copied, so many gigabytes are read only once.
    HashStream stream;
    for (std::span<const uint8_t> rest = source->span(); !rest.empty();) {
      std::span<const uint8_t> piece = rest.first(std::min<size_t>(rest.size(), kCopyBytes));
      stream.update(piece.data(), piece.size());
      file.write(piece.data(), piece.size());
      rest = rest.subspan(piece.size());
    }
    Hash128 hash = stream.finish();
    memcpy(section.hash, hash.data(), hash.size());
  }
  file.pad(kBundleAlignment);
  trailer.directoryOffset = file.size();
  trailer.directorySize = directory.size() * sizeof(BundleSection);
  file.write(directory.data(), trailer.directorySize);
  Hash128 hash = hashBytes(directory.data(), trailer.directorySize);
  memcpy(trailer.directoryHash, hash.data(), hash.size());
  memcpy(trailer.magic, kTrailerMagic.data(), kTrailerMagic.size());
  file.write(&trailer, sizeof(trailer));
  file.commit(/*executable=*/!base.empty());
}

static bool hasMagic(const BundleTrailer &trailer) {
  return std::string_view(trailer.magic, sizeof(trailer.magic)) == kTrailerMagic;
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
  if (!hasMagic(trailer))
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
               hasMagic(trailer);
  close(fd);
  if (found)
    return self;
  if (kOwnPlanMark.state == kHasPlan)
    fail(fs::read_symlink(self).string(), ": its plan is gone or damaged: the file was cut or changed (by strip, say) "
                                          "since it was written; get it again, or write it again with quipu compile "
                                          "--emit executable");
  return std::nullopt;
}

} // namespace quipu
