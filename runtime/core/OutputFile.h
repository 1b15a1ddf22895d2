//===- OutputFile.h - Files that appear whole or not at all -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_OUTPUTFILE_H
#define QUIPU_RUNTIME_CORE_OUTPUTFILE_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace quipu {

/// An output that appears under its name only when commit() succeeds. The bytes go to a temporary name in the same
/// folder, which the destructor removes if commit() was not reached. A path that exists and is no regular file
/// (/dev/full, /dev/stdout, a pipe) is written directly; "-" is standard output.
///
/// Every function throws Error, naming the path, when the system refuses (no such folder, no permission, disk full).
class OutputFile {
public:
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void write(const void *data, size_t size);

  /// Zero bytes up to the next multiple of `alignment` from the beginning of the output.
  void pad(size_t alignment);

  /// Bytes written so far.
  uint64_t size() const { return written; }

  /// Gives the file its name, with execute permission when asked. No writes after it.
  void commit(bool executable = false);

private:
  void discard();

  std::string path;
  /// Empty when the path is written directly.
  std::string temporary;
  int fd = -1;
  bool ownsFd = false;
  uint64_t written = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_OUTPUTFILE_H
