//===- BlockManagerTest.cpp: pages with users, found by their tokens ----------------------===//

#include "runtime/core/BlockManager.h"
#include "test/runtime/ToyPages.h"
#include "test/runtime/ToyPlan.h"

#include <map>
#include <random>
#include <set>

using namespace quipu;
using namespace quipu::test;

namespace {

using Tokens = std::vector<int32_t>;

/// `count` tokens from `first` on.
Tokens from(int32_t first, size_t count) {
  Tokens tokens;
  for (size_t i = 0; i < count; ++i)
    tokens.push_back(first + int32_t(i));
  return tokens;
}

Hash128 sameHash(const Hash128 &, std::span<const int32_t>) { return {}; }

/// Sequences with their texts, which are what their pages must hold.
class Pages : public ToyPages {
public:
  using ToyPages::ToyPages;

  int32_t add(uint64_t salt = 0, bool isPrivate = false) {
    int32_t id = manager.addSequence(salt, isPrivate).value();
    texts[id] = {salt, {}};
    return id;
  }
  int32_t fork(int32_t id) {
    int32_t copy = manager.fork(id).value();
    texts[copy] = texts[id];
    return copy;
  }
  void remove(int32_t id) {
    manager.removeSequence(id);
    texts.erase(id);
  }
  void truncate(int32_t id, uint32_t length) {
    manager.truncate(id, length);
    texts[id].tokens.resize(std::min<size_t>(length, texts[id].tokens.size()));
  }
  uint32_t adopt(int32_t id, const Tokens &tokens) {
    uint32_t length = manager.adoptPrefix(id, tokens);
    texts[id].tokens.assign(tokens.begin(), tokens.begin() + length);
    return length;
  }

  /// A step: each sequence gets its tokens. False: there was no room.
  bool run(const std::vector<std::pair<int32_t, Tokens>> &batch) {
    std::vector<BlockManager::Growth> growth;
    for (const auto &[id, tokens] : batch)
      growth.push_back({id, uint32_t(tokens.size())});
    if (manager.reserve(growth))
      return false;
    copyPages();
    for (const auto &[id, tokens] : batch) {
      Text &text = texts[id];
      text.tokens.insert(text.tokens.end(), tokens.begin(), tokens.end());
      write(id, text.tokens, text.salt, tokens.size());
      manager.advance(id, tokens);
    }
    return true;
  }
  bool run(int32_t id, const Tokens &tokens) { return run({{id, tokens}}); }

  /// All sequences have in their pages what they should.
  void expectRight() {
    manager.checkAccounts();
    for (const auto &[id, text] : texts) {
      ASSERT_EQ(manager.length(id), text.tokens.size());
      expectHolds(id, text.tokens, text.salt);
    }
  }

  struct Text {
    uint64_t salt;
    Tokens tokens;
  };
  std::map<int32_t, Text> texts;
};

} // namespace

// Test: a later sequence finds the whole pages of an earlier one, but never its own last token, and nothing behind the
// first difference.
TEST(BlockManager, FindsPrefixes) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  Tokens text = from(100, 14);
  ASSERT_TRUE(pages.run(a, text));
  EXPECT_EQ(pages.manager.findPrefix(text), 12u);
  EXPECT_EQ(pages.manager.findPrefix(from(100, 13)), 12u);
  EXPECT_EQ(pages.manager.findPrefix(from(100, 12)), 8u);
  EXPECT_EQ(pages.manager.findPrefix(from(100, 4)), 0u);
  EXPECT_EQ(pages.manager.findPrefix(Tokens{}), 0u);
  EXPECT_EQ(pages.manager.findPrefix(from(101, 12)), 0u);
  Tokens other = text;
  other[5] = 7;
  EXPECT_EQ(pages.manager.findPrefix(other), 4u);
  int32_t b = pages.add();
  EXPECT_EQ(pages.adopt(b, other), 4u);
  ASSERT_TRUE(pages.run(b, Tokens(other.begin() + 4, other.end())));
  pages.expectRight();
  BlockCounts counts = pages.manager.counts();
  EXPECT_EQ(counts.hits, 1u);
  EXPECT_EQ(counts.misses, 2u);
  // 4 pages and 3 others.
  EXPECT_EQ(counts.used, 7u);
  EXPECT_EQ(counts.kept, 0u);
  pages.remove(a);
  pages.remove(b);
  // Unfinished pages cannot be found.
  counts = pages.manager.counts();
  EXPECT_EQ(counts.used, 0u);
  EXPECT_EQ(counts.kept, 5u);
  EXPECT_EQ(pages.manager.findPrefix(text), 12u);
  EXPECT_EQ(pages.manager.findPrefix(other), 12u);
  pages.expectRight();
}

