//===- BlockManager.cpp - Which sequence has which page of the cache ---------------------===//

#include "runtime/core/BlockManager.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <map>
#include <utility>

namespace quipu {

Hash128 hashPage(const Hash128 &before, std::span<const int32_t> tokens) {
  std::vector<uint8_t> bytes(before.size() + tokens.size_bytes());
  memcpy(bytes.data(), before.data(), before.size());
  memcpy(bytes.data() + before.size(), tokens.data(), tokens.size_bytes());
  return hashBytes(bytes.data(), bytes.size());
}

BlockManager::BlockManager(const BlockManagerOptions &options, std::span<int32_t> table)
    : options(options), table(table), pages(options.pages), sequences(options.maxSequences),
      change{0, table.size(), false, {}} {}

//===--- Rows of the table ---------------------------------------------------------------===//

void BlockManager::setEntry(int32_t sequence, uint32_t index, int32_t page) {
  size_t entry = size_t(sequence) * options.maxPages + index;
  change.begin = std::min(change.begin, entry);
  change.end = std::max(change.end, entry + 1);
  change.isListed = change.isListed && change.entries.size() < kMostListed;
  if (change.isListed)
    change.entries.push_back(entry);
  table[entry] = page;
}

std::optional<int32_t> BlockManager::freeRow() const {
  auto row = std::ranges::find(sequences, false, &Sequence::isAlive);
  return row == sequences.end() ? std::nullopt : std::optional(int32_t(row - sequences.begin()));
}

uint32_t BlockManager::freeRows() const { return uint32_t(std::ranges::count(sequences, false, &Sequence::isAlive)); }

std::optional<int32_t> BlockManager::addSequence(uint64_t salt, bool isPrivate) {
  std::optional<int32_t> row = freeRow();
  if (row)
    sequences[size_t(*row)] = {true, isPrivate, salt, 0, {}, {}};
  return row;
}

std::optional<int32_t> BlockManager::fork(int32_t id) {
  std::optional<int32_t> row = freeRow();
  if (!row)
    return row;
  Sequence &copy = sequences[size_t(*row)];
  copy = sequences[size_t(id)];
  copy.length = uint32_t(copy.tokens.size());
  // Pages that were reserved ahead are the other's alone.
  copy.pages.resize(pagesFor(copy.length));
  for (uint32_t i = 0; i < copy.pages.size(); ++i) {
    addUser(copy.pages[i]);
    setEntry(*row, i, copy.pages[i]);
  }
  return row;
}

bool BlockManager::isAlive(int32_t sequence) const {
  return sequence >= 0 && size_t(sequence) < sequences.size() && sequences[size_t(sequence)].isAlive;
}

void BlockManager::dropPages(int32_t id, uint32_t left) {
  // The last one first, so that a page is kept longer than those behind it.
  std::vector<int32_t> &list = sequences[size_t(id)].pages;
  while (list.size() > left) {
    int32_t page = list.back();
    list.pop_back();
    setEntry(id, uint32_t(list.size()), 0);
    dropUser(page);
  }
}

void BlockManager::removeSequence(int32_t id) {
  truncate(id, 0);
  sequences[size_t(id)].isAlive = false;
}

void BlockManager::discardSequence(int32_t id) {
  const std::vector<int32_t> &list = sequences[size_t(id)].pages;
  for (size_t i = list.size(); i-- > 0;)
    if (const Page &page = at(list[i]); page.isRegistered && page.users == 1 && page.behind == 0)
      unregister(list[i]);
  removeSequence(id);
}

void BlockManager::truncate(int32_t id, uint32_t length) {
  Sequence &sequence = sequences[size_t(id)];
  sequence.length = std::min(sequence.length, length);
  sequence.tokens.resize(std::min<size_t>(sequence.tokens.size(), sequence.length));
  dropPages(id, uint32_t(pagesFor(sequence.length)));
}

//===--- Pages that nobody has -----------------------------------------------------------===//

void BlockManager::keep(int32_t id) {
  Page &page = at(id);
  page.previous = lastKept;
  page.next = kNone;
  (lastKept == kNone ? firstKept : at(lastKept).next) = id;
  lastKept = id;
  ++numKept;
}

void BlockManager::unkeep(int32_t id) {
  Page &page = at(id);
  (page.previous == kNone ? firstKept : at(page.previous).next) = page.next;
  (page.next == kNone ? lastKept : at(page.next).previous) = page.previous;
  --numKept;
}

void BlockManager::addUser(int32_t id) {
  if (at(id).users++ == 0)
    unkeep(id);
}

void BlockManager::dropUser(int32_t id) {
  if (--at(id).users > 0)
    return;
  if (at(id).isRegistered)
    keep(id);
  else
    recycled.push_back(id);
}

/// Makes the page that was used longest ago a free one.
void BlockManager::evictFirst() {
  int32_t page = firstKept;
  if (options.onEvict)
    options.onEvict(factsOf(page));
  unkeep(page);
  unregister(page);
  recycled.push_back(page);
  ++events.evictions;
}

int32_t BlockManager::takePage(uint64_t &mayTouch) {
  int32_t page = kNone;
  if (recycled.empty() && mayTouch > 0) {
    --mayTouch;
    page = int32_t(touched++);
  } else {
    if (recycled.empty())
      evictFirst();
    page = recycled.back();
    recycled.pop_back();
  }
  at(page).users = 1;
  return page;
}

uint64_t BlockManager::freePages() const { return recycled.size() + options.pages - touched; }
uint64_t BlockManager::availablePages() const { return freePages() + numKept; }

//===--- Pages that are found by their tokens --------------------------------------------===//

/// What the hash of a text begins with.
static Hash128 startOf(uint64_t salt) {
  Hash128 start = {};
  memcpy(start.data(), &salt, sizeof(salt));
  return start;
}

Hash128 BlockManager::hashBehind(int32_t before, uint64_t salt, std::span<const int32_t> tokens) const {
  return options.hash(before != kNone ? at(before).hash : startOf(salt), tokens);
}

PageFacts BlockManager::factsOf(int32_t id) const {
  const Page &page = at(id);
  return {id, page.hash, page.before != kNone ? at(page.before).hash : startOf(page.salt), page.salt, page.tokens};
}

std::vector<PageFacts> BlockManager::nextPages(int32_t id, std::span<const int32_t> tokens) const {
  const Sequence &sequence = sequences[size_t(id)];
  uint32_t count = sequence.length / options.pageTokens;
  Hash128 before = count ? at(sequence.pages[count - 1]).hash : startOf(sequence.salt);
  std::vector<PageFacts> next;
  for (; tokens.size() >= options.pageTokens; tokens = tokens.subspan(options.pageTokens)) {
    std::span<const int32_t> part = tokens.first(options.pageTokens);
    next.push_back({kNone, options.hash(before, part), before, sequence.salt, part});
    before = next.back().hash;
  }
  return next;
}

void BlockManager::forEachRegistered(const std::function<void(const PageFacts &)> &visit) const {
  std::vector<int32_t> chain;
  std::vector<bool> isSeen(pages.size());
  for (const auto &entry : registered) {
    for (int32_t page = entry.second; page != kNone && !isSeen[size_t(page)]; page = at(page).before) {
      isSeen[size_t(page)] = true;
      chain.push_back(page);
    }
    for (; !chain.empty(); chain.pop_back())
      visit(factsOf(chain.back()));
  }
}

/// The registered page with these tokens behind page `before`, or kNone. Page `before` stands for all that is in front
/// of it: it does not lose its place while there is one behind it.
int32_t BlockManager::findPage(int32_t before, uint64_t salt, std::span<const int32_t> tokens,
                               const Hash128 &hash) const {
  auto [begin, end] = registered.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Page &page = at(it->second);
    if (page.before == before && page.salt == salt && std::ranges::equal(page.tokens, tokens))
      return it->second;
  }
  return kNone;
}

