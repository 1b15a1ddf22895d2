//===- MemoryPlan.h - How much memory a model takes on a device -------------*- C++ -*-===//
//
// Computed before anything is loaded, with the numbers that weights, cache and executor use themselves.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_MEMORYPLAN_H
#define QUIPU_RUNTIME_CORE_MEMORYPLAN_H

#include "runtime/core/Device.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <span>
#include <string>

namespace quipu {

inline uint64_t roundUp(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Programs of the variant that a device runs.
using ProgramList = std::span<const plan::Program *const>;

/// Sizes of a key/value cache.
struct CacheSize {
  /// `tokens`: token slots over all sequences, rounded up to whole blocks; 0: max_seq * max_batch.
  CacheSize(const plan::KvCache &shape, uint64_t tokens, uint64_t alignment)
      : CacheSize(shape, shape.max_seq(), tokens, alignment) {}
  /// For another bound on the positions of a sequence than the plan's.
  CacheSize(const plan::KvCache &shape, uint64_t maxSeq, uint64_t tokens, uint64_t alignment);

  uint64_t blocks;
  /// Bytes of a block in one pool, and of the K pool (or the V pool) of one layer.
  uint64_t blockBytes;
  uint64_t poolBytes;
  /// Entries of the block table, and of a row of it.
  uint64_t tableEntries;
  uint32_t tableStride;

  /// All pools, without the table.
  uint64_t bytes;
  uint64_t tableBytes() const { return tableEntries * sizeof(int32_t); }
};

/// Memory that the steps of a session work in.
struct StepMemory {
  /// `boundOutputs`: logits take real memory, so that the wanted rows of a launch are limited.
  StepMemory(const plan::Plan &plan, ProgramList programs, bool boundOutputs);

  uint32_t maxRows;
  /// Most wanted rows of a launch.
  uint32_t maxOutputs;
  uint64_t arenaBytes;
  uint64_t logitsBytes;
};

/// Throws Error when weights, the cache of one session and the memory of its steps exceed what is free on the device:
/// with a table, and the largest --max-seq that fits.
void checkMemory(const plan::Plan &plan, const std::string &planName, ProgramList programs, uint64_t cacheTokens,
                 const Device &device);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_MEMORYPLAN_H