// Test: the same page of tokens in another place, or behind other tokens, is another page.
TEST(BlockManager, PlaceCounts) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  Tokens text(12, 3);
  ASSERT_TRUE(pages.run(a, text));
  EXPECT_EQ(pages.manager.counts().used, 3u);
  int32_t b = pages.add();
  Tokens shifted = {1, 1, 1, 1};
  shifted.insert(shifted.end(), 8, 3);
  EXPECT_EQ(pages.adopt(b, shifted), 0u);
  ASSERT_TRUE(pages.run(b, shifted));
  EXPECT_EQ(pages.manager.counts().used, 6u);
  pages.expectRight();
}

// Test: neither another salt nor a private sequence shares anything.
TEST(BlockManager, SaltsAreApart) {
  Pages pages(Pages::small(32, 6));
  Tokens text = from(0, 9);
  int32_t a = pages.add(1), b = pages.add(2), c = pages.add(0, true);
  for (int32_t id : {a, b, c}) {
    EXPECT_EQ(pages.adopt(id, text), 0u);
    ASSERT_TRUE(pages.run(id, text));
  }
  EXPECT_EQ(pages.manager.counts().used, 9u);
  EXPECT_EQ(pages.manager.findPrefix(text, 1), 8u);
  EXPECT_EQ(pages.manager.findPrefix(text, 2), 8u);
  EXPECT_EQ(pages.manager.findPrefix(text, 0), 0u);
  pages.remove(c);
  EXPECT_EQ(pages.manager.counts().kept, 0u);
  int32_t d = pages.add(2);
  EXPECT_EQ(pages.adopt(d, text), 8u);
  pages.expectRight();
}

// Test: two sequences that compute the same text at the same time have one set of pages afterwards.
TEST(BlockManager, SameTextAtTheSameTime) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add(), b = pages.add();
  ASSERT_TRUE(pages.run({{a, from(0, 10)}, {b, from(0, 10)}}));
  EXPECT_EQ(pages.manager.counts().used, 4u);
  pages.expectRight();
  ASSERT_TRUE(pages.run({{a, from(10, 2)}, {b, from(20, 2)}}));
  pages.expectRight();
  EXPECT_EQ(pages.manager.counts().used, 4u);
}

// Test: a fork shares all pages; who writes first to the unfinished one gets a copy, and the last writes in place.
TEST(BlockManager, ForksCopyOnWrite) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 6)));
  int32_t b = pages.fork(a), c = pages.fork(a);
  EXPECT_EQ(pages.manager.counts().used, 2u);
  // All three in one step need two copies.
  ASSERT_TRUE(pages.run({{a, {50}}, {b, {60}}, {c, {70}}}));
  EXPECT_EQ(pages.manager.counts().copies, 2u);
  EXPECT_EQ(pages.manager.counts().used, 4u);
  pages.expectRight();
  // At the end of a page nothing is copied.
  Pages whole(Pages::small(16));
  a = whole.add();
  ASSERT_TRUE(whole.run(a, from(0, 8)));
  b = whole.fork(a);
  ASSERT_TRUE(whole.run({{a, {1}}, {b, {2}}}));
  EXPECT_EQ(whole.manager.counts().copies, 0u);
  whole.expectRight();
}

