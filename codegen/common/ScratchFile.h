//===- ScratchFile.h - Files for programs that take files only --*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_SCRATCHFILE_H
#define QUIPU_CODEGEN_COMMON_SCRATCHFILE_H

#include "runtime/support/TemporaryName.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace quipu::codegen {

/// The bytes of a file.
llvm::Expected<std::vector<char>> readFile(llvm::StringRef path);

/// A file that an assembler or a linker reads or writes by name. The destructor removes it. It lies in memory and has
/// no name in a folder. If the system has no such files, it is a temporary file.
class ScratchFile {
public:
  ScratchFile() = default;
  ~ScratchFile();
  ScratchFile(const ScratchFile &) = delete;
  ScratchFile &operator=(const ScratchFile &) = delete;

  /// Makes the file. `suffix`: the end of its name, if it has a name (".ptx").
  llvm::Error create(llvm::StringRef suffix, llvm::StringRef content = {});

  /// Path by which this process, and processes that it starts, can open it.
  const std::string &path() const { return name; }

  llvm::Expected<std::vector<char>> read() const { return readFile(name); }

private:
  std::unique_ptr<TemporaryName> temporary;
  std::string name;
  int fd = -1;
};

/// "'PATH': REASON".
llvm::Error fileError(std::error_code code, llvm::StringRef path);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_SCRATCHFILE_H
