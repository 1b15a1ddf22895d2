//===- TemporaryFolder.h - A folder that does not outlive its object --------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_TEMPORARYFOLDER_H
#define QUIPU_RUNTIME_SUPPORT_TEMPORARYFOLDER_H

#include "runtime/support/TemporaryName.h"

#include <string>

namespace quipu {

/// A new folder in temporaryFolder() that only this user may use. The destructor removes it with all that is in it, and
/// so does a signal that ends the program.
class TemporaryFolder {
public:
  /// `prefix`: how its name begins ("quipu-tune-"). Throws Error if the system refuses.
  explicit TemporaryFolder(const std::string &prefix);

  const std::string &path() const { return name.path(); }
  /// Lets it stay. Returns its path.
  std::string keep();

private:
  TemporaryName name;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_TEMPORARYFOLDER_H
