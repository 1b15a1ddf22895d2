//===- BlockManager.h - Which sequence has which page of the cache ----------*- C++ -*-===//
//
// The accounts of a key/value cache: no memory, and no device. A page holds the keys and values of `pageTokens`
// neighbouring positions. A sequence has a list of pages, its row of the block table.
//
// Several sequences may have the same page at the same place: after fork(), and where their tokens are the same from
// the beginning on (adoptPrefix). A page that more than one sequence has is never written: who would write to it gets a
// copy first (copies()). That happens only to the last, unfinished page of a sequence: to one that forks, and to one
// that was truncated within a page.
//
// A full page whose tokens are known is *registered*: it can be found by the tokens from the beginning of the sequence
// to its end. It stays so when no sequence has it any more, until its room is needed: then the page that was used
// longest ago goes first. A page is not gone before those behind it in the same text, so no page is kept that could not
// be found.
//
// A page is found by a hash, and is taken only if its tokens, the page before it and the salt are really the same. So
// two texts with the same hash cannot get each other's pages.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_BLOCKMANAGER_H
#define QUIPU_RUNTIME_CORE_BLOCKMANAGER_H

#include "runtime/support/Hash.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace quipu {

/// Pages, and what was found.
struct BlockCounts {
  /// All pages, and of them: those that sequences or pins have, those that are kept for others, those that pins have.
  uint64_t pages = 0;
  uint64_t used = 0;
  uint64_t kept = 0;
  uint64_t pinned = 0;
  /// Pages that adoptPrefix() found, and full pages that it looked for and did not find.
  uint64_t hits = 0;
  uint64_t misses = 0;
  /// Registered pages whose room was taken, and pages that were copied because others had them too.
  uint64_t evictions = 0;
  uint64_t copies = 0;
};

/// The hash of a page with these tokens behind a page with the hash `before`: XXH3-128 of both. Before the first page
/// stands the salt, in the first eight bytes, and zeros.
Hash128 hashPage(const Hash128 &before, std::span<const int32_t> tokens);

/// A registered page. `before`: the hash of the page in front of it; before the first page, what hashPage() begins
/// with.
struct PageFacts {
  int32_t page = 0;
  Hash128 hash = {}, before = {};
  uint64_t salt = 0;
  std::span<const int32_t> tokens;
};

struct BlockManagerOptions {
  /// Positions of a page.
  uint32_t pageTokens = 0;
  uint64_t pages = 0;
  /// The greatest number of sequences, and of pages of a sequence (entries of a row of the table).
  uint32_t maxSequences = 0;
  uint32_t maxPages = 0;
  /// Whether full pages are registered, and kept when no sequence has them.
  bool keepPrefixes = false;
  /// Pages below `first` have been written before. Says how many of the `count` pages from `first` on may be written
  /// now: the system may have no memory for them. Empty: all.
  std::function<uint64_t(uint64_t first, uint64_t count)> mayTouch = {};
  /// Called for a page that is about to be given to others. It may be empty.
  std::function<void(const PageFacts &page)> onEvict = {};
  /// For tests, which make collisions.
  Hash128 (*hash)(const Hash128 &before, std::span<const int32_t> tokens) = hashPage;
};

class BlockManager {
public:
  /// `table`: maxSequences rows of maxPages page numbers, which the manager fills.
  BlockManager(const BlockManagerOptions &options, std::span<int32_t> table);

  /// Takes a free row for a new sequence of length 0; nothing if there is none. Sequences share pages only with those
  /// of the same salt. `isPrivate`: its pages are neither found nor registered.
  std::optional<int32_t> addSequence(uint64_t salt = 0, bool isPrivate = false);
  /// Takes a free row for a sequence with the same tokens and pages, as far as tokens are known; nothing if there is no
  /// row.
  std::optional<int32_t> fork(int32_t sequence);
  /// Its pages are kept for others, or free.
  void removeSequence(int32_t sequence);
  /// The same, but pages that only it has are not kept: what is in them is not right.
  void discardSequence(int32_t sequence);
  bool isAlive(int32_t sequence) const;
  uint32_t freeRows() const;
  uint32_t maxSequences() const { return options.maxSequences; }

  /// Positions that the sequence has.
  uint32_t length(int32_t sequence) const { return sequences[size_t(sequence)].length; }
  /// Forgets positions from `length` on, and gives up the pages that only they used.
  void truncate(int32_t sequence, uint32_t length);

  /// Pages that the sequence has, with those that are reserved.
  uint32_t numPages(int32_t sequence) const { return uint32_t(sequences[size_t(sequence)].pages.size()); }

  /// Page number `index` of the sequence.
  int32_t pageOf(int32_t sequence, size_t index) const { return sequences[size_t(sequence)].pages[index]; }

  /// How many of the first of these tokens are in registered pages. It leaves at least one, because the logits behind
  /// the last one are wanted. It changes nothing. `kept`: is set to the number of these pages that no sequence has.
  uint32_t findPrefix(std::span<const int32_t> tokens, uint64_t salt = 0, uint64_t *kept = nullptr) const;
  /// Gives these pages to the sequence, which is empty. Returns its new length. Counts hits and misses.
  uint32_t adoptPrefix(int32_t sequence, std::span<const int32_t> tokens);

  /// The pages that would follow in the sequence, which has whole pages, if these were its next tokens. They point into
  /// `tokens`, and their numbers are not set.
  std::vector<PageFacts> nextPages(int32_t sequence, std::span<const int32_t> tokens) const;
  /// Calls visit() for every registered page, pages before those behind them.
  void forEachRegistered(const std::function<void(const PageFacts &)> &visit) const;

