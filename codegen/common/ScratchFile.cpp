//===- ScratchFile.cpp - Files for programs that take files only ----------===//

#include "codegen/common/ScratchFile.h"

#include "runtime/support/Descriptor.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu::codegen {

llvm::Error fileError(std::error_code code, llvm::StringRef path) {
  return llvm::createStringError(code, "'" + path + "': " + code.message());
}

static std::error_code lastError() { return {errno, std::generic_category()}; }

ScratchFile::~ScratchFile() {
  if (fd >= 0)
    close(fd);
}

llvm::Error ScratchFile::create(llvm::StringRef suffix, llvm::StringRef content) {
  // Not closed on exec: the program that is started opens it by the number.
  fd = memfd_create("quipu-kernels", 0);
  name = "/proc/self/fd/" + std::to_string(fd);
  if (fd < 0 || access(name.c_str(), R_OK | W_OK) != 0) {
    if (fd >= 0)
      close(fd);
    temporary = std::make_unique<TemporaryName>(temporaryFolder(), "quipu-kernels-", suffix.str());
    name = temporary->path();
    fd = temporary->create();
    if (fd < 0) {
      std::error_code code = lastError();
      return llvm::createStringError(code, "'" + temporaryFolder() + "': could not create a temporary file: " +
                                               code.message() + "; set TMPDIR to a folder that can be written");
    }
  }
  if (int error = writeAll(fd, content.data(), content.size())) {
    std::error_code code(error, std::generic_category());
    return llvm::createStringError(code, "could not write a temporary file of " + llvm::Twine(content.size()) +
                                             " bytes" +
                                             (temporary ? " in '" + temporaryFolder() + "'" : std::string()) + ": " +
                                             code.message() + (error == EFBIG ? " (ulimit -f shows the limit)" : ""));
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<char>> readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fileError(buffer.getError(), path);
  llvm::StringRef bytes = (*buffer)->getBuffer();
  return std::vector<char>(bytes.begin(), bytes.end());
}

} // namespace quipu::codegen
