//===- Scratch.h - Files for readers that take a path ---------------*- C++ -*-===//

#ifndef QUIPU_TEST_FUZZ_SCRATCH_H
#define QUIPU_TEST_FUZZ_SCRATCH_H

#include "runtime/support/Error.h"
#include "test/UniqueFolder.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace quipu::test {

/// A folder that a target keeps as long as the process lives: making one for each input would take most of the time.
class Scratch {
public:
  std::string write(const char *name, std::string_view bytes) const {
    std::ofstream(folder.path / name, std::ios::binary) << bytes;
    return (folder.path / name).string();
  }

private:
  UniqueFolder folder;
};

/// Ends the process as a failed assertion does, in every build.
inline void require(bool holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "an accepted input breaks this: %s\n", what);
  abort();
}

/// Runs a reader, which may throw quipu::Error.
template <typename Read> void accepts(Read read) {
  try {
    read();
  } catch (const Error &error) {
    require(*error.what() != '\0', "a message says something");
  }
}

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_SCRATCH_H
