//===- BpeTokenizerTest.cpp - Byte pair encoding, and what it is made of -------------------===//

#include "runtime/abi/ByteAlphabet.h"
#include "runtime/support/Error.h"
#include "runtime/support/Regex.h"
#include "runtime/text/BpeMerger.h"
#include "runtime/text/RankQueue.h"
#include "runtime/text/TextSteps.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/TokenizerTables.h"
#include "runtime/text/UnicodeNormal.h"
#include "runtime/text/WordCache.h"
#include "test/runtime/ToyPlan.h"

#include <ctime>
#include <map>
#include <random>
#include <set>
#include <thread>

using namespace quipu;
using namespace quipu::test;

namespace {

using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

TextStep splitStep(std::string pattern, SplitBehavior behavior, bool isRegex = false, bool invert = false) {
  TextStep step;
  step.kind = TextStep::Kind::split;
  step.pattern = std::move(pattern);
  step.isRegex = isRegex;
  step.behavior = behavior;
  step.invert = invert;
  return step;
}

TextStep stepOf(TextStep::Kind kind, std::string pattern = "", std::string content = "") {
  TextStep step;
  step.kind = kind;
  step.pattern = std::move(pattern);
  step.content = std::move(content);
  return step;
}

Texts partsOf(const std::vector<TextStep> &steps, std::string_view text) {
  Texts parts;
  TextSteps(steps, "t").run(text, true, [&](std::string_view part) { parts.emplace_back(part); });
  return parts;
}

Texts placesOf(const char *pattern, std::string_view text) {
  Regex regex(pattern, "t");
  Regex::Search search(regex, text);
  Texts places;
  while (auto place = search.next())
    places.emplace_back(text.substr(place->begin, place->end - place->begin));
  return places;
}

/// Bytes, and random pieces of two others each.
BpeData randomBpe(std::mt19937 &random, int letters, int merges, bool rankedByResult) {
  BpeData data;
  data.byteLevel = true;
  data.rankedByResult = rankedByResult;
  std::map<std::string, uint32_t> ids;
  for (int byte = 0; byte < letters; ++byte) {
    data.pieces.emplace_back(1, char('a' + byte));
    ids[data.pieces.back()] = uint32_t(byte);
  }
  while (int(data.merges.size()) < merges) {
    uint32_t left = random() % uint32_t(data.pieces.size()), right = random() % uint32_t(data.pieces.size());
    std::string joined = data.pieces[left] + data.pieces[right];
    if (joined.size() > 12)
      continue;
    auto [found, isNew] = ids.emplace(joined, uint32_t(data.pieces.size()));
    if (isNew)
      data.pieces.push_back(joined);
    data.merges.push_back({left, right, found->second});
  }
  return data;
}

/// The definition: the best merge of all neighbours, the leftmost of several, until there is none.
Ids mergedSlowly(const BpeData &data, std::string_view word) {
  std::vector<uint32_t> symbols;
  for (char letter : word)
    symbols.push_back(uint32_t(letter - 'a'));
  for (;;) {
    size_t bestRank = SIZE_MAX, bestPlace = 0;
    uint32_t result = 0;
    for (size_t at = 0; at + 1 < symbols.size(); ++at)
      for (size_t i = data.merges.size(); i-- > 0;) {
        const BpeMerge &merge = data.merges[i];
        if (merge.left != symbols[at] || merge.right != symbols[at + 1])
          continue;
        size_t rank = data.rankedByResult ? merge.result : i;
        if (rank < bestRank) {
          bestRank = rank;
          bestPlace = at;
          result = merge.result;
        }
        // Of two merges of the same neighbours the last counts.
        break;
      }
    if (bestRank == SIZE_MAX)
      return Ids(symbols.begin(), symbols.end());
    symbols[bestPlace] = result;
    symbols.erase(symbols.begin() + long(bestPlace) + 1);
  }
}

TokenizerSettings withoutEnds() {
  TokenizerSettings settings;
  settings.bos = settings.eos = kNoToken;
  return settings;
}

double cpuSeconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

std::string bpeError(const BpeData &data) {
  return errorOf([&] { checkBpe(data, "t.json"); });
}

} // namespace

