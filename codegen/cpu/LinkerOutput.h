//===- LinkerOutput.h - What lld writes -------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_LINKEROUTPUT_H
#define QUIPU_CODEGEN_CPU_LINKEROUTPUT_H

#include "runtime/support/TemporaryName.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace quipu::codegen::cpu {

/// An output for lld that is not in a folder. lld writes a temporary file beside its output and renames it; that fails
/// for a file in memory. Into a pipe it writes directly, so the output is a pipe. If no thread can be started to read
/// the pipe, it is a temporary file.
class LinkerOutput {
public:
  LinkerOutput() = default;
  ~LinkerOutput();
  LinkerOutput(const LinkerOutput &) = delete;
  LinkerOutput &operator=(const LinkerOutput &) = delete;

  llvm::Error create();
  /// What lld's -o gets.
  const std::string &path() const { return name; }
  /// The bytes that lld wrote. Call it after lld has ended.
  llvm::Expected<std::vector<char>> take();

private:
  void closePipe();

  std::string name;
  std::thread reader;
  /// Only the reader uses it until the reader has ended.
  std::vector<char> bytes;
  int readError = 0;
  int ends[2] = {-1, -1};
  std::unique_ptr<TemporaryName> temporary;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_LINKEROUTPUT_H
