//===- CorpusTest.cpp - The seeds of fuzzing, run as tests ------------------------------------===//

#include "Targets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;
using namespace quipu::test;

static const fs::path kCorpus = fs::path(QUIPU_TEST_SOURCE_DIR) / "fuzz" / "corpus";

class FuzzCorpus : public testing::TestWithParam<FuzzTarget> {};

// Test: each reader stands every seed, and what fuzzing has found before: it accepts the bytes, or refuses them with
// quipu::Error. Anything else ends this program.
TEST_P(FuzzCorpus, Replay) {
  size_t count = 0;
  for (const fs::directory_entry &entry : fs::directory_iterator(kCorpus / GetParam().name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    // The last one names the culprit.
    printf("%s\n", entry.path().filename().c_str());
    fflush(stdout);
    GetParam().run(bytes);
    ++count;
  }
  EXPECT_GE(count, 3u) << "make seeds with test/fuzz/make_corpus.sh";
}

INSTANTIATE_TEST_SUITE_P(All, FuzzCorpus, testing::ValuesIn(fuzzTargets()),
                         [](const auto &each) { return std::string(each.param.name); });

// Test: the corpus has no folder without a target, which nothing would run.
TEST(FuzzCorpora, BelongToTargets) {
  for (const fs::directory_entry &entry : fs::directory_iterator(kCorpus))
    EXPECT_NE(findFuzzTarget(entry.path().filename().string()), nullptr) << entry.path();
}