// Test: short words and long ones, which are merged in different ways, are merged as the definition says.
TEST(BpeMerger, IsTheDefinition) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    BpeData data = randomBpe(random, 2 + round % 4, 5 + round, round % 2 == 1);
    BpeMerger merger(data);
    for (size_t size : {0, 1, 2, 3, 7, 20, 47, 48, 49, 50, 120}) {
      std::string word;
      while (word.size() < size)
        word += char('a' + random() % uint32_t(2 + round % 4));
      Ids ids;
      merger.append(word, ids);
      EXPECT_EQ(ids, mergedSlowly(data, word)) << round << " " << word;
    }
  }
}

// Test: merges of one rank are made from the left to the right, whatever their order in the list.
TEST(BpeMerger, EqualRanks) {
  BpeData data;
  data.pieces = {"a", "b", "ab", "ba"};
  data.merges = {{1, 0, 3}, {0, 1, 2}};
  Ids ids;
  BpeMerger(data).append("abab", ids);
  EXPECT_EQ(ids, (Ids{0, 3, 1}));
  ids.clear();
  const uint32_t ranks[] = {0, 0};
  BpeMerger(data, ranks).append("abab", ids);
  EXPECT_EQ(ids, (Ids{2, 2}));
}

// Test: the queue for millions of places gives them in the order of a heap, also those that come while their rank is at
// work, and those of better ranks that come late.
TEST(RankQueue, IsAHeap) {
  std::mt19937 random(3);
  RankQueue queue(8);
  std::set<std::pair<uint32_t, uint32_t>> expected;
  for (int step = 0; step < 200'000; ++step) {
    // It grows first, and is empty at the end.
    bool grows = expected.empty() || random() % 100 < (step < 100'000 ? 60u : 40u);
    uint32_t rank = random() % 8, place = random() % 1'000'000;
    if (grows && expected.emplace(rank, place).second) {
      queue.push({rank, place});
    } else {
      ASSERT_EQ(queue.empty(), expected.empty());
      auto [foundRank, foundPlace] = queue.pop();
      ASSERT_EQ(std::pair(foundRank, foundPlace), *expected.begin());
      expected.erase(expected.begin());
    }
  }
  while (!expected.empty()) {
    auto [rank, place] = queue.pop();
    ASSERT_EQ(std::pair(rank, place), *expected.begin());
    expected.erase(expected.begin());
  }
  EXPECT_TRUE(queue.empty());
}

// Test: the time does not grow with the square of a word's length.
TEST(BpeMerger, MillionCharacters) {
  std::mt19937 random(8);
  BpeData data = randomBpe(random, 2, 200, false);
  BpeMerger merger(data);
  for (const char *pattern : {"a", "ab", "aab", "random"}) {
    std::string word, part = pattern;
    while (word.size() < 1'000'000)
      word += part == "random" ? std::string(1, char('a' + random() % 2)) : part;
    double begin = cpuSeconds();
    Ids ids;
    merger.append(word, ids);
    // Some tenths of a second; a square would take hours.
    EXPECT_LT(cpuSeconds() - begin, 20) << pattern;
    std::string joined;
    for (int32_t id : ids)
      joined += data.pieces[size_t(id)];
    EXPECT_EQ(joined, word);
  }
}

TEST(BpeTokenizer, UnknownCharactersAndBytes) {
  BpeData data;
  data.pieces = {"<unk>", "a", "b", "ab", "<0xC3>", "<0xA9>"};
  data.merges = {{1, 2, 3}};
  auto ids = [&](std::string_view text) { return Tokenizer::fromData({"t", data, withoutEnds()})->encode(text); };
  // Without an unknown token such characters are left out.
  EXPECT_EQ(ids("aèéb"), (Ids{3}));
  data.unknown = 0;
  EXPECT_EQ(ids("aèéb"), (Ids{1, 0, 0, 2}));
  data.fuseUnknown = true;
  EXPECT_EQ(ids("aèéb"), (Ids{1, 0, 2}));
  data.byteFallback = true;
  EXPECT_EQ(ids("éab"), (Ids{4, 5, 3}));
  // Of the other character one byte has no piece.
  EXPECT_EQ(ids("è"), (Ids{0}));
  auto tokenizer = Tokenizer::fromData({"t", data, withoutEnds()});
  EXPECT_EQ(tokenizer->decode(Ids{4, 5, 3, 0}), "éab<unk>");
  EXPECT_EQ(tokenizer->find("<0xC3>"), 4);
  EXPECT_EQ(tokenizer->find("c"), std::nullopt);
  EXPECT_NE(errorOf([&] { (void)tokenizer->decode(Ids{6}); }).find("token id 6: the tokenizer has ids 0 to 5"),
            std::string::npos);
}

// Test: a text of which nothing divides words gives the ids that it gives as one word, whether or not a merge crosses
// the beginning of a word.
TEST(BpeTokenizer, WordsBehindSpaceMarks) {
  std::mt19937 random(5);
  for (bool crosses : {false, true}) {
    BpeData data;
    data.pieces = {"<unk>", "▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "▁▁a", "bb", "<0xC3>", "<0xA9>"};
    data.merges = {{2, 3, 5}, {1, 2, 4}, {4, 3, 6}, {1, 1, 7}, {7, 2, 8}, {3, 3, 9}};
    if (crosses) {
      data.pieces.push_back("b▁");
      data.merges.insert(data.merges.begin(), {3, 1, 12});
    }
    data.unknown = 0;
    data.fuseUnknown = true;
    data.byteFallback = true;
    auto tokenizer = Tokenizer::fromData({"t", data, withoutEnds()});
    BpeMerger merger(data);
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (size_t i = 0, size = random() % 20; i < size; ++i)
        text += std::array{"▁", "▁", "a", "b", "é", "x"}[random() % 6];
      Ids whole;
      merger.append(text, whole);
      EXPECT_EQ(tokenizer->encode(text), whole) << text;
    }
  }
}

// Test: words that were seen have the ids that they had, however many there are, and from several threads.
TEST(BpeTokenizer, TheCacheChangesNothing) {
  std::mt19937 random(9);
  BpeData data = randomBpe(random, 4, 60, false);
  TextStep spaces = splitStep(" ", SplitBehavior::removed);
  data.splitter = {spaces};
  BpeMerger merger(data);
  auto tokenizer = Tokenizer::fromData({"t", data, withoutEnds()});
  std::string text;
  Ids expected;
  for (int word = 0; word < 200'000; ++word) {
    std::string letters;
    for (uint32_t i = 0, size = 1 + random() % (word % 3 ? 6 : 40); i < size; ++i)
      letters += char('a' + random() % 4);
    merger.append(letters, expected);
    text += letters + " ";
  }
  std::vector<std::thread> threads;
  std::vector<Ids> results(3);
  for (Ids &result : results)
    threads.emplace_back([&] { result = tokenizer->encode(text); });
  for (std::thread &thread : threads)
    thread.join();
  for (const Ids &result : results)
    EXPECT_TRUE(result == expected);
  EXPECT_TRUE(tokenizer->encode(text) == expected);
}

// Test: the examples of Hugging Face's documentation, and those of inverted patterns.
TEST(TextSteps, Splits) {
  auto parts = [](SplitBehavior behavior, bool invert = false) {
    return partsOf({splitStep("-", behavior, false, invert)}, "the-final--countdown");
  };
  EXPECT_EQ(parts(SplitBehavior::removed), (Texts{"the", "final", "countdown"}));
  EXPECT_EQ(parts(SplitBehavior::isolated), (Texts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(parts(SplitBehavior::mergedWithPrevious), (Texts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(parts(SplitBehavior::mergedWithNext), (Texts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(parts(SplitBehavior::contiguous), (Texts{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(parts(SplitBehavior::removed, true), (Texts{"-", "-", "-"}));
  EXPECT_EQ(partsOf({splitStep("-", SplitBehavior::mergedWithNext)}, "-a-"), (Texts{"-a", "-"}));
  EXPECT_EQ(partsOf({splitStep("-", SplitBehavior::mergedWithPrevious)}, "--a"), (Texts{"-", "-", "a"}));
  EXPECT_EQ(
      partsOf({splitStep("[0-9]+", SplitBehavior::isolated, true), splitStep("2", SplitBehavior::isolated)}, "a123b"),
      (Texts{"a", "1", "2", "3", "b"}));
  EXPECT_TRUE(partsOf({splitStep("-", SplitBehavior::isolated)}, "").empty());
}

TEST(TextSteps, Changes) {
  using Kind = TextStep::Kind;
  auto changed = [](const TextStep &step, std::string_view text, bool atStart = true) {
    return TextSteps({step}, "t").apply(text, atStart);
  };
  EXPECT_EQ(changed(stepOf(Kind::replace, " ", "▁"), " a b"), "▁a▁b");
  EXPECT_EQ(changed(stepOf(Kind::replace, "aa", "b"), "aaa"), "ba");
  TextStep regex = stepOf(Kind::replace, "\\s+", " ");
  regex.isRegex = true;
  EXPECT_EQ(changed(regex, "a \u3000\n b"), "a b");
  TextStep prepend = stepOf(Kind::prepend, "", "▁");
  EXPECT_EQ(changed(prepend, "▁a"), "▁▁a");
  EXPECT_EQ(changed(prepend, ""), "");
  prepend.unlessThere = true;
  EXPECT_EQ(changed(prepend, "▁a"), "▁a");
  prepend.onlyAtStart = true;
  EXPECT_EQ(changed(prepend, "a", false), "a");
  EXPECT_EQ(changed(prepend, "a", true), "▁a");
  TextStep strip = stepOf(Kind::strip);
  strip.left = true;
  EXPECT_EQ(changed(strip, "\u3000 a \u00a0"), "a \u00a0");
  strip.right = true;
  EXPECT_EQ(changed(strip, " \n"), "");
  EXPECT_EQ(changed(stepOf(Kind::lowercase), "ÀİΣ"), "ài\u0307σ");
}

// Test: forms of Unicode, what utf8proc alone would get wrong, and no square of time for marks that follow each other.
TEST(UnicodeNormal, Forms) {
  EXPECT_EQ(normalForm("e\u0301 é", NormalForm::nfc), "é é");
  EXPECT_EQ(normalForm("é", NormalForm::nfd), "e\u0301");
  EXPECT_EQ(normalForm("ﬁ ² Å", NormalForm::nfkc), "fi 2 Å");
  EXPECT_EQ(normalForm("ﬁ é", NormalForm::nfkd), "fi e\u0301");
  EXPECT_EQ(normalForm("a\u0301\u0316", NormalForm::nfd), "a\u0316\u0301");
  EXPECT_EQ(normalForm("\u1100\u1161\u11a8", NormalForm::nfc), "각");
  // The character in front of the first last consonant is none.
  EXPECT_EQ(normalForm("가\u11a7x", NormalForm::nfc), "가\u11a7x");
  EXPECT_EQ(normalForm("plain", NormalForm::nfkc), "plain");
  std::string marks = "a", sorted = "a";
  for (int i = 0; i < 200'000; ++i)
    marks += "\u0315\u0316";
  for (const char *mark : {"\u0316", "\u0315"})
    for (int i = 0; i < 200'000; ++i)
      sorted += mark;
  double begin = cpuSeconds();
  EXPECT_TRUE(normalForm(marks, NormalForm::nfc) == sorted);
  EXPECT_LT(cpuSeconds() - begin, 10);
}

// Test: where PCRE2 and Oniguruma differ, an expression means what it means to Oniguruma.
TEST(Regex, IsReadAsOnigurumaReadsIt) {
  EXPECT_EQ(placesOf("\\s+", "a \u0085\u3000\u180eb"), (Texts{" \u0085\u3000"}));
  EXPECT_EQ(placesOf("[^\\s]+", "a\u3000b\u180e"), (Texts{"a", "b\u180e"}));
  EXPECT_EQ(placesOf("\\w+", "a\u0301_1-‿"), (Texts{"a\u0301_1", "‿"}));
  EXPECT_EQ(placesOf("\\W+", "a--b"), (Texts{"--"}));
  EXPECT_EQ(placesOf("^a$", "a\na\nb"), (Texts{"a", "a"}));
  EXPECT_EQ(placesOf("\\u00e9", "é"), (Texts{"é"}));
  EXPECT_EQ(placesOf("(?i:'s)", "'S'\u017f"), (Texts{"'S", "'\u017f"}));
  EXPECT_EQ(placesOf("[]a]+", "a]b"), (Texts{"a]"}));
  EXPECT_EQ(placesOf("x*", "axxé"), (Texts{"", "xx", "", ""}));
  EXPECT_EQ(placesOf("[[:digit:]]", "a1"), (Texts{"1"}));
}

TEST(Regex, Refusals) {
  auto error = [](const std::string &pattern) { return errorOf([&] { Regex(pattern, "t.json"); }); };
  for (const char *pattern : {"(", "[a", "a{2,1}", "*", "\\p{Nothing}", "(?<=a*)b"})
    EXPECT_NE(error(pattern).find(concat("t.json: \"", pattern, "\" is not a regular expression")), std::string::npos)
        << pattern << ": " << error(pattern);
  for (const char *pattern : {"[a[b]]", "[a&&b]", "\\h", "\\R", "\\K", "\\C", "[\\W]", "\\u12", "a\\"})
    EXPECT_NE(error(pattern).find("which is not supported"), std::string::npos) << pattern << ": " << error(pattern);
  EXPECT_NE(error("\xff").find("UTF-8"), std::string::npos);
  EXPECT_NE(error(std::string(1 << 17, 'a')).find("131072 bytes"), std::string::npos);
}

// Test: an expression that would try for ever ends in an error.
TEST(Regex, GivesUp) {
  Regex regex("(a+)+[0-9]b", "t.json");
  std::string text = std::string(40, 'a') + "xb";
  std::string message = errorOf([&] { Regex::Search(regex, text).next(); });
  EXPECT_NE(message.find("t.json: a regular expression of the tokenizer cannot be used on this text"),
            std::string::npos)
      << message;
}

// Test: a place that takes steps for each of the bytes of a long text is found.
TEST(Regex, LongPlaces) {
  Regex regex(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", "t.json");
  std::string text(30'000'000, ' ');
  Regex::Search search(regex, text);
  auto place = search.next();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->end, text.size());
}

TEST(ByteAlphabet, EachByteHasACharacter) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += char(byte);
  EXPECT_EQ(bytesOfSpelling(spellingOfBytes(all)), all);
  EXPECT_EQ(spellingOfBytes(" \n\xc3\xa9\xad"), "ĠĊÃ©Ń");
  EXPECT_EQ(bytesOfSpelling("a b"), std::nullopt);
  EXPECT_EQ(bytesOfSpelling("▁"), std::nullopt);
}

TEST(BpeData, Refusals) {
  BpeData good;
  good.pieces = {"a", "b", "ab"};
  good.merges = {{0, 1, 2}};
  EXPECT_NO_THROW(checkBpe(good, "t.json"));
  auto error = [&](auto change) {
    BpeData bad = good;
    change(bad);
    return bpeError(bad);
  };
  auto expect = [](const std::string &message, const char *words) {
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  expect(error([](auto &bad) { bad.pieces.clear(), bad.merges.clear(); }), "t.json: the tokenizer has 0 pieces");
  expect(error([](auto &bad) { bad.pieces[0] = std::string(1 << 17, 'a'); }), "piece 0 is 131072 bytes long");
  expect(error([](auto &bad) { bad.merges[0].right = 3; }), "merge 0 has an id that no piece has");
  expect(error([](auto &bad) { bad.pieces[1] = ""; }), "merge 0 has an id that no piece has");
  expect(error([](auto &bad) { bad.merges[0] = {1, 0, 2}; }),
         "merge 0 joins the pieces 1 and 0, which are not piece 2");
  expect(error([](auto &bad) { bad.unreachable = {3}; }), "no piece 3");
  expect(error([](auto &bad) { bad.unreachable = {1, 0}; }), "not in the order of their ids");
  expect(error([](auto &bad) { bad.unknown = 3; }), "the unknown token is 3");
  expect(error([](auto &bad) { bad.splitter = {splitStep("(", SplitBehavior::removed, true)}; }), "regular expression");
  expect(error([](auto &bad) { bad.splitter = {splitStep("", SplitBehavior::removed)}; }), "looks for an empty text");
  expect(error([](auto &bad) { bad.normalizer = {splitStep("a", SplitBehavior::removed)}; }), "divides the text");
  expect(error([](auto &bad) { bad.decoder = {stepOf(TextStep::Kind::nfc)}; }), "replaces no plain text");
  expect(error([](auto &bad) { bad.splitter = {stepOf(TextStep::Kind(77))}; }),
         "a kind that this version does not know");
  expect(error([](auto &bad) { bad.normalizer = {stepOf(TextStep::Kind::replace, "\xff")}; }), "not UTF-8");
}

// Test: a plan whose tables do not go together is refused when the tokenizer is made of it.
TEST(TokenizerTables, Refusals) {
  auto open = [](auto change) {
    plan::TokenizerT tables;
    tables.kind = plan::TokenizerKind::bpe;
    tables.bpe = std::make_unique<plan::BpeT>();
    tables.bpe->piece_bytes = {'a', 'b', 'a', 'b'};
    tables.bpe->piece_ends = {1, 2, 4};
    tables.bpe->merges = {plan::Merge(0, 1, 2)};
    tables.bos_id = tables.eos_id = kNoToken;
    change(tables);
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(plan::Tokenizer::Pack(builder, &tables));
    const auto *packed = flatbuffers::GetRoot<plan::Tokenizer>(builder.GetBufferPointer());
    return Tokenizer::fromData(dataOfTables(*packed, "p.qplan: tokenizer"))->encode("ab");
  };
  EXPECT_EQ(open([](auto &) {}), (Ids{2}));
  auto expect = [&](auto change, const char *words) {
    std::string message = errorOf([&] { open(change); });
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_EQ(message.find("p.qplan: tokenizer: "), 0u) << message;
  };
  expect([](auto &bad) { bad.bpe->piece_ends[1] = 5; }, "piece 1 ends at byte 5");
  expect([](auto &bad) { bad.bpe->piece_ends[1] = 0; }, "piece 1 ends at byte 0");
  expect([](auto &bad) { bad.bpe->merges = {plan::Merge(0, 1, 9)}; }, "merge 0");
  expect([](auto &bad) { bad.bos_id = 7; }, "BOS or EOS is token 7");
  expect(
      [](auto &bad) {
        bad.bpe->splitter.push_back(std::make_unique<plan::TextStepT>());
        bad.bpe->splitter[0]->kind = plan::TextStepKind(200);
      },
      "a kind that this version does not know");
}

// Test: a special token that is looked for in the normalised text becomes one only where the place in the given text
// allows it, though normalising moves places.
TEST(BpeTokenizer, PlacesOfNormalizedTokens) {
  TokenizerData data;
  data.name = "t";
  BpeData bpe;
  bpe.byteLevel = true;
  for (int byte = 0; byte < 256; ++byte)
    bpe.pieces.emplace_back(1, char(byte));
  bpe.normalizer = {stepOf(TextStep::Kind::nfkc)};
  data.model = bpe;
  AddedToken end;
  end.id = 256;
  end.content = "<e>";
  end.normalized = end.special = true;
  data.settings.added = {end};
  auto tokenizer = Tokenizer::fromData(data);
  // Full-width signs, which NFKC makes shorter, and a ligature.
  const std::string said = "ﬁ＜e＞<e>", text = "<e>" + said + "<e>ﬁ";
  auto endsAllowed = [&](size_t begin, size_t end) {
    Ids ids = tokenizer->encodePlaces(
        text, [&](int32_t, size_t first, size_t last) { return last <= begin || first >= end; });
    return std::ranges::count(ids, 256);
  };
  EXPECT_EQ(endsAllowed(0, 0), 4);
  EXPECT_EQ(endsAllowed(3, 3 + said.size()), 2);
  EXPECT_EQ(endsAllowed(3, text.size()), 1);
  EXPECT_EQ(endsAllowed(0, text.size()), 0);
  // Only the one of full-width signs is refused.
  EXPECT_EQ(endsAllowed(3 + std::string("ﬁ").size(), 3 + std::string("ﬁ＜e＞").size()), 3);
}