/// Calls visit(page) for the registered pages that the tokens begin with. At least one token is left over. Returns the
/// number of positions.
template <typename Visit>
uint32_t BlockManager::walkPrefix(std::span<const int32_t> tokens, uint64_t salt, Visit visit) const {
  uint32_t length = 0, size = options.pageTokens;
  for (int32_t before = kNone; tokens.size() > length + size; length += size) {
    std::span<const int32_t> part = tokens.subspan(length, size);
    before = findPage(before, salt, part, hashBehind(before, salt, part));
    if (before == kNone)
      break;
    visit(before);
  }
  return length;
}

uint32_t BlockManager::findPrefix(std::span<const int32_t> tokens, uint64_t salt, uint64_t *kept) const {
  uint64_t unused = 0;
  uint32_t length =
      options.keepPrefixes ? walkPrefix(tokens, salt, [&](int32_t page) { unused += at(page).users == 0; }) : 0;
  if (kept)
    *kept = unused;
  return length;
}

uint32_t BlockManager::adoptPrefix(int32_t id, std::span<const int32_t> tokens) {
  Sequence &sequence = sequences[size_t(id)];
  if (sequence.length > 0)
    fail("sequence ", id, ": has ", sequence.length, " tokens; only an empty one can begin with pages of others");
  if (!options.keepPrefixes || sequence.isPrivate || tokens.empty())
    return 0;
  dropPages(id, 0);
  sequence.length = walkPrefix(tokens, sequence.salt, [&](int32_t page) {
    addUser(page);
    setEntry(id, uint32_t(sequence.pages.size()), page);
    sequence.pages.push_back(page);
  });
  sequence.tokens.assign(tokens.begin(), tokens.begin() + sequence.length);
  events.hits += sequence.pages.size();
  events.misses += (tokens.size() - 1) / options.pageTokens - sequence.pages.size();
  return sequence.length;
}