// Test: a fork has no part in pages that the other reserved ahead, and its own truncation takes nothing from it.
TEST(BlockManager, ForksOfReservedPages) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 3)));
  BlockManager::Growth ahead = {a, 10};
  EXPECT_FALSE(pages.manager.reserve({&ahead, 1}));
  EXPECT_EQ(pages.manager.counts().used, 4u);
  int32_t b = pages.fork(a);
  pages.remove(b);
  EXPECT_EQ(pages.manager.counts().used, 4u);
  pages.manager.truncate(a, 3);
  EXPECT_EQ(pages.manager.counts().used, 1u);
  pages.expectRight();
}

// Test: a sequence that is truncated within a page that others have, or may want, does not change it; where there is no
// room for both, it takes the page and nobody finds it any more.
TEST(BlockManager, TruncatedWithinAPage) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  Tokens text = from(0, 13);
  ASSERT_TRUE(pages.run(a, text));
  int32_t b = pages.add();
  ASSERT_EQ(pages.adopt(b, text), 12u);
  pages.truncate(b, 6);
  ASSERT_TRUE(pages.run(b, {90, 91, 92}));
  pages.expectRight();
  EXPECT_EQ(pages.manager.counts().copies, 1u);
  pages.truncate(a, 5);
  ASSERT_TRUE(pages.run(a, {80}));
  pages.expectRight();
  EXPECT_EQ(pages.manager.findPrefix(text), 12u);

  Pages tight(Pages::small(2, 1));
  a = tight.add();
  ASSERT_TRUE(tight.run(a, from(0, 8)));
  tight.truncate(a, 7);
  ASSERT_TRUE(tight.run(a, {70}));
  EXPECT_EQ(tight.manager.counts().copies, 0u);
  EXPECT_EQ(tight.manager.findPrefix(from(0, 9)), 4u);
  EXPECT_EQ(tight.manager.findPrefix(Tokens{0, 1, 2, 3, 4, 5, 6, 70, 1}), 8u);
  tight.expectRight();
}

// Test: what was used longest ago goes first; of one text its end goes first; what a sequence has stays.
TEST(BlockManager, EvictsLeastRecentlyUsed) {
  Pages pages(Pages::small(8));
  for (int32_t first : {0, 100, 200}) {
    int32_t id = pages.add();
    ASSERT_TRUE(pages.run(id, from(first, 8)));
    pages.remove(id);
  }
  EXPECT_EQ(pages.manager.counts().kept, 6u);
  // Uses the first text again.
  int32_t again = pages.add();
  EXPECT_EQ(pages.adopt(again, from(0, 9)), 8u);
  pages.remove(again);
  int32_t id = pages.add();
  ASSERT_TRUE(pages.run(id, from(300, 12)));
  EXPECT_EQ(pages.manager.counts().evictions, 1u);
  EXPECT_EQ(pages.manager.findPrefix(from(100, 9)), 4u);
  ASSERT_TRUE(pages.run(id, from(312, 4)));
  EXPECT_EQ(pages.manager.findPrefix(from(100, 9)), 0u);
  EXPECT_EQ(pages.manager.findPrefix(from(200, 9)), 8u);
  ASSERT_TRUE(pages.run(id, from(316, 8)));
  EXPECT_EQ(pages.manager.findPrefix(from(200, 9)), 0u);
  EXPECT_EQ(pages.manager.findPrefix(from(0, 9)), 8u);
  ASSERT_TRUE(pages.run(id, from(324, 8)));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 9)), 0u);
  EXPECT_FALSE(pages.run(pages.add(), {1}));
  pages.expectRight();
}

