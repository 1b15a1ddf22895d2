//===- KvCache.cpp - The paged key/value cache -------------------------------------------===//

#include "runtime/core/KvCache.h"
#include "runtime/core/HostMemory.h"
#include "runtime/support/Error.h"

#include <algorithm>

namespace quipu {

KvCache::KvCache(const plan::KvCache &shape, Device &device, uint64_t tokens)
    : device(device), page(shape.page()), layers(shape.layers()), size(shape, tokens, device.alignment()),
      sequences(shape.max_batch()), changedBegin(0), changedEnd(size.tableEntries) {
  memory = allocateFor(device, "the key/value cache", size.bytes, MemoryUse::Sparse);
  tableMemory = device.allocate(size.tableEntries * sizeof(int32_t), MemoryUse::Sparse);
  rowMemory = device.allocate(size.tableEntries * sizeof(int32_t), MemoryUse::Staging);
  rows = {static_cast<int32_t *>(rowMemory.data()), size.tableEntries};
  free.resize(size.blocks);
  for (uint64_t i = 0; i < size.blocks; ++i)
    free[i] = int32_t(size.blocks - 1 - i);
}

int32_t &KvCache::changeEntry(int32_t sequence, uint32_t index) {
  size_t entry = size_t(sequence) * size.tableStride + index;
  changedBegin = std::min(changedBegin, entry);
  changedEnd = std::max(changedEnd, entry + 1);
  return rows[entry];
}

int32_t KvCache::addSequence() {
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].alive)
      continue;
    sequences[i] = {true, 0, 0};
    return int32_t(i);
  }
  fail("all ", sequences.size(), " sequences that the plan allows are in use; remove one, or compile with --max-batch ",
       sequences.size() + 1, " or more");
}

bool KvCache::isAlive(int32_t sequence) const {
  return sequence >= 0 && size_t(sequence) < sequences.size() && sequences[size_t(sequence)].alive;
}

void KvCache::removeSequence(int32_t sequence) {
  truncate(sequence, 0);
  sequences[size_t(sequence)].alive = false;
}

void KvCache::truncate(int32_t id, uint32_t length) {
  Sequence &sequence = sequences[size_t(id)];
  sequence.length = std::min(sequence.length, length);
  uint32_t needed = uint32_t(blocksFor(sequence.length));
  while (sequence.blocks > needed) {
    int32_t &entry = changeEntry(id, --sequence.blocks);
    free.push_back(entry);
    entry = 0;
  }
}

void KvCache::reserve(std::span<const Growth> growth) {
  auto missing = [&](const Growth &part) {
    const Sequence &sequence = sequences[size_t(part.sequence)];
    uint64_t needed = blocksFor(uint64_t(sequence.length) + part.tokens);
    return needed > sequence.blocks ? needed - sequence.blocks : 0;
  };
  uint64_t total = 0;
  for (const Growth &part : growth)
    total += missing(part);
  if (total > free.size())
    fail("the key/value cache is full: the new tokens need ", total, " blocks of ", page, " positions, ", free.size(),
         " of ", size.blocks, " are free; remove a sequence or give the cache more tokens");
  requireMemory(total);
  for (const Growth &part : growth) {
    Sequence &sequence = sequences[size_t(part.sequence)];
    for (uint64_t count = missing(part); count > 0; --count) {
      changeEntry(part.sequence, sequence.blocks++) = free.back();
      free.pop_back();
    }
  }
}

/// The system gives memory of the host page by page, when blocks are first used. If it has no more, it kills the
/// process without a message. So the cache looks at the free memory before.
void KvCache::requireMemory(uint64_t newBlocks) {
  if (!device.sharesHostMemory())
    return;
  // Low numbers come first. Blocks below `touched` already have their memory.
  uint64_t end = touched;
  for (uint64_t i = 0; i < newBlocks; ++i)
    end = std::max(end, uint64_t(free[free.size() - 1 - i]) + 1);
  uint64_t each = size.blockBytes * 2 * layers, more = (end - touched) * each;
  // Asking the system takes as long as some steps, so it is not asked for every block.
  constexpr uint64_t kUnasked = 32 << 20;
  HostBound bound = unasked + more < kUnasked ? HostBound{UINT64_MAX, 0, "", false, false} : tightestBound();
  if (more > bound.free) {
    uint64_t room = (touched + bound.free / each) * page;
    fail("no memory for the key/value cache: ", newBlocks * page, " more positions take ", more >> 20, " MiB, ",
         bound.free >> 20, " MiB of the memory of ", bound.owner, " are free; the cache can have ", room,
         " positions over all sequences: use shorter or fewer ones (--max-seq ",
         std::min<uint64_t>(room, uint64_t(size.tableStride) * page), " for a single one)");
  }
  unasked = unasked + more < kUnasked ? unasked + more : 0;
  touched = end;
}

void KvCache::uploadTable() {
  if (changedBegin >= changedEnd)
    return;
  device.enqueueUpload(static_cast<int32_t *>(tableMemory.data()) + changedBegin, rows.data() + changedBegin,
                       (changedEnd - changedBegin) * sizeof(int32_t));
  changedBegin = rows.size();
  changedEnd = 0;
}

uint64_t KvCache::bytesUsed() const { return (size.blocks - free.size()) * size.blockBytes * 2 * layers; }

} // namespace quipu
