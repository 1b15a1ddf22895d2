//===- CpuCode.h - Machine code of a plan -----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUCODE_H
#define QUIPU_RUNTIME_CPU_CPUCODE_H

#include "runtime/core/Device.h"

#include <span>
#include <string>

namespace quipu {

/// A shared library held in memory, loaded by the system's loader.
class CpuCode : public CodeModule {
public:
  /// Throws Error when the bytes are no shared library for this machine or the loader refuses them.
  CpuCode(std::span<const uint8_t> elf, const std::string &planName);
  ~CpuCode() override;

  const void *lookup(const char *symbol) const override;

private:
  /// The memory file stays open while the library is loaded: the loader knows libraries by path, and the path
  /// /proc/self/fd/N must not come to mean another one.
  int fd = -1;
  void *handle = nullptr;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUCODE_H
