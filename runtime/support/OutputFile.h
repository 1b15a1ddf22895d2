//===- OutputFile.h - Files that appear whole or not at all -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_OUTPUTFILE_H
#define QUIPU_RUNTIME_SUPPORT_OUTPUTFILE_H

#include "runtime/support/TemporaryName.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quipu {

/// An output that appears under its name only when commit() succeeds. The bytes go to a nameless file in the same
/// folder. So nothing is left if the program ends before commit(), in whatever way. On file systems without nameless
/// files it has a temporary name. A path that exists and is not a regular file (/dev/full, a pipe) is written directly.
/// "-", /dev/stdout and /dev/fd/N mean the descriptor. A symbolic link is followed: the file that it points to is
/// written.
///
/// An output that is an input (InputFiles.h) is refused: in the constructor, in checkInputs(), and at the commit.
///
/// Every function throws Error that names the path if the system refuses (no such folder, no permission, disk full).
/// The constructor checks what can be checked before anything is written. So make the object before the work, and write
/// to it after the work.
class OutputFile {
public:
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  /// Call it when more inputs are known than when the object was made.
  void checkInputs() const;

  void write(const void *data, size_t size);

  /// Writes zero bytes up to the next multiple of `alignment` bytes from the beginning of the output.
  void pad(size_t alignment);

  /// Bytes written so far.
  uint64_t size() const { return written; }

  /// Where what was written can be read until the commit. Only for files, not for descriptors.
  std::string readablePath() const;

  /// Gives the file its name, with execute permission when asked. No writes after it.
  void commit(bool executable = false);

private:
  /// Opens the file that is written until the commit. `target`: its path, with links resolved.
  void openUnnamed();
  void giveName();
  void discard();
  [[noreturn]] void refuse(int error);

  /// As given, for messages.
  std::string path;
  /// The file that appears; empty when a descriptor is written directly.
  std::string target;
  /// The temporary name that the file has until then. Null if the file has no name.
  std::unique_ptr<TemporaryName> temporary;
  int fd = -1;
  bool ownsFd = false;
  uint64_t written = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_OUTPUTFILE_H
