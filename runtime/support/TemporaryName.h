//===- TemporaryName.h - Names that do not outlive the program ---------------*- C++ -*-===//
//
// Most temporary files here have no name at all and vanish with their descriptor. A few must have one for a moment, or
// where the system has no nameless files. Such a name is noted before the file is made, and a signal that ends the
// program removes it first.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_TEMPORARYNAME_H
#define QUIPU_RUNTIME_SUPPORT_TEMPORARYNAME_H

#include <string>

namespace quipu {

/// A name in a folder that nothing has yet. Its file is made by the functions below, so that none appears while a
/// signal ends the program, or by a library that the name is given to. It is removed with the object.
class TemporaryName {
public:
  TemporaryName(const std::string &folder, const std::string &prefix, const std::string &suffix = "");
  ~TemporaryName();
  TemporaryName(const TemporaryName &) = delete;
  TemporaryName &operator=(const TemporaryName &) = delete;

  const std::string &path() const { return name; }
  /// Opens a new file of this name for reading and writing; -1 and errno when the system refuses.
  int create() const;
  /// Gives the name to a file that is there ("/proc/self/fd/3"); false and errno when the system refuses.
  bool link(const std::string &file) const;
  /// The file has another name now, or is to stay.
  void release();

private:
  std::string name;
  /// Its place in the list that the signal handler walks; negative when it has none.
  int slot = -1;
};

/// Folder for temporary files: $TMPDIR, else /tmp.
std::string temporaryFolder();

/// Removes all files of temporary names. For handlers of signals that end the program: makes only calls that are
/// allowed there.
void removeTemporaryFiles();

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_TEMPORARYNAME_H
