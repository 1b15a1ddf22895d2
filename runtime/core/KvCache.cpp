//===- KvCache.cpp - The paged key/value cache -------------------------------------------===//

#include "runtime/core/KvCache.h"
#include "runtime/support/Error.h"
#include "runtime/support/ParallelFor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>
#include <utility>

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
               .mayTouch = options.mayTouch ? options.mayTouch
                                            : [this](uint64_t first, uint64_t count) { return mayTouch(first, count); },
               .onEvict = options.store ? [this](const PageFacts &page) { leave(page); }
                                        : std::function<void(const PageFacts &)>()},
              {static_cast<int32_t *>(rowMemory.data()), size.tableEntries}),
      store(options.keepPrefixes ? options.store : nullptr) {}

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

//===--- Pages in files ------------------------------------------------------------------===//

/// Calls copy(address, offset, bytes) for the pieces of a page: of each layer the keys, then the values. `offset`:
/// where the piece is in the page's content.
template <typename Copy> void KvCache::forEachPiece(int32_t page, Copy copy) const {
  uint64_t offset = 0;
  for (uint32_t layer = 0; layer < layers; ++layer)
    for (void *pool : {keys(layer), values(layer)}) {
      copy(static_cast<char *>(pool) + uint64_t(page) * size.blockBytes, offset, size.blockBytes);
      offset += size.blockBytes;
    }
}

/// The page goes to others, in a step that is not enqueued yet.
void KvCache::leave(const PageFacts &page) {
  // Without room for one more, the page is lost: whoever waits for a page must not wait for a disk.
  if (store->has(page.hash) || leaving.pages.size() == kStaged)
    return;
  if (device.sharesHostMemory()) {
    std::vector<std::byte> content(pageBytes());
    forEachPiece(page.page, [&](char *from, uint64_t offset, uint64_t bytes) {
      memcpy(content.data() + offset, device.hostPointer(from), bytes);
    });
    return store->save(page, std::move(content));
  }
  if (leaving.staging.size() == 0)
    leaving.staging = device.allocate(kStaged * pageBytes(), MemoryUse::Staging);
  char *place = static_cast<char *>(leaving.staging.data()) + leaving.pages.size() * pageBytes();
  forEachPiece(page.page, [&](char *from, uint64_t offset, uint64_t bytes) {
    device.enqueueDownload(place + offset, from, bytes);
  });
  leaving.pages.push_back({page, {page.tokens.begin(), page.tokens.end()}});
}

/// Gives pages whose copies have ended to the store.
void KvCache::handOver(Departure &departure) {
  for (size_t i = 0; i < departure.pages.size(); ++i) {
    const auto *begin = static_cast<const std::byte *>(departure.staging.data()) + i * pageBytes();
    PageFacts facts = departure.pages[i].facts;
    facts.tokens = departure.pages[i].tokens;
    store->save(facts, {begin, begin + pageBytes()});
  }
  departure.pages.clear();
}

void KvCache::restore(int32_t sequence, std::span<const int32_t> tokens) {
  // Pages that have just left may be the ones that come back.
  if (!leaving.pages.empty() || !copied.pages.empty()) {
    device.synchronize();
    handOver(copied);
    handOver(leaving);
  }
  uint32_t page = manager.pageTokens(), length = manager.length(sequence);
  if (!store || tokens.size() <= length + page)
    return;
  // The last token is always computed.
  std::vector<PageFacts> next = manager.nextPages(sequence, tokens.subspan(length, tokens.size() - 1 - length));
  next.erase(std::ranges::find_if_not(next, [&](const PageFacts &each) { return store->has(each.hash); }), next.end());
  while (!next.empty()) {
    size_t count = restoreSome(sequence, std::span(next).first(std::min(next.size(), kStaged)));
    if (count == 0)
      return;
    next.erase(next.begin(), next.begin() + ptrdiff_t(count));
  }
}

/// Continues the sequence with these pages, of which there is one at least and kStaged at most. Returns how many it
/// got.
size_t KvCache::restoreSome(int32_t sequence, std::span<const PageFacts> pages) {
  uint32_t page = manager.pageTokens();
  BlockManager::Growth growth = {sequence, uint32_t(pages.size()) * page};
  if (manager.reserve({&growth, 1}))
    return 0;
  if (arriving.size() == 0)
    arriving = device.allocate(kStaged * pageBytes(), MemoryUse::Staging);
  auto contentOf = [&](size_t i) {
    return std::span(static_cast<std::byte *>(arriving.data()) + i * pageBytes(), pageBytes());
  };
  std::array<bool, kStaged> isLoaded = {};
  // Reading and hashing a page takes longer than copying it to the device.
  parallelFor(pages.size(), std::clamp(std::thread::hardware_concurrency(), 1u, unsigned(kStaged)),
              [&](unsigned, const std::function<size_t()> &nextNumber) {
                for (size_t i = nextNumber(); i < pages.size(); i = nextNumber())
                  isLoaded[i] = store->load(pages[i], contentOf(i));
              });
  size_t count = size_t(std::ranges::find(isLoaded, false) - isLoaded.begin());
  for (size_t i = 0; i < count; ++i) {
    int32_t place = manager.pageOf(sequence, manager.length(sequence) / page);
    forEachPiece(place, [&](char *to, uint64_t offset, uint64_t bytes) {
      device.enqueueUpload(to, contentOf(i).data() + offset, bytes);
    });
    manager.advance(sequence, pages[i].tokens);
  }
  device.synchronize();
  return count;
}

void KvCache::saveAll() {
  if (!store)
    return;
  auto finish = [&] {
    device.synchronize();
    handOver(copied);
    handOver(leaving);
    store->flush();
  };
  finish();
  manager.forEachRegistered([&](const PageFacts &page) {
    leave(page);
    if (leaving.pages.size() == kStaged)
      finish();
  });
  finish();
}

KvCache::Update KvCache::update(std::span<int32_t> pairs) {
  Update update;
  // The host has waited for the device since these copies were enqueued: a step came behind them.
  handOver(copied);
  update.hasCopies = !leaving.pages.empty();
  std::swap(leaving, copied);
  for (const BlockManager::Copy &copy : manager.takeCopies())
    for (uint32_t layer = 0; layer < layers; ++layer)
      for (void *pool : {keys(layer), values(layer)})
        device.enqueueCopy(static_cast<char *>(pool) + uint64_t(copy.to) * size.blockBytes,
                           static_cast<char *>(pool) + uint64_t(copy.from) * size.blockBytes, size.blockBytes);
  BlockManager::Change change = manager.takeChange();
  const auto *rows = static_cast<const int32_t *>(rowMemory.data());
  if (change.isListed && 2 * change.entries.size() <= pairs.size()) {
    for (size_t entry : change.entries) {
      pairs[2 * update.pairs] = int32_t(entry);
      pairs[2 * update.pairs++ + 1] = rows[entry];
    }
  } else if (change.begin < change.end) {
    device.enqueueUpload(static_cast<int32_t *>(tableMemory.data()) + change.begin, rows + change.begin,
                         (change.end - change.begin) * sizeof(int32_t));
    update.hasCopies = true;
  }
  return update;
}

uint64_t KvCache::bytesUsed() const { return manager.counts().used * size.blockBytes * 2 * layers; }

} // namespace quipu
