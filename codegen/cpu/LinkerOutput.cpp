//===- LinkerOutput.cpp - What lld writes ---------------------------------===//

#include "codegen/cpu/LinkerOutput.h"

#include "codegen/common/ScratchFile.h"
#include "runtime/support/Descriptor.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace quipu::codegen::cpu {

LinkerOutput::~LinkerOutput() { closePipe(); }

/// The reader ends when nobody can write any more.
void LinkerOutput::closePipe() {
  if (ends[1] >= 0)
    close(ends[1]);
  if (reader.joinable())
    reader.join();
  if (ends[0] >= 0)
    close(ends[0]);
  ends[0] = ends[1] = -1;
}

llvm::Error LinkerOutput::create() {
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fileError({errno, std::generic_category()}, "pipe");
  name = "/proc/self/fd/" + std::to_string(ends[1]);
  if (access(name.c_str(), W_OK) == 0) {
    try {
      reader = std::thread([this] {
        char buffer[65536];
        ssize_t count = 0;
        while ((count = readSome(ends[0], buffer, sizeof(buffer))) > 0)
          bytes.insert(bytes.end(), buffer, buffer + count);
        readError = count < 0 ? errno : 0;
      });
      return llvm::Error::success();
    } catch (const std::system_error &) {
      // The system gives no more threads.
    }
  }
  closePipe();
  temporary = std::make_unique<TemporaryName>(temporaryFolder(), "quipu-kernels-", ".so");
  name = temporary->path();
  return llvm::Error::success();
}

llvm::Expected<std::vector<char>> LinkerOutput::take() {
  if (temporary)
    return readFile(name);
  closePipe();
  if (readError)
    return fileError({readError, std::generic_category()}, name);
  return std::move(bytes);
}

} // namespace quipu::codegen::cpu
