//===- SinkQueueTest.cpp: calls of sinks that another thread makes -------------------------===//

#include "tools/quipu/serve/SinkQueue.h"

#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::serve;

namespace {

/// Writes down its calls.
class Writer : public RequestSink {
public:
  Writer(std::string name, std::string &text) : name(std::move(name)), text(text) {}
  ~Writer() override { text += name + " gone;"; }

  bool onToken(uint32_t sample, const ScoredToken &token) override {
    text += concat(name, " ", sample, ":", token.token);
    if (token.logProb != 0)
      text += concat(" ", token.logProb);
    for (const TokenLogProb &each : token.top)
      text += concat(" ", each.token, "=", each.logProb);
    text += ";";
    return false;
  }
  void onSampleEnd(const SampleEnd &end) override { text += concat(name, " sample ", end.sample, end.message, ";"); }
  void onEnd(const RequestUsage &usage) override { text += concat(name, " end ", usage.newTokens, ";"); }

private:
  std::string name;
  std::string &text;
};

class SinkQueueTest : public testing::Test {
protected:
  void runPosted() {
    queue.flush();
    for (const std::function<void()> &work : std::exchange(posted, {}))
      work();
  }

  std::string text;
  std::vector<std::function<void()>> posted;
  SinkQueue queue{[this](std::function<void()> work) { posted.push_back(std::move(work)); }};
};

// Test: calls of several sinks come in their order, and the other thread is woken once for all of them.
TEST_F(SinkQueueTest, KeepsTheOrder) {
  std::shared_ptr<RequestSink> a = queue.defer(std::make_shared<Writer>("a", text));
  std::shared_ptr<RequestSink> b = queue.defer(std::make_shared<Writer>("b", text));
  EXPECT_TRUE(a->onToken(0, {7, 0, {}}));
  EXPECT_TRUE(b->onToken(1, {8, 0, {}}));
  a->onSampleEnd({.sample = 2, .message = "!"});
  EXPECT_TRUE(b->onToken(1, {9, 0, {}}));
  EXPECT_EQ(posted.size(), 0u);
  queue.flush();
  // While it has not come yet, it is not woken again.
  EXPECT_TRUE(a->onToken(3, {6, 0, {}}));
  queue.flush();
  EXPECT_EQ(posted.size(), 1u);
  EXPECT_EQ(text, "");
  runPosted();
  EXPECT_EQ(text, "a 0:7;b 1:8;a sample 2!;b 1:9;a 3:6;");
  queue.flush();
  EXPECT_EQ(posted.size(), 0u);
  EXPECT_TRUE(a->onToken(0, {5, 0, {}}));
  runPosted();
  EXPECT_TRUE(text.ends_with("a 3:6;a 0:5;")) << text;
}

// Test: tokens of several sinks come with their own log-probabilities, between others that have none.
TEST_F(SinkQueueTest, LogProbs) {
  std::shared_ptr<RequestSink> a = queue.defer(std::make_shared<Writer>("a", text));
  std::shared_ptr<RequestSink> b = queue.defer(std::make_shared<Writer>("b", text));
  std::vector<TokenLogProb> tops = {{7, -0.5f}, {4, -1.5f}};
  EXPECT_TRUE(a->onToken(0, {4, -1.5f, tops}));
  EXPECT_TRUE(b->onToken(0, {3, 0, {}}));
  a->onSampleEnd({.sample = 2, .message = "."});
  tops = {{9, -0.25f}};
  EXPECT_TRUE(b->onToken(1, {9, -0.25f, tops}));
  EXPECT_TRUE(b->onToken(1, {8, -3, {}}));
  tops.clear();
  runPosted();
  EXPECT_EQ(text, "a 0:4 -1.5 7=-0.5 4=-1.5;b 0:3;a sample 2.;b 1:9 -0.25 9=-0.25;b 1:8 -3;");
  text.clear();
  tops = {{1, -2}};
  EXPECT_TRUE(a->onToken(0, {1, -2, tops}));
  runPosted();
  EXPECT_EQ(text, "a 0:1 -2 1=-2;");
}

// Test: the engine forgets a sink before its last calls are made.
TEST_F(SinkQueueTest, LivesUntilTheEnd) {
  std::shared_ptr<RequestSink> a = queue.defer(std::make_shared<Writer>("a", text));
  EXPECT_TRUE(a->onToken(0, {7, 0, {}}));
  a->onEnd({.newTokens = 1});
  a.reset();
  EXPECT_EQ(text, "");
  runPosted();
  EXPECT_EQ(text, "a 0:7;a end 1;a gone;");
}

} // namespace
