//===- CpuCode.h - Machine code of a plan -----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUCODE_H
#define QUIPU_RUNTIME_CPU_CPUCODE_H

#include "runtime/core/Device.h"

#include <span>
#include <string>

namespace quipu {

/// A variable of the environment: a folder in which the code of plans stays as files, for profilers. They read symbols
/// and lines when the program that had the code in memory has ended.
inline constexpr const char *kCodeFolderVariable = "QUIPU_CODE_FOLDER";

/// A shared library in memory, or in the folder of kCodeFolderVariable, that the system's loader loads.
class CpuCode : public CodeModule {
public:
  /// Throws Error if the bytes are not a shared library for this machine, or the loader refuses them.
  CpuCode(std::span<const uint8_t> elf, const std::string &planName);
  ~CpuCode() override;

  const void *lookup(const char *symbol) const override;

private:
  /// Descriptor of the memory file. It stays open as long as the library is loaded. The loader knows libraries by path,
  /// so /proc/PID/fd/N must not become the path of another file. -1: the library is a file on disk.
  int fd = -1;
  void *handle = nullptr;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUCODE_H
