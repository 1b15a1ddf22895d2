//===- ZipDirectory.cpp - Where the entries of a zip archive lie -------------------------===//

#include "frontends/meta/ZipDirectory.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <minizip/unzip.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace quipu::frontend::meta {

/// Far more than the largest checkpoint has.
static constexpr uint64_t kMaxEntries = 1 << 20;
static constexpr uint64_t kMaxDirectoryBytes = 100'000'000;
static constexpr const char *kDamaged = "the file is truncated or damaged, get it again";

namespace {

/// What minizip reads the file through. It calls C functions, so an exception is kept until it has returned.
struct Stream {
  const InputFile &file;
  uint64_t position = 0;
  std::optional<Error> error;
};

} // namespace

static voidpf openStream(voidpf opaque, const void *, int) { return opaque; }

static uLong readStream(voidpf, voidpf stream, void *target, uLong count) {
  auto &from = *static_cast<Stream *>(stream);
  uint64_t there = from.position < from.file.size() ? from.file.size() - from.position : 0;
  count = std::min<uint64_t>(count, there);
  try {
    memcpy(target, from.file.read(from.position, count).data(), count);
  } catch (const Error &error) {
    from.error = error;
    return 0;
  }
  from.position += count;
  return count;
}

static ZPOS64_T tellStream(voidpf, voidpf stream) { return static_cast<Stream *>(stream)->position; }

static long seekStream(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  auto &from = *static_cast<Stream *>(stream);
  uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                  : origin == ZLIB_FILEFUNC_SEEK_CUR ? from.position
                                                     : from.file.size();
  from.position = base + offset;
  return 0;
}

static int closeStream(voidpf, voidpf) { return 0; }
static int errorOfStream(voidpf, voidpf stream) { return static_cast<Stream *>(stream)->error ? 1 : 0; }

/// Whether a program that unpacks the archive would write outside of its folder.
static bool climbs(std::string_view name) {
  if (name.starts_with('/') || name.find_first_of(std::string_view("\\:\0", 3)) != std::string_view::npos)
    return true;
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..")
      return true;
    begin = end + 1;
  }
  return false;
}

namespace {

class ZipReader {
public:
  explicit ZipReader(const InputFile &file) : file(file), stream{file, 0, std::nullopt}, archive(nullptr, unzClose) {
    zlib_filefunc64_def functions = {openStream, readStream,  nullptr,       tellStream,
                                     seekStream, closeStream, errorOfStream, &stream};
    archive.reset(unzOpen2_64("", &functions));
  }

  ZipDirectory read() {
    check(archive ? UNZ_OK : UNZ_BADZIPFILE, "it has no directory at its end");
    unz_global_info64 info;
    check(unzGetGlobalInfo64(archive.get(), &info), "its directory cannot be read");
    if (info.number_entry > kMaxEntries)
      bad("its directory claims ", info.number_entry, " entries, more than the ", kMaxEntries, " of any checkpoint");
    for (uint64_t i = 0; i < info.number_entry; ++i) {
      check(i == 0 ? unzGoToFirstFile(archive.get()) : unzGoToNextFile(archive.get()), "entry ", i,
            " of its directory cannot be read");
      if (i == 0)
        noteDirectory();
      addEntry();
    }
    checkOverlap();
    return std::move(result);
  }

private:
  template <typename... What> [[noreturn]] void bad(const What &...what) const {
    fail(file.path(), ": not a checkpoint that can be read: ", what..., "; ", kDamaged);
  }
  template <typename... What> void check(int status, const What &...what) const {
    if (stream.error)
      throw *stream.error;
    if (status != UNZ_OK)
      bad(what...);
  }
  template <typename... What> [[noreturn]] void refuse(const std::string &name, const What &...what) const {
    fail(file.path(), ": the entry ", shownText(name), " of the archive ", what...);
  }

  void noteDirectory() {
    uint64_t begin = unzGetOffset64(archive.get());
    if (begin > file.size() || file.size() - begin > kMaxDirectoryBytes)
      bad("its directory would be more than ", kMaxDirectoryBytes, " bytes long");
    result.directory = {begin, file.size() - begin};
  }

  /// The name of the current entry.
  std::string nameOf(const unz_file_info64 &info) {
    std::string name(info.size_filename, '\0');
    unz_file_info64 again;
    check(unzGetCurrentFileInfo64(archive.get(), &again, name.data(), name.size(), nullptr, 0, nullptr, 0),
          "the name of an entry cannot be read");
    if (name.empty() || climbs(name))
      refuse(name, "has a name that leads out of the archive's folder; no checkpoint has one, do not use the file");
    return name;
  }

  void addEntry() {
    unz_file_info64 info;
    check(unzGetCurrentFileInfo64(archive.get(), &info, nullptr, 0, nullptr, 0, nullptr, 0),
          "an entry of its directory cannot be read");
    std::string name = nameOf(info);
    if (name.ends_with('/') && info.uncompressed_size == 0)
      return;
    if (info.flag & 1)
      refuse(name, "is encrypted; save the checkpoint again without a password");
    if (info.compression_method != 0 || info.compressed_size != info.uncompressed_size)
      refuse(name, "is compressed (method ", info.compression_method, ", ", info.compressed_size, " bytes for ",
             info.uncompressed_size, "), but torch.save stores entries as they are; unpack and save it again");
    int method = 0, level = 0;
    check(unzOpenCurrentFile2(archive.get(), &method, &level, /*raw=*/1), "the entry ", shownText(name),
          " does not begin as the directory says");
    uint64_t offset = unzGetCurrentFileZStreamPos64(archive.get());
    unzCloseCurrentFile(archive.get());
    if (offset > file.size() || info.uncompressed_size > file.size() - offset)
      bad("the entry ", shownText(name), " has ", info.uncompressed_size, " bytes from ", offset,
          " on, which leave the file of ", file.size());
    if (!result.entries.emplace(name, ByteRange{offset, info.uncompressed_size}).second)
      refuse(name, "is there twice; no checkpoint has that, do not use the file");
  }

  /// Entries that share bytes make a small archive large.
  void checkOverlap() const {
    std::vector<std::pair<ByteRange, std::string_view>> places;
    for (const auto &[name, range] : result.entries)
      places.push_back({range, name});
    std::ranges::sort(places);
    for (size_t i = 1; i < places.size(); ++i)
      if (const ByteRange &before = places[i - 1].first; before.offset + before.size > places[i].first.offset)
        refuse(std::string(places[i].second), "shares bytes with ", shownText(places[i - 1].second),
               "; no checkpoint has that, do not use the file");
  }

  const InputFile &file;
  Stream stream;
  std::unique_ptr<void, int (*)(unzFile)> archive;
  ZipDirectory result;
};

} // namespace

ZipDirectory readZipDirectory(const InputFile &file) { return ZipReader(file).read(); }

} // namespace quipu::frontend::meta
