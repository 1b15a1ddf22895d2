//===- MappedFile.h - A file mapped for reading -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_MAPPEDFILE_H
#define QUIPU_RUNTIME_SUPPORT_MAPPEDFILE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace quipu {

/// A regular file, mapped shared and read-only. The mapping lives as long as the object.
class MappedFile {
public:
  /// Throws Error that names the path if the file is missing, unreadable or not a regular file. `what`: what the file
  /// is, for the message ("plan", "weight file").
  static std::shared_ptr<MappedFile> open(const std::string &path, const char *what);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::string &path() const { return filePath; }
  const uint8_t *data() const { return bytes; }
  size_t size() const { return length; }
  std::span<const uint8_t> span() const { return {bytes, length}; }
  /// Time of the last change, in nanoseconds since 1970.
  int64_t mtimeNs() const { return mtime; }

  /// Asks the system to read [offset, offset + size) soon.
  void willNeed(size_t offset, size_t size) const;

private:
  MappedFile() = default;

  std::string filePath;
  const uint8_t *bytes = nullptr;
  size_t length = 0;
  int64_t mtime = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_MAPPEDFILE_H