/// Page `index` of the sequence has become full.
void BlockManager::registerPage(int32_t id, uint32_t index) {
  Sequence &sequence = sequences[size_t(id)];
  int32_t before = index ? sequence.pages[index - 1] : kNone;
  std::span<const int32_t> tokens = std::span(sequence.tokens).subspan(index * options.pageTokens, options.pageTokens);
  Hash128 hash = hashBehind(before, sequence.salt, tokens);
  int32_t number = sequence.pages[index];
  if (int32_t same = findPage(before, sequence.salt, tokens, hash); same != kNone) {
    // Somebody else has computed the same at the same time. One page is enough.
    addUser(same);
    sequence.pages[index] = same;
    setEntry(id, index, same);
    dropUser(number);
    return;
  }
  Page &page = at(number);
  page.isRegistered = true;
  page.before = before;
  page.behind = 0;
  page.salt = sequence.salt;
  page.hash = hash;
  page.tokens.assign(tokens.begin(), tokens.end());
  if (before != kNone)
    ++at(before).behind;
  registered.emplace(hash, number);
}

void BlockManager::unregister(int32_t id) {
  Page &page = at(id);
  auto [begin, end] = registered.equal_range(page.hash);
  registered.erase(std::find_if(begin, end, [&](const auto &entry) { return entry.second == id; }));
  if (page.before != kNone)
    --at(page.before).behind;
  page.isRegistered = false;
  page.tokens.clear();
}

//===--- Growth --------------------------------------------------------------------------===//

/// Whether the sequence has the pages for its new positions, and may write to all of them.
bool BlockManager::hasPagesFor(const Growth &growth) const {
  const Sequence &sequence = sequences[size_t(growth.sequence)];
  if (uint64_t(sequence.length) + growth.tokens > uint64_t(options.pageTokens) * sequence.pages.size())
    return false;
  int32_t last = pageToWrite(growth);
  return last == kNone || (at(last).users == 1 && !at(last).isRegistered);
}

