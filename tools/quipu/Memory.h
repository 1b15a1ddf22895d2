//===- Memory.h - What this process and machine use of memory ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_MEMORY_H
#define QUIPU_TOOLS_QUIPU_MEMORY_H

#include <cstdint>

namespace quipu::tool {

/// Resident memory of this process in bytes: its greatest amount so far, and its present parts, which are mapped files
/// (weights) and the process's own memory.
struct ProcessMemory {
  uint64_t peak = 0;
  uint64_t file = 0;
  uint64_t anonymous = 0;
};
ProcessMemory processMemory();

/// Bytes of memory of the machine, and bytes that a program could still take.
struct SystemMemory {
  uint64_t total = 0;
  uint64_t available = 0;
};
SystemMemory systemMemory();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_MEMORY_H
