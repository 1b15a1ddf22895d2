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
/// folder (to a temporary name where the file system has none), so that nothing is left when commit() is not reached,
/// however the program ends. A path that exists and is no regular file (/dev/full, a pipe) is written directly; "-",
/// /dev/stdout and /dev/fd/N are the descriptor. A symbolic link is followed: what it points to is written.
///
/// An output that is an input (InputFiles.h) is refused: when it is made, when checkInputs() is called, and at the
/// commit.
///
/// Every function throws Error, naming the path, when the system refuses (no such folder, no permission, disk full).
/// The constructor tries what can be tried before anything is written. So make the object before the work, and write
/// it after.
class OutputFile {
public:
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  /// For when more inputs are known than when the object was made.
  void checkInputs() const;

  void write(const void *data, size_t size);

  /// Zero bytes up to the next multiple of `alignment` from the beginning of the output.
  void pad(size_t alignment);

  /// Bytes written so far.
  uint64_t size() const { return written; }

  /// Gives the file its name, with execute permission when asked. No writes after it.
  void commit(bool executable = false);

private:
  /// Opens what is written until the commit; `target` has its links resolved.
  void openUnnamed();
  void giveName();
  void discard();
  [[noreturn]] void refuse(int error);

  /// As given, for messages.
  std::string path;
  /// The file that appears; empty when a descriptor is written directly.
  std::string target;
  /// Where the bytes are until then; null when they are in a file without a name.
  std::unique_ptr<TemporaryName> temporary;
  int fd = -1;
  bool ownsFd = false;
  uint64_t written = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_OUTPUTFILE_H
