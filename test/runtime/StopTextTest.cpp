//===- StopTextTest.cpp ------------------------------------------------------------------===//

#include "runtime/text/StopText.h"

#include <gtest/gtest.h>

using namespace quipu;

/// What comes out of the text cut into pieces of `size` bytes, with what finish() gives when no stop was met.
static std::string through(const std::string &text, size_t size, const std::vector<std::string> &stops, bool &found) {
  StopText filter(stops);
  std::string result;
  for (size_t i = 0; i < text.size(); i += size)
    result += filter.push(text.substr(i, size));
  found = filter.found();
  return result + filter.finish();
}

// Test: wherever the text is cut, what comes out is what lies before the first stop; all of it when there is none.
TEST(StopTextTest, AnyPieces) {
  struct Case {
    std::string text;
    std::vector<std::string> stops;
    std::string expected;
    bool found;
  };
  for (const Case &it : std::vector<Case>{
           {"one two three", {"two"}, "one ", true},
           {"one two three", {"three", "two"}, "one ", true},
           {"aaaaab", {"aab"}, "aaa", true},
           {"abababac", {"ababac"}, "ab", true},
           {"abcab", {"cad", "bd"}, "abcab", false},
           {"the end", {"end."}, "the end", false},
           {"same", {"same"}, "", true},
           {"xyz", {"yzz", "y"}, "x", true},
           {"any", {}, "any", false},
           {"any", {""}, "any", false},
           {"h\xc3\xa9 h\xc3\xa8", {"\xc3\xa8"}, "h\xc3\xa9 h", true},
       })
    for (size_t size = 1; size <= it.text.size(); ++size) {
      bool found = false;
      EXPECT_EQ(through(it.text, size, it.stops, found), it.expected) << it.text << " in pieces of " << size;
      EXPECT_EQ(found, it.found) << it.text;
    }
}

// Test: text that no stop can begin with is given out at once, and nothing comes after a stop.
TEST(StopTextTest, HoldsBackNoMoreThanItMust) {
  StopText filter({"###"});
  EXPECT_EQ(filter.push("one"), "one");
  EXPECT_EQ(filter.push("#"), "");
  EXPECT_EQ(filter.push("x##"), "#x");
  EXPECT_EQ(filter.push("#more"), "");
  EXPECT_TRUE(filter.found());
  EXPECT_EQ(filter.push("text"), "");
  EXPECT_EQ(filter.finish(), "");
}
