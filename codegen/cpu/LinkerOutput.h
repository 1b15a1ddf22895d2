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

/// An output for lld that is in no folder. lld writes a file beside the one that it is to make and renames it, also
/// where there is no folder to do so; into a pipe it writes directly. Where no thread can be started to read the pipe,
/// the output is a temporary file.
class LinkerOutput {
public:
  LinkerOutput() = default;
  ~LinkerOutput();
  LinkerOutput(const LinkerOutput &) = delete;
  LinkerOutput &operator=(const LinkerOutput &) = delete;

  llvm::Error create();
  /// What lld's -o gets.
  const std::string &path() const { return name; }
  /// What was written, once lld has ended.
  llvm::Expected<std::vector<char>> take();

private:
  void closePipe();

  std::string name;
  std::thread reader;
  /// The reader's until it has ended.
  std::vector<char> bytes;
  int readError = 0;
  int ends[2] = {-1, -1};
  std::unique_ptr<TemporaryName> temporary;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_LINKEROUTPUT_H
