//===- Memory.h - What this process and machine use of memory ---------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_MEMORY_H
#define QUIPU_TOOLS_QUIPU_MEMORY_H

#include <cstdint>

namespace quipu::tool {

/// Most resident memory of this process so far, and its parts now: of files (mapped weights) and of its own.
struct ProcessMemory {
  uint64_t peak = 0;
  uint64_t file = 0;
  uint64_t anonymous = 0;
};
ProcessMemory processMemory();

/// Memory of the machine, and what a program could still take.
struct SystemMemory {
  uint64_t total = 0;
  uint64_t available = 0;
};
SystemMemory systemMemory();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_MEMORY_H
