//===- TemporaryFolder.cpp - A folder that does not outlive its object ------------------===//

#include "runtime/support/TemporaryFolder.h"

#include "runtime/support/Error.h"

#include <cerrno>

namespace quipu {

TemporaryFolder::TemporaryFolder(const std::string &prefix) : name(temporaryFolder(), prefix) {
  if (!name.createFolder(/*permissions=*/0700))
    fail(name.path(), ": cannot create the folder", errnoSuffix(errno),
         "; TMPDIR names another folder for temporary files");
}

std::string TemporaryFolder::keep() {
  std::string path = name.path();
  name.release();
  return path;
}

} // namespace quipu
