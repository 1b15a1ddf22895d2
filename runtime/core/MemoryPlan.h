//===- MemoryPlan.h - How much memory a model takes on a device -------------*- C++ -*-===//
//
// Computed before anything is loaded, with the numbers that weights, cache and executor use themselves.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_MEMORYPLAN_H
#define QUIPU_RUNTIME_CORE_MEMORYPLAN_H

#include "runtime/abi/plan_generated.h"
#include "runtime/core/Device.h"
#include "runtime/core/Model.h"

#include <cstdint>
#include <span>
#include <string>

namespace quipu {

/// Programs of the variant that a device runs.
using ProgramList = std::span<const plan::Program *const>;

/// Sizes of a key/value cache.
struct CacheSize {
  /// `tokens`: token slots over all sequences; it is rounded up to whole blocks. 0: max_seq * max_batch.
  CacheSize(const plan::KvCache &shape, uint64_t tokens, uint64_t alignment)
      : CacheSize(shape, shape.max_seq(), shape.max_batch(), tokens, alignment) {}
  /// The size for other bounds than the plan's: positions of a sequence, and number of sequences.
  CacheSize(const plan::KvCache &shape, uint64_t maxSeq, uint32_t maxBatch, uint64_t tokens, uint64_t alignment);

  uint64_t blocks;
  /// Bytes of a block in one pool, and bytes of a pool. A layer has a pool of keys and a pool of values.
  uint64_t blockBytes;
  uint64_t poolBytes;
  /// Entries of the block table, and entries of a row.
  uint64_t tableEntries;
  uint32_t tableStride;

  /// Bytes of all pools, without the table.
  uint64_t bytes;
  uint64_t tableBytes() const { return tableEntries * sizeof(int32_t); }
};

/// Memory that the steps of a session work in.
struct StepMemory {
  /// `boundOutputs`: whether memory is taken for all logits at once, as on a GPU. Then the wanted rows of a launch are
  /// limited. There are slots then, one for each sequence and one more.
  StepMemory(const plan::Plan &plan, ProgramList programs, bool boundOutputs);

  uint32_t maxRows;
  /// A launch has at most so many wanted rows.
  uint32_t maxOutputs;
  uint64_t arenaBytes;
  uint64_t logitsBytes;
  /// On a device that chooses tokens: the most edits of a slot (SampleRule.h), and the bytes of all slots.
  uint32_t editStride;
  uint64_t slotBytes;
};

/// Throws Error if weights, the cache of one session and the memory of its steps need more than is free on the device.
/// The message has a table, and the largest --max-seq and --max-batch that fit. On the host weights that are read in
/// place do not count. The whole cache counts only against bounds on addresses (ulimit -v). Other bounds concern pages
/// that are used, and KvCache looks at them again.
void checkMemory(const PlanFile &file, ProgramList programs, const ModelOptions &options, const Device &device);

/// Calls Device::allocate. Its Error says what the memory is for.
DeviceMemory allocateFor(Device &device, const char *what, size_t size, MemoryUse use);

/// Advice for a sequence that needs `needed` positions, more than the plan has. It never advises more positions than
/// the model has.
std::string adviceOnLength(const plan::Plan &plan, uint64_t needed);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_MEMORYPLAN_H