// Test: pinned pages outlive everything, and a pin that leaves too little is refused.
TEST(BlockManager, Pins) {
  Pages pages(Pages::small(6));
  int32_t a = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 11)));
  EXPECT_FALSE(pages.manager.pin(a, 11, 5));
  EXPECT_EQ(pages.manager.counts().pinned, 0u);
  EXPECT_TRUE(pages.manager.pin(a, 11, 4));
  EXPECT_TRUE(pages.manager.pin(a, 11, 4));
  EXPECT_EQ(pages.manager.counts().pinned, 2u);
  pages.remove(a);
  EXPECT_EQ(pages.manager.counts().used, 2u);
  int32_t b = pages.add();
  ASSERT_TRUE(pages.run(b, from(100, 16)));
  EXPECT_FALSE(pages.run(b, {1}));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 11)), 8u);
  // A sequence that is truncated within a pinned page gets a copy.
  pages.remove(b);
  int32_t c = pages.add();
  ASSERT_EQ(pages.adopt(c, from(0, 11)), 8u);
  pages.truncate(c, 7);
  ASSERT_TRUE(pages.run(c, {99}));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 11)), 8u);
  pages.expectRight();
  pages.remove(c);
  pages.manager.unpinAll();
  EXPECT_EQ(pages.manager.counts().used, 0u);
  EXPECT_EQ(pages.manager.counts().pinned, 0u);
  pages.expectRight();
  ASSERT_TRUE(pages.run(pages.add(), from(200, 24)));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 11)), 0u);
  // Of a private sequence nothing can be pinned.
  Pages others(Pages::small(6));
  a = others.add(0, true);
  ASSERT_TRUE(others.run(a, from(0, 8)));
  EXPECT_FALSE(others.manager.pin(a, 8, 0));
}

// Test: what a sequence leaves behind that failed is not found, but what others also have stays.
TEST(BlockManager, Discarded) {
  Pages pages(Pages::small(16));
  int32_t a = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 8)));
  int32_t b = pages.add();
  ASSERT_EQ(pages.adopt(b, from(0, 12)), 8u);
  ASSERT_TRUE(pages.run(b, from(8, 8)));
  pages.manager.discardSequence(b);
  pages.texts.erase(b);
  EXPECT_EQ(pages.manager.findPrefix(from(0, 16)), 8u);
  EXPECT_EQ(pages.manager.counts().kept, 0u);
  pages.expectRight();
}

// Test: without keepPrefixes pages come back at once, low numbers first, and nothing is found.
TEST(BlockManager, KeepsNothing) {
  BlockManagerOptions options = Pages::small(16);
  options.keepPrefixes = false;
  Pages pages(options);
  int32_t a = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 12)));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 12)), 0u);
  pages.remove(a);
  EXPECT_EQ(pages.manager.freePages(), 16u);
  for (int round = 0; round < 5; ++round) {
    a = pages.add();
    EXPECT_EQ(pages.adopt(a, from(0, 12)), 0u);
    ASSERT_TRUE(pages.run(a, from(0, 12)));
    for (int i = 0; i < 3; ++i)
      EXPECT_LT(pages.table[size_t(i)], 3);
    pages.remove(a);
  }
  pages.expectRight();
}

// Test: a shortage changes nothing and says what is missing; pages for which the system has no memory are not used, and
// kept ones take their place.
TEST(BlockManager, Shortage) {
  Pages pages(Pages::small(4));
  int32_t a = pages.add(), b = pages.add();
  ASSERT_TRUE(pages.run(a, from(0, 9)));
  std::vector<BlockManager::Growth> both = {{a, 3}, {b, 5}};
  std::optional<BlockManager::Shortage> shortage = pages.manager.reserve(both);
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->needed, 2u);
  EXPECT_EQ(shortage->available, 1u);
  EXPECT_FALSE(shortage->lacksMemory);
  pages.expectRight();

  uint64_t limit = 3;
  BlockManagerOptions options = Pages::small(8);
  options.mayTouch = [&](uint64_t first, uint64_t count) { return std::min(count, limit - std::min(limit, first)); };
  Pages scarce(options);
  a = scarce.add();
  ASSERT_TRUE(scarce.run(a, from(0, 12)));
  BlockManager::Growth more = {a, 4};
  shortage = scarce.manager.reserve({&more, 1});
  ASSERT_TRUE(shortage);
  EXPECT_TRUE(shortage->lacksMemory);
  EXPECT_EQ(shortage->available, 0u);
  EXPECT_EQ(scarce.manager.availablePages(), 5u);
  scarce.remove(a);
  b = scarce.add();
  ASSERT_TRUE(scarce.run(b, from(50, 8)));
  EXPECT_EQ(scarce.manager.counts().evictions, 2u);
  scarce.expectRight();
  limit = 8;
  ASSERT_TRUE(scarce.run(b, from(58, 12)));
  EXPECT_EQ(scarce.manager.counts().evictions, 2u);
}