std::optional<BlockManager::Shortage> BlockManager::reserve(std::span<const Growth> growth) {
  // The usual case: a page has room for many steps.
  if (std::ranges::all_of(growth, [&](const Growth &part) { return hasPagesFor(part); }))
    return std::nullopt;
  uint64_t needed = 0;
  // Users that pages lose by the copies that others get.
  std::map<int32_t, uint32_t> lost;
  for (const Growth &part : growth) {
    const Sequence &sequence = sequences[size_t(part.sequence)];
    uint64_t count = pagesFor(uint64_t(sequence.length) + part.tokens);
    needed += count > sequence.pages.size() ? count - sequence.pages.size() : 0;
    int32_t last = pageToWrite(part);
    // A page of one sequence is the usual case, and needs no account.
    if (last != kNone && at(last).users > 1 && at(last).users - lost[last] > 1) {
      ++lost[last];
      ++needed;
    }
  }
  uint64_t unused = options.pages - touched, available = recycled.size() + numKept;
  uint64_t wanted = needed > recycled.size() ? std::min(needed - recycled.size(), unused) : 0;
  uint64_t mayTouch = wanted > 0 && options.mayTouch ? options.mayTouch(touched, wanted) : wanted;
  if (needed > available + mayTouch)
    return Shortage{needed, available + mayTouch, mayTouch < wanted};
  for (const Growth &part : growth) {
    Sequence &sequence = sequences[size_t(part.sequence)];
    if (int32_t last = pageToWrite(part); last != kNone && at(last).users > 1)
      replaceByCopy(part.sequence, mayTouch);
    uint64_t count = pagesFor(uint64_t(sequence.length) + part.tokens);
    while (sequence.pages.size() < count) {
      int32_t page = takePage(mayTouch);
      setEntry(part.sequence, uint32_t(sequence.pages.size()), page);
      sequence.pages.push_back(page);
    }
  }
  // Sequences that were truncated within a page that can be found. Others may want it as it is, so the sequence gets a
  // copy if there is room for both. If not, nothing is kept, so no page is behind this one.
  for (const Growth &part : growth) {
    int32_t last = pageToWrite(part);
    if (last == kNone || !at(last).isRegistered)
      continue;
    if (!recycled.empty() || mayTouch > 0 || numKept > 0) {
      replaceByCopy(part.sequence, mayTouch);
    } else {
      unregister(last);
      ++events.evictions;
    }
  }
  return std::nullopt;
}

/// The page that has positions already and gets new ones, or kNone.
int32_t BlockManager::pageToWrite(const Growth &growth) const {
  const Sequence &sequence = sequences[size_t(growth.sequence)];
  bool isBegun = growth.tokens > 0 && sequence.length % options.pageTokens != 0;
  return isBegun ? sequence.pages[sequence.length / options.pageTokens] : kNone;
}

/// The sequence will write into its unfinished page, and gets one of its own with the same content.
void BlockManager::replaceByCopy(int32_t id, uint64_t &mayTouch) {
  Sequence &sequence = sequences[size_t(id)];
  uint32_t index = sequence.length / options.pageTokens;
  int32_t page = sequence.pages[index], copy = takePage(mayTouch);
  pendingCopies.push_back({page, copy});
  ++events.copies;
  sequence.pages[index] = copy;
  setEntry(id, index, copy);
  dropUser(page);
}

void BlockManager::advance(int32_t id, std::span<const int32_t> tokens) {
  extend(id, uint32_t(tokens.size()));
  confirm(id, tokens);
}

void BlockManager::extend(int32_t id, uint32_t tokens) { sequences[size_t(id)].length += tokens; }

void BlockManager::confirm(int32_t id, std::span<const int32_t> tokens) {
  Sequence &sequence = sequences[size_t(id)];
  if (sequence.tokens.size() + tokens.size() > sequence.length)
    fail("sequence ", id, ": ", tokens.size(), " tokens for ", sequence.length - sequence.tokens.size(),
         " positions whose tokens are not known");
  uint32_t full = knownLength(id) / options.pageTokens;
  // A step has one for most sequences.
  if (tokens.size() == 1)
    sequence.tokens.push_back(tokens.front());
  else
    sequence.tokens.insert(sequence.tokens.end(), tokens.begin(), tokens.end());
  if (options.keepPrefixes && !sequence.isPrivate)
    for (; full < knownLength(id) / options.pageTokens; ++full)
      registerPage(id, full);
}

//===--- Pins ----------------------------------------------------------------------------===//

bool BlockManager::pin(int32_t id, uint32_t length, uint64_t leave) {
  const Sequence &sequence = sequences[size_t(id)];
  uint32_t count = std::min(length, knownLength(id)) / options.pageTokens;
  std::vector<int32_t> added;
  for (int32_t page : std::span(sequence.pages).first(count)) {
    if (!at(page).isRegistered)
      return false;
    if (std::ranges::find(pinned, page) == pinned.end())
      added.push_back(page);
  }
  if (pinned.size() + added.size() + leave > options.pages)
    return false;
  for (int32_t page : added)
    addUser(page);
  pinned.insert(pinned.end(), added.begin(), added.end());
  return true;
}

