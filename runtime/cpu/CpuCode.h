//===- CpuCode.h - Machine code of a plan -----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUCODE_H
#define QUIPU_RUNTIME_CPU_CPUCODE_H

#include "runtime/core/Device.h"

#include <span>
#include <string>

namespace quipu {

/// A shared library in memory that the system's loader loads.
class CpuCode : public CodeModule {
public:
  /// Throws Error if the bytes are not a shared library for this machine, or the loader refuses them.
  CpuCode(std::span<const uint8_t> elf, const std::string &planName);
  ~CpuCode() override;

  const void *lookup(const char *symbol) const override;

private:
  /// Descriptor of the memory file. It stays open as long as the library is loaded. The loader knows libraries by path,
  /// so /proc/self/fd/N must not become the path of another file.
  int fd = -1;
  void *handle = nullptr;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUCODE_H
