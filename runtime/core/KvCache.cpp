//===- KvCache.cpp - The paged key/value cache -------------------------------------------===//

#include "runtime/core/KvCache.h"
#include "runtime/core/DataType.h"
#include "runtime/core/Error.h"

#include <algorithm>

namespace quipu {

KvCache::KvCache(const plan::KvCache &shape, Device &device, uint64_t tokens)
    : device(device), page(shape.page()), layers(shape.layers()), stride(uint32_t(blocksFor(shape.max_seq()))),
      sequences(shape.max_batch()) {
  uint64_t most = uint64_t(stride) * shape.max_batch();
  blocks = tokens ? std::min(blocksFor(tokens), most) : most;
  blockBytes = uint64_t(shape.kv_heads()) * page * shape.head_dim() * dtypeSize(shape.dtype());
  // Pools begin at cache lines.
  poolBytes = (blocks * blockBytes + 63) / 64 * 64;
  memory = device.allocate(2 * layers * poolBytes, MemoryUse::Sparse);
  rows.resize(uint64_t(stride) * shape.max_batch());
  tableMemory = device.allocate(rows.size() * sizeof(int32_t), MemoryUse::Sparse);
  free.resize(blocks);
  for (uint64_t i = 0; i < blocks; ++i)
    free[i] = int32_t(blocks - 1 - i);
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
    int32_t &entry = rows[size_t(id) * stride + --sequence.blocks];
    free.push_back(entry);
    entry = 0;
    tableChanged = true;
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
         " of ", blocks, " are free; remove a sequence or give the cache more tokens");
  for (const Growth &part : growth) {
    Sequence &sequence = sequences[size_t(part.sequence)];
    for (uint64_t count = missing(part); count > 0; --count) {
      rows[size_t(part.sequence) * stride + sequence.blocks++] = free.back();
      free.pop_back();
      tableChanged = true;
    }
  }
}

void KvCache::uploadTable() {
  if (!tableChanged)
    return;
  device.upload(tableMemory.data(), rows.data(), rows.size() * sizeof(int32_t));
  tableChanged = false;
}

uint64_t KvCache::bytesUsed() const { return (blocks - free.size()) * blockBytes * 2 * layers; }

} // namespace quipu
