//===- KvCache.h - The paged key/value cache --------------------------------*- C++ -*-===//
//
// Keys and values lie in blocks of `page` token slots. A sequence holds a list of blocks, its row of the block table,
// which grows as it grows; block numbers are the same in every layer. All block memory is reserved at once and taken
// from the system page by page when first written.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_KVCACHE_H
#define QUIPU_RUNTIME_CORE_KVCACHE_H

#include "runtime/core/Device.h"
#include "runtime/core/MemoryPlan.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

class KvCache {
public:
  /// `tokens`: token slots over all sequences, rounded up to whole blocks; 0: max_seq * max_batch.
  KvCache(const plan::KvCache &shape, Device &device, uint64_t tokens);

  /// Takes a free row of the block table for a new sequence of length 0. Returns its number. Throws Error if all rows
  /// are in use.
  int32_t addSequence();
  void removeSequence(int32_t sequence);
  bool isAlive(int32_t sequence) const;

  /// Positions that the sequence has.
  uint32_t length(int32_t sequence) const { return sequences[size_t(sequence)].length; }
  /// Forgets positions from `length` on and frees the blocks that only they used.
  void truncate(int32_t sequence, uint32_t length);

  /// The number of new positions of one sequence.
  struct Growth {
    int32_t sequence;
    uint32_t tokens;
  };
  /// Gives the sequences the blocks that their new positions need. Throws Error, with nothing changed, when there are
  /// too few. Their lengths stay until advance().
  void reserve(std::span<const Growth> growth);
  void advance(int32_t sequence, uint32_t tokens) { sequences[size_t(sequence)].length += tokens; }

  /// Entries of a row of the block table.
  uint32_t tableStride() const { return size.tableStride; }
  /// Addresses as kernels see them.
  void *keys(uint32_t layer) const { return static_cast<char *>(memory.data()) + 2 * layer * size.poolBytes; }
  void *values(uint32_t layer) const { return static_cast<char *>(keys(layer)) + size.poolBytes; }
  void *table() const { return tableMemory.data(); }
  /// Brings the device's block table up to date; call it before each step. Until the device has done it, sequences may
  /// grow: no step before this one reads the new entries. They may not shrink.
  void uploadTable();

  uint64_t numBlocks() const { return size.blocks; }
  uint64_t freeBlocks() const { return free.size(); }
  uint64_t bytesReserved() const { return memory.size(); }
  uint64_t bytesUsed() const;

private:
  struct Sequence {
    bool alive = false;
    uint32_t length = 0;
    uint32_t blocks = 0;
  };

  int32_t &changeEntry(int32_t sequence, uint32_t index);
  void requireMemory(uint64_t newBlocks);
  uint64_t blocksFor(uint64_t tokens) const { return (tokens + page - 1) / page; }

  Device &device;
  uint32_t page;
  uint32_t layers;
  CacheSize size;
  DeviceMemory memory;
  DeviceMemory tableMemory;
  /// The block table on the host.
  DeviceMemory rowMemory;
  std::span<int32_t> rows;
  std::vector<Sequence> sequences;
  /// Free blocks, the next one to use at the back: low numbers first, so that little memory is touched.
  std::vector<int32_t> free;
  /// Number of the first block that was never used. Then: bytes of the blocks that were first used since the system was
  /// last asked for its free memory.
  uint64_t touched = 0, unasked = 0;
  /// Entries [changedBegin, changedEnd) of the table differ from the device's.
  size_t changedBegin;
  size_t changedEnd;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_KVCACHE_H