  /// The number of new positions of one sequence.
  struct Growth {
    int32_t sequence;
    uint32_t tokens;
  };
  /// Why there are too few pages.
  struct Shortage {
    /// Pages that the growth needs, and that there are for it.
    uint64_t needed, available;
    /// Whether there are pages that the system has no memory for (mayTouch).
    bool lacksMemory;
  };
  /// Gives the sequences the pages that their new positions need, and copies of pages that they may not write to.
  /// Returns a Shortage, with nothing changed, if there are too few. Lengths stay until advance().
  std::optional<Shortage> reserve(std::span<const Growth> growth);
  /// The sequence has these tokens too, behind the others. Their pages are reserved, and their keys and values are
  /// written in the order in which the device works.
  void advance(int32_t sequence, std::span<const int32_t> tokens);
  /// The two halves of advance(). The sequence has `tokens` more tokens, which nobody knows yet: the device is choosing
  /// them. Pages with such tokens are not registered, and count as not confirmed.
  void extend(int32_t sequence, uint32_t tokens);
  /// These are the first tokens of those that were not known.
  void confirm(int32_t sequence, std::span<const int32_t> tokens);
  /// Positions whose tokens are known.
  uint32_t knownLength(int32_t sequence) const { return uint32_t(sequences[size_t(sequence)].tokens.size()); }

  /// Keeps the whole pages of the sequence's first `length` positions, whatever happens, until unpinAll(). Returns
  /// false, with nothing changed, if less than `leave` pages would be without a pin.
  bool pin(int32_t sequence, uint32_t length, uint64_t leave);
  void unpinAll();

  /// Pages that reserve() could give if the system has memory: free ones and kept ones.
  uint64_t availablePages() const;
  uint64_t freePages() const;
  uint64_t pagesFor(uint64_t tokens) const { return (tokens + options.pageTokens - 1) / options.pageTokens; }
  uint32_t pageTokens() const { return options.pageTokens; }
  BlockCounts counts() const;

  /// Copies that must be made before the next step writes, in this order.
  struct Copy {
    int32_t from, to;
  };
  std::vector<Copy> takeCopies();

  /// Entries [begin, end) of the table that have changed since the last call; begin >= end: none. `entries`: which of
  /// them, if `isListed`, that is if they are few; some may stand there twice.
  struct Change {
    size_t begin, end;
    bool isListed;
    std::vector<size_t> entries;
  };
  Change takeChange();

  /// Throws Error if the accounts do not agree with each other. For tests.
  void checkAccounts() const;

private:
  /// Page numbers, or kNone.
  static constexpr int32_t kNone = -1;
  /// Changed entries that are listed.
  static constexpr size_t kMostListed = 1024;

  struct Page {
    /// Sequences that have it, and one for a pin.
    uint32_t users = 0;
    bool isRegistered = false;
    /// Of a registered page. `before`: the page in front of it, kNone for a first one. `behind`: how many registered
    /// pages it is in front of.
    int32_t before = kNone;
    uint32_t behind = 0;
    uint64_t salt = 0;
    Hash128 hash;
    std::vector<int32_t> tokens;
    /// Neighbours among the kept pages: the next to go is the first.
    int32_t previous = kNone, next = kNone;
  };
  struct Sequence {
    bool isAlive = false;
    bool isPrivate = false;
    uint64_t salt = 0;
    uint32_t length = 0;
    /// Of the first positions; those of the others are not known yet.
    std::vector<int32_t> tokens;
    std::vector<int32_t> pages;
  };
  struct FirstBytes {
    size_t operator()(const Hash128 &hash) const {
      size_t first;
      memcpy(&first, hash.data(), sizeof(first));
      return first;
    }
  };

  PageFacts factsOf(int32_t page) const;
  Hash128 hashBehind(int32_t before, uint64_t salt, std::span<const int32_t> tokens) const;
  std::optional<int32_t> freeRow() const;
  int32_t findPage(int32_t before, uint64_t salt, std::span<const int32_t> tokens, const Hash128 &hash) const;
  template <typename Visit> uint32_t walkPrefix(std::span<const int32_t> tokens, uint64_t salt, Visit visit) const;
  int32_t takePage(uint64_t &mayTouch);
  void addUser(int32_t page);
  void dropUser(int32_t page);
  void keep(int32_t page);
  void unkeep(int32_t page);
  void evictFirst();
  void registerPage(int32_t sequence, uint32_t index);
  void unregister(int32_t page);
  void setEntry(int32_t sequence, uint32_t index, int32_t page);
  void dropPages(int32_t sequence, uint32_t left);
  int32_t pageToWrite(const Growth &growth) const;
  bool hasPagesFor(const Growth &growth) const;
  void replaceByCopy(int32_t sequence, uint64_t &mayTouch);
  Page &at(int32_t page) { return pages[size_t(page)]; }
  const Page &at(int32_t page) const { return pages[size_t(page)]; }

  BlockManagerOptions options;
  std::span<int32_t> table;
  std::vector<Page> pages;
  std::vector<Sequence> sequences;
  /// Free pages that were used before, the next one to use at the back. Pages from `touched` on were never used. So
  /// little memory is touched.
  std::vector<int32_t> recycled;
  uint64_t touched = 0;
  /// Ends of the list of kept pages, and their number.
  int32_t firstKept = kNone, lastKept = kNone;
  uint64_t numKept = 0;
  /// In an order in which pages come before those behind them.
  std::vector<int32_t> pinned;
  std::unordered_multimap<Hash128, int32_t, FirstBytes> registered;
  std::vector<Copy> pendingCopies;
  Change change;
  /// Counters alone.
  BlockCounts events;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_BLOCKMANAGER_H