// Test: rows and refusals.
TEST(BlockManager, Rows) {
  Pages pages(Pages::small(16, 2));
  int32_t a = pages.add();
  EXPECT_EQ(pages.manager.freeRows(), 1u);
  (void)pages.add();
  EXPECT_FALSE(pages.manager.addSequence());
  EXPECT_FALSE(pages.manager.fork(a));
  EXPECT_FALSE(pages.manager.isAlive(2));
  EXPECT_FALSE(pages.manager.isAlive(-1));
  ASSERT_TRUE(pages.run(a, {1}));
  EXPECT_NE(errorOf([&] { pages.manager.adoptPrefix(a, from(0, 8)); }).find("only an empty one"), std::string::npos);
}

// Test: texts with equal hashes do not get each other's pages.
TEST(BlockManager, Collisions) {
  BlockManagerOptions options = Pages::small(32);
  options.hash = sameHash;
  Pages pages(options);
  int32_t a = pages.add(1), b = pages.add(2);
  ASSERT_TRUE(pages.run({{a, from(0, 12)}, {b, from(100, 12)}}));
  EXPECT_EQ(pages.manager.findPrefix(from(0, 13), 1), 12u);
  EXPECT_EQ(pages.manager.findPrefix(from(100, 13), 2), 12u);
  EXPECT_EQ(pages.manager.findPrefix(from(0, 13), 2), 0u);
  EXPECT_EQ(pages.manager.findPrefix(from(4, 13), 1), 0u);
  pages.expectRight();
}

namespace {

struct RandomCase {
  const char *name;
  uint64_t pages;
  Hash128 (*hash)(const Hash128 &, std::span<const int32_t>);
  uint32_t seed;
};

class BlockManagerRandom : public testing::TestWithParam<RandomCase> {};

} // namespace

INSTANTIATE_TEST_SUITE_P(Cases, BlockManagerRandom,
                         testing::Values(RandomCase{"Plenty", 400, hashPage, 1}, RandomCase{"Few", 20, hashPage, 2},
                                         RandomCase{"VeryFew", 9, hashPage, 3},
                                         RandomCase{"Collisions", 20, sameHash, 4},
                                         RandomCase{"PlentyOfCollisions", 100, sameHash, 5}),
                         [](const auto &info) { return std::string(info.param.name); });

