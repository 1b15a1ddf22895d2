//===- ScoreMathTest.cpp: packs, windows, means and choices ---------------------------------===//

#include "runtime/score/Averages.h"
#include "runtime/score/Choices.h"
#include "runtime/score/Packing.h"
#include "runtime/score/Windows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace quipu;
using testing::ElementsAre;

// Test: first fit decreasing, worked out by hand: 7; then 5 and 3 into one of 8; then 4, 2 and 2 into one.
TEST(Packing, FirstFitDecreasing) {
  std::vector<size_t> lengths = {2, 5, 3, 7, 4, 2};
  EXPECT_THAT(packTexts(lengths, 8, 100), ElementsAre(ElementsAre(0, 4, 5), ElementsAre(1, 2), ElementsAre(3)));
  // At most two texts in a pack.
  EXPECT_THAT(packTexts(lengths, 8, 2),
              ElementsAre(ElementsAre(0, 4), ElementsAre(1, 2), ElementsAre(3), ElementsAre(5)));
  EXPECT_TRUE(packTexts({}, 8, 2).empty());
}

// Test: whatever the lengths are, each text is in one pack, no pack is too full, and only neighbours share one.
TEST(Packing, KeepsAllTexts) {
  std::vector<size_t> lengths;
  for (size_t i = 0; i < 3000; ++i)
    lengths.push_back(1 + i * i * 7919 % 97);
  std::vector<size_t> seen;
  size_t total = std::accumulate(lengths.begin(), lengths.end(), size_t(0));
  std::vector<TextGroup> packs = packTexts(lengths, 128, 16);
  for (const TextGroup &pack : packs) {
    size_t tokens = 0;
    for (size_t text : pack)
      tokens += lengths[text];
    EXPECT_LE(tokens, 128u);
    EXPECT_LE(pack.size(), 16u);
    EXPECT_EQ(pack.front() / kPackedTogether, pack.back() / kPackedTogether);
    seen.insert(seen.end(), pack.begin(), pack.end());
  }
  std::ranges::sort(seen);
  std::vector<size_t> all(lengths.size());
  std::iota(all.begin(), all.end(), size_t(0));
  EXPECT_EQ(seen, all);
  // First fit decreasing fills well.
  EXPECT_GT(double(total) / double(packs.size() * 128), 0.97);
}

TEST(Packing, Groups) {
  std::vector<size_t> lengths = {4, 4, 4, 20, 1, 1};
  // A text that is longer than a launch is alone.
  EXPECT_THAT(groupTexts(lengths, 3, 9),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2), ElementsAre(3), ElementsAre(4, 5)));
  EXPECT_THAT(groupTexts(lengths, 3, SIZE_MAX), ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4, 5)));
  std::vector<TextGroup> packs = {{0, 3}, {1}, {2}, {4, 5}};
  EXPECT_THAT(joinPacks(packs, 2, 8), ElementsAre(ElementsAre(0, 3, 1), ElementsAre(2, 4, 5)));
  // Three texts are all that the model takes.
  EXPECT_THAT(joinPacks(packs, 4, 3), ElementsAre(ElementsAre(0, 3, 1), ElementsAre(2, 4, 5)));
  EXPECT_THAT(joinPacks(packs, 4, 2), ElementsAre(ElementsAre(0, 3), ElementsAre(1, 2), ElementsAre(4, 5)));
}

static std::vector<std::vector<size_t>> windowNumbers(size_t tokens, size_t length, size_t stride) {
  std::vector<std::vector<size_t>> numbers;
  for (const Window &window : slidingWindows(tokens, length, stride))
    numbers.push_back({window.begin, window.end, window.fresh});
  return numbers;
}

TEST(Windows, Slide) {
  EXPECT_THAT(windowNumbers(10, 4, 4), ElementsAre(ElementsAre(0, 4, 0), ElementsAre(4, 8, 4), ElementsAre(8, 10, 8)));
  EXPECT_THAT(windowNumbers(9, 4, 2),
              ElementsAre(ElementsAre(0, 4, 0), ElementsAre(2, 6, 4), ElementsAre(4, 8, 6), ElementsAre(6, 9, 8)));
  // It ends with the text, also where another window would fit.
  EXPECT_THAT(windowNumbers(4, 4, 1), ElementsAre(ElementsAre(0, 4, 0)));
}

// Test: the first token of a text is never scored, the first token of a later window only where it is context.
TEST(Windows, Texts) {
  std::vector<int32_t> ids = {10, 11, 12, 13, 14, 15, 16, 17, 18};
  ScoredText first = textOf({0, 4, 0}, ids), overlapping = textOf({2, 6, 4}, ids), apart = textOf({4, 8, 4}, ids);
  EXPECT_THAT(first.ids, ElementsAre(10, 11, 12, 13));
  EXPECT_THAT(first.scored, ElementsAre(false, true, true, true));
  EXPECT_THAT(overlapping.ids, ElementsAre(12, 13, 14, 15));
  EXPECT_THAT(overlapping.scored, ElementsAre(false, false, true, true));
  EXPECT_THAT(apart.scored, ElementsAre(false, true, true, true));
  EXPECT_EQ(apart.scoredCount(), 3u);
}

// Test: the weights of transformers' guide: 3 for the first window, 1 for the second, 0 for a single new token.
TEST(Windows, GuideLoss) {
  std::vector<Window> windows = slidingWindows(7, 4, 2);
  std::vector<LogProbabilities> scores = {{-1, -2, -3}, {-4, -6}, {-100}};
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_DOUBLE_EQ(guideLoss(windows, scores), (2.0 * 3 + 5.0 * 1) / 4);
  // Without overlap it is the mean over tokens.
  std::vector<LogProbabilities> whole = {{-1, -2, -3}, {-4, -6}};
  EXPECT_DOUBLE_EQ(guideLoss(slidingWindows(7, 4, 4), whole), 16.0 / 5);
}

// Test: the worked example of docs/scoring.md.
TEST(Averages, ShortAnswersCountDifferently) {
  LossAverages averages;
  averages.add(2, -1.0);
  averages.add(98, -196.0);
  EXPECT_DOUBLE_EQ(averages.tokenMean(), 1.97);
  EXPECT_DOUBLE_EQ(averages.sampleMean(), 1.25);
  EXPECT_DOUBLE_EQ(averages.tokenWeight(2), 0.02);
  EXPECT_DOUBLE_EQ(averages.sampleWeight(), 0.5);
}

TEST(Choices, Rules) {
  std::vector<double> sums = {-4, -6, -6.5};
  std::vector<size_t> bytes = {4, 12, 10}, tokens = {2, 2, 5};
  Preferred preferred = preferredChoices(sums, bytes, tokens);
  EXPECT_EQ(preferred.whole, 0u);
  EXPECT_EQ(preferred.byBytes, 1u);
  EXPECT_EQ(preferred.byTokens, 2u);
  Accuracies accuracies;
  accuracies.add(preferred, 0);
  accuracies.add(preferred, 1);
  accuracies.add(preferred, 1);
  accuracies.add(preferred, 2);
  EXPECT_DOUBLE_EQ(accuracies.whole(), 0.25);
  EXPECT_DOUBLE_EQ(accuracies.byBytes(), 0.5);
  EXPECT_DOUBLE_EQ(accuracies.byTokens(), 0.25);
  // Of equally good choices the first.
  std::vector<double> equal = {-1, -1};
  std::vector<size_t> ones = {1, 1};
  EXPECT_EQ(preferredChoices(equal, ones, ones).whole, 0u);
}
