//===- KvCache.cpp - The paged key/value cache -------------------------------------------===//

#include "runtime/core/KvCache.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

KvCache::KvCache(const plan::KvCache &shape, Device &device, const KvCacheOptions &options)
    : device(device), layers(shape.layers()), size(shape, options.tokens, device.alignment()),
      memory(allocateFor(device, "the key/value cache", size.bytes, MemoryUse::Sparse)),
      tableMemory(device.allocate(size.tableEntries * sizeof(int32_t), MemoryUse::Sparse)),
      rowMemory(device.allocate(size.tableEntries * sizeof(int32_t), MemoryUse::Staging)),
      manager({.pageTokens = shape.page(),
               .pages = size.blocks,
               .maxSequences = shape.max_batch(),
               .maxPages = size.tableStride,
               .keepPrefixes = options.keepPrefixes,
               .mayTouch = options.mayTouch
                               ? options.mayTouch
                               : [this](uint64_t first, uint64_t count) { return mayTouch(first, count); }},
              {static_cast<int32_t *>(rowMemory.data()), size.tableEntries}) {}

static int32_t require(std::optional<int32_t> row, uint32_t rows) {
  if (!row)
    fail("all ", rows, " sequences that the plan allows are in use; remove one, or compile with --max-batch ", rows + 1,
         " or more");
  return *row;
}

int32_t KvCache::addSequence() {
  return require(manager.addSequence(), uint32_t(size.tableEntries / size.tableStride));
}

int32_t KvCache::fork(int32_t sequence) {
  return require(manager.fork(sequence), uint32_t(size.tableEntries / size.tableStride));
}

void KvCache::reserve(std::span<const Growth> growth) {
  if (std::optional<BlockManager::Shortage> shortage = manager.reserve(growth))
    throw Error(describe(*shortage));
}

std::string KvCache::describe(const BlockManager::Shortage &shortage) const {
  uint32_t page = manager.pageTokens();
  if (!shortage.lacksMemory)
    return concat("the key/value cache is full: the new tokens need ", shortage.needed, " blocks of ", page,
                  " positions, ", shortage.available, " of ", size.blocks,
                  " are free; remove a sequence or give the cache more tokens");
  uint64_t each = size.blockBytes * 2 * layers;
  uint64_t room = (boundBlocks + bound.free / each) * page;
  return concat("no memory for the key/value cache: ", shortage.needed * page, " more positions take ",
                shortage.needed * each >> 20, " MiB, ", bound.free >> 20, " MiB of the memory of ", bound.owner,
                " are free; the cache can have ", room,
                " positions over all sequences: use shorter or fewer ones (--max-seq ",
                std::min<uint64_t>(room, uint64_t(size.tableStride) * page), " for a single one)");
}

/// The system gives memory of the host page by page, when blocks are first used. If it has no more, it kills the
/// process without a message. So the cache looks at the free memory before.
uint64_t KvCache::mayTouch(uint64_t first, uint64_t count) {
  if (!device.sharesHostMemory())
    return count;
  uint64_t each = size.blockBytes * 2 * layers, more = count * each;
  // Asking the system takes as long as some steps, so it is not asked for every block.
  constexpr uint64_t kUnasked = 32 << 20;
  if (unasked + more < kUnasked) {
    unasked += more;
    return count;
  }
  HostBound now = tightestBound();
  if (more > now.free) {
    bound = now;
    boundBlocks = first;
    return now.free / each;
  }
  unasked = 0;
  return count;
}

void KvCache::update() {
  for (const BlockManager::Copy &copy : manager.takeCopies())
    for (uint32_t layer = 0; layer < layers; ++layer)
      for (void *pool : {keys(layer), values(layer)})
        device.enqueueCopy(static_cast<char *>(pool) + uint64_t(copy.to) * size.blockBytes,
                           static_cast<char *>(pool) + uint64_t(copy.from) * size.blockBytes, size.blockBytes);
  BlockManager::Change change = manager.takeChange();
  if (change.begin < change.end)
    device.enqueueUpload(static_cast<int32_t *>(tableMemory.data()) + change.begin,
                         static_cast<int32_t *>(rowMemory.data()) + change.begin,
                         (change.end - change.begin) * sizeof(int32_t));
}

uint64_t KvCache::bytesUsed() const { return manager.counts().used * size.blockBytes * 2 * layers; }

} // namespace quipu
