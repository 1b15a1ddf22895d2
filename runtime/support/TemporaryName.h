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

/// A new name in a folder. The functions below make its file; they make sure that no file appears while a signal ends
/// the program. A library that gets the name may also make the file. The destructor removes it.
class TemporaryName {
public:
  TemporaryName(const std::string &folder, const std::string &prefix, const std::string &suffix = "");
  ~TemporaryName();
  TemporaryName(const TemporaryName &) = delete;
  TemporaryName &operator=(const TemporaryName &) = delete;

  const std::string &path() const { return name; }
  /// Makes a new file of this name and opens it for reading and writing. Returns -1 and sets errno if the system
  /// refuses.
  int create() const;
  /// Makes a new folder of this name. All that is in it is removed with it. `permissions` are less what umask takes
  /// away.
  bool createFolder(unsigned permissions = 0777) const;
  /// Gives the name to an existing file ("/proc/self/fd/3"). Returns false and sets errno if the system refuses.
  bool link(const std::string &file) const;
  /// Call it when the file has another name, or shall stay.
  void release();

private:
  std::string name;
  /// Its place in the list of the signal handler. Negative: it has no place there.
  int slot = -1;
};

/// Folder for temporary files: $TMPDIR, else /tmp.
std::string temporaryFolder();

/// Removes all files of temporary names. A signal handler that ends the program may call it: it makes only calls that
/// are allowed there.
void removeTemporaryFiles();

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_TEMPORARYNAME_H