void BlockManager::unpinAll() {
  while (!pinned.empty()) {
    dropUser(pinned.back());
    pinned.pop_back();
  }
}

//===--- What the owner of the memory asks for -------------------------------------------===//

std::vector<BlockManager::Copy> BlockManager::takeCopies() { return std::exchange(pendingCopies, {}); }

BlockManager::Change BlockManager::takeChange() { return std::exchange(change, {table.size(), 0, true, {}}); }

BlockCounts BlockManager::counts() const {
  BlockCounts counts = events;
  counts.pages = options.pages;
  counts.used = touched - recycled.size() - numKept;
  counts.kept = numKept;
  counts.pinned = pinned.size();
  return counts;
}

//===--- For tests -----------------------------------------------------------------------===//

void BlockManager::checkAccounts() const {
  std::vector<uint32_t> users(pages.size());
  std::vector<uint32_t> behind(pages.size());
  auto require = [](bool holds, const char *what, int64_t where) {
    if (!holds)
      fail("the accounts of the cache are wrong: ", what, " (", where, ")");
  };
  for (size_t s = 0; s < sequences.size(); ++s) {
    const Sequence &sequence = sequences[s];
    require(sequence.isAlive || sequence.pages.empty(), "pages of a sequence that is gone", int64_t(s));
    require(sequence.tokens.size() <= sequence.length, "tokens of sequence", int64_t(s));
    require(sequence.pages.size() >= pagesFor(sequence.length), "a sequence lacks pages", int64_t(s));
    for (size_t i = 0; i < options.maxPages; ++i)
      require(table[s * options.maxPages + i] == (i < sequence.pages.size() ? sequence.pages[i] : 0),
              "a row of the table", int64_t(s));
    for (size_t i = 0; i < sequence.pages.size(); ++i) {
      const Page &page = at(sequence.pages[i]);
      ++users[size_t(sequence.pages[i])];
      bool isFull = (i + 1) * options.pageTokens <= sequence.tokens.size();
      if (isFull && options.keepPrefixes && !sequence.isPrivate)
        require(page.isRegistered && page.before == (i ? sequence.pages[i - 1] : kNone), "a full page", int64_t(i));
      if (isFull && page.isRegistered)
        require(std::ranges::equal(page.tokens,
                                   std::span(sequence.tokens).subspan(i * options.pageTokens, options.pageTokens)),
                "tokens of a page", int64_t(i));
    }
  }
  for (int32_t page : pinned)
    ++users[size_t(page)];
  std::vector<bool> isFree(pages.size());
  for (int32_t page : recycled) {
    require(!isFree[size_t(page)] && uint64_t(page) < touched, "a page is free twice", page);
    isFree[size_t(page)] = true;
  }
  uint64_t numRegistered = 0, numListed = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    const Page &page = pages[i];
    require(page.users == users[i], "users of a page", int64_t(i));
    require(!page.isRegistered || page.before == kNone || at(page.before).isRegistered, "the page before", int64_t(i));
    numRegistered += page.isRegistered;
    if (page.isRegistered && page.before != kNone)
      ++behind[size_t(page.before)];
    require(isFree[i] == (i < touched && page.users == 0 && !page.isRegistered), "a page is lost", int64_t(i));
  }
  std::vector<bool> isGone(pages.size());
  for (int32_t page = firstKept; page != kNone; page = at(page).next, ++numListed) {
    require(at(page).users == 0 && at(page).isRegistered, "a kept page", page);
    isGone[size_t(page)] = true;
    require(at(page).before == kNone || !isGone[size_t(at(page).before)], "the order of kept pages", page);
  }
  require(numListed == numKept, "the number of kept pages", int64_t(numListed));
  require(numRegistered == registered.size(), "the number of registered pages", int64_t(numRegistered));
  for (size_t i = 0; i < pages.size(); ++i)
    require(!pages[i].isRegistered || pages[i].behind == behind[i], "pages behind a page", int64_t(i));
}

} // namespace quipu
