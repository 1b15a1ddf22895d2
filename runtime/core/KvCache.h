//===- KvCache.h - The paged key/value cache --------------------------------*- C++ -*-===//
//
// The memory of the pages that a BlockManager gives to sequences; the plan calls them blocks. Block numbers are the
// same in every layer. All memory is reserved at once and taken from the system page by page when first written.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_KVCACHE_H
#define QUIPU_RUNTIME_CORE_KVCACHE_H

#include "runtime/core/BlockManager.h"
#include "runtime/core/Device.h"
#include "runtime/core/HostMemory.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/core/PageStore.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quipu {

struct KvCacheOptions {
  /// Token slots over all sequences, rounded up to whole blocks; 0: max_seq * max_batch.
  uint64_t tokens = 0;
  /// Whether full pages are kept when no sequence has them, to be found by their tokens.
  bool keepPrefixes = false;
  /// BlockManagerOptions::mayTouch, for tests. Empty: the system is asked for its free memory.
  std::function<uint64_t(uint64_t first, uint64_t count)> mayTouch = {};
  /// Where pages are kept for which there is no room, if keepPrefixes is set. It may be null.
  std::shared_ptr<PageStore> store = {};
};

class KvCache {
public:
  using Growth = BlockManager::Growth;

  KvCache(const plan::KvCache &shape, Device &device, const KvCacheOptions &options);
  KvCache(const KvCache &) = delete;
  KvCache &operator=(const KvCache &) = delete;

  /// Which sequence has which page.
  BlockManager &blocks() { return manager; }
  const BlockManager &blocks() const { return manager; }

  /// Takes a free row of the block table for a new sequence of length 0. Returns its number. Throws Error if all rows
  /// are in use.
  int32_t addSequence();
  /// The same for a sequence that begins as another one is.
  int32_t fork(int32_t sequence);
  void removeSequence(int32_t sequence) { manager.removeSequence(sequence); }
  bool isAlive(int32_t sequence) const { return manager.isAlive(sequence); }

  /// Positions that the sequence has.
  uint32_t length(int32_t sequence) const { return manager.length(sequence); }
  /// Forgets positions from `length` on and frees the blocks that only they used.
  void truncate(int32_t sequence, uint32_t length) { manager.truncate(sequence, length); }

  /// Gives the sequences the blocks that their new positions need. Throws Error, with nothing changed, when there are
  /// too few. Their lengths stay until advance().
  void reserve(std::span<const Growth> growth);
  /// The message of this Error.
  std::string describe(const BlockManager::Shortage &shortage) const;
  void advance(int32_t sequence, std::span<const int32_t> tokens) { manager.advance(sequence, tokens); }
  /// See BlockManager.
  void extend(int32_t sequence, uint32_t tokens) { manager.extend(sequence, tokens); }

  /// Entries of a row of the block table.
  uint32_t tableStride() const { return size.tableStride; }
  /// Addresses as kernels see them.
  void *keys(uint32_t layer) const { return static_cast<char *>(memory.data()) + 2 * layer * size.poolBytes; }
  void *values(uint32_t layer) const { return static_cast<char *>(keys(layer)) + size.poolBytes; }
  void *table() const { return tableMemory.data(); }
  struct Update {
    /// Pairs of an entry of the table and its value that the step brings itself.
    size_t pairs = 0;
    /// Whether copies were enqueued, from or to memory of the host.
    bool hasCopies = false;
  };
  /// Brings the device's pages and block table up to date; call it before each step. Until the device has done it,
  /// sequences may grow: no step before this one reads the new entries. They may not shrink. `pairs`: room for changes
  /// that a step may bring itself.
  Update update(std::span<int32_t> pairs = {});

  /// Continues a sequence of whole pages with the pages of `tokens` that are in the store, as far as there is room for
  /// them. At least one token is left over. `tokens`: all of the sequence, from its beginning.
  void restore(int32_t sequence, std::span<const int32_t> tokens);
  /// Gives all registered pages to the store, and waits until they are written. No step runs.
  void saveAll();

  uint64_t numBlocks() const { return size.blocks; }
  /// Blocks that new positions can have.
  uint64_t freeBlocks() const { return manager.availablePages(); }
  uint64_t bytesReserved() const { return memory.size(); }
  /// Bytes of the blocks that sequences have.
  uint64_t bytesUsed() const;

private:
  uint64_t mayTouch(uint64_t first, uint64_t count);

  /// A page on its way to the store. Where the host cannot reach the device's memory, it is copied to `staging` first.
  struct Leaving {
    PageFacts facts;
    std::vector<int32_t> tokens;
  };
  /// Those whose copies were enqueued since the last update(), or before it; and where their content is.
  struct Departure {
    std::vector<Leaving> pages;
    DeviceMemory staging;
  };
  void leave(const PageFacts &page);
  void handOver(Departure &departure);
  size_t restoreSome(int32_t sequence, std::span<const PageFacts> pages);
  uint64_t pageBytes() const { return size.blockBytes * 2 * layers; }
  template <typename Copy> void forEachPiece(int32_t page, Copy copy) const;

  Device &device;
  uint32_t layers;
  CacheSize size;
  DeviceMemory memory;
  DeviceMemory tableMemory;
  /// The block table on the host.
  DeviceMemory rowMemory;
  BlockManager manager;
  /// Bytes of the blocks that were first used since the system was last asked for its free memory.
  uint64_t unasked = 0;
  /// What it answered last when there was too little, and how many blocks were used then.
  HostBound bound = {};
  uint64_t boundBlocks = 0;

  std::shared_ptr<PageStore> store;
  /// Pages that a departure has room for. It takes the memory when it is first used.
  static constexpr size_t kStaged = 16;
  Departure leaving, copied;
  /// Room for kStaged pages that are restored. Empty until it is used.
  DeviceMemory arriving;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_KVCACHE_H