// Test: after every one of thousands of random operations each sequence finds in its pages what belongs to its own
// tokens, the accounts agree, and, as long as nothing had to go, every text that was computed is found.
TEST_P(BlockManagerRandom, AgreesWithASimpleModel) {
  const RandomCase &parameters = GetParam();
  BlockManagerOptions options = Pages::small(parameters.pages, 6);
  constexpr uint32_t kPage = Pages::kPage;
  options.hash = parameters.hash;
  Pages pages(options);
  std::mt19937 random(parameters.seed);
  auto below = [&](size_t bound) { return size_t(random() % bound); };
  // Whole pages of texts that were computed, by salt.
  std::set<std::pair<uint64_t, Tokens>> known;
  std::set<int32_t> hidden;
  auto note = [&](int32_t id) {
    const Pages::Text &text = pages.texts[id];
    for (size_t end = kPage; end <= text.tokens.size() && !hidden.contains(id); end += kPage)
      known.insert({text.salt, Tokens(text.tokens.begin(), text.tokens.begin() + ptrdiff_t(end))});
  };
  // Two kinds of tokens, so that texts begin the same again and again.
  auto randomTokens = [&](size_t most) {
    Tokens tokens;
    for (size_t count = 1 + below(most); count > 0; --count)
      tokens.push_back(below(8) == 0);
    return tokens;
  };
  auto longestKnown = [&](const Tokens &tokens, uint64_t salt) {
    uint32_t length = 0;
    while (tokens.size() > length + kPage &&
           known.contains({salt, Tokens(tokens.begin(), tokens.begin() + length + kPage)}))
      length += kPage;
    return length;
  };
  const uint64_t kMost = options.maxPages * kPage;
  size_t ran = 0, refused = 0, forks = 0, adopted = 0;
  for (int step = 0; step < 6000; ++step) {
    std::vector<int32_t> ids;
    for (const auto &each : pages.texts)
      ids.push_back(each.first);
    size_t choice = below(16);
    int32_t id = ids.empty() ? -1 : ids[below(ids.size())];
    if (ids.empty() || (choice == 0 && ids.size() < options.maxSequences)) {
      bool isPrivate = below(6) == 0;
      id = pages.add(below(2), isPrivate);
      isPrivate ? (void)hidden.insert(id) : (void)hidden.erase(id);
      Tokens tokens = randomTokens(20);
      uint64_t salt = pages.texts[id].salt;
      uint32_t expected = longestKnown(tokens, salt), found = pages.manager.findPrefix(tokens, salt);
      EXPECT_LE(found, expected);
      if (pages.manager.counts().evictions == 0)
        EXPECT_EQ(found, expected);
      EXPECT_EQ(pages.adopt(id, tokens), isPrivate ? 0 : found);
      adopted += found > 0;
    } else if (choice == 1 && ids.size() < options.maxSequences) {
      int32_t copy = pages.fork(id);
      hidden.contains(id) ? (void)hidden.insert(copy) : (void)hidden.erase(copy);
      ++forks;
    } else if (choice == 2) {
      pages.remove(id);
    } else if (choice == 3) {
      pages.truncate(id, uint32_t(below(pages.texts[id].tokens.size() + 1)));
    } else if (choice == 4 && below(8) == 0) {
      (void)pages.manager.pin(id, uint32_t(below(16)), 8);
    } else if (choice == 5 && below(16) == 0) {
      pages.manager.unpinAll();
    } else {
      std::vector<std::pair<int32_t, Tokens>> batch;
      for (int32_t each : ids)
        if (below(2))
          if (Tokens tokens = randomTokens(5); pages.texts[each].tokens.size() + tokens.size() <= kMost)
            batch.push_back({each, tokens});
      bool hasRun = batch.empty() || pages.run(batch);
      ran += hasRun;
      refused += !hasRun;
      for (const auto &part : batch)
        if (hasRun)
          note(part.first);
    }
    pages.expectRight();
    if (HasFatalFailure())
      FAIL() << "step " << step;
  }
  // The test saw what it is for.
  EXPECT_GT(ran, 500u);
  EXPECT_GT(forks, 50u);
  EXPECT_GT(adopted, 50u);
  BlockCounts counts = pages.manager.counts();
  EXPECT_GT(counts.copies, 20u);
  if (parameters.pages <= 20) {
    EXPECT_GT(refused, 50u);
    EXPECT_GT(counts.evictions, 20u);
  }
}

// Test: tokens that are not known yet have positions and pages, but their pages are found only when they are known; a
// fork has what is known.
TEST(BlockManager, TokensThatAreNotKnownYet) {
  Pages pages(Pages::small(16));
  int32_t id = pages.add();
  Tokens text = from(10, 6);
  ASSERT_TRUE(pages.run({{id, text}}));
  ASSERT_FALSE(pages.manager.reserve(std::vector<BlockManager::Growth>{{id, 3}}));
  pages.manager.extend(id, 3);
  EXPECT_EQ(pages.manager.length(id), 9u);
  EXPECT_EQ(pages.manager.knownLength(id), 6u);
  EXPECT_EQ(pages.manager.numPages(id), 3u);
  Tokens whole = from(10, 10);
  EXPECT_EQ(pages.manager.findPrefix(whole), 4u);
  int32_t copy = pages.manager.fork(id).value();
  EXPECT_EQ(pages.manager.length(copy), 6u);
  EXPECT_EQ(pages.manager.numPages(copy), 2u);
  pages.manager.checkAccounts();
  pages.manager.confirm(id, from(16, 2));
  EXPECT_EQ(pages.manager.findPrefix(whole), 8u);
  EXPECT_NE(errorOf([&] { pages.manager.confirm(id, from(18, 2)); }).find("2 tokens for 1 positions"),
            std::string::npos);
  pages.manager.truncate(id, 7);
  EXPECT_EQ(pages.manager.knownLength(id), 7u);
  pages.manager.removeSequence(copy);
  pages.manager.checkAccounts();
}
