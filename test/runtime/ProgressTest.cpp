//===- ProgressTest.cpp ------------------------------------------------------------------===//

#include "runtime/support/Progress.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

using namespace quipu;

namespace {
struct Recorder : ProgressListener {
  void begin(const Progress &progress) override { log.push_back("begin " + progress.what); }
  void end(const Progress &progress) override {
    log.push_back("end " + progress.what + " " + std::to_string(progress.done()));
  }
  std::vector<std::string> log;
};
} // namespace

// Test: a listener hears of work that begins and ends, nested too, and what threads added is counted; without one
// nothing happens.
TEST(ProgressTest, BeginCountEnd) {
  {
    Progress unheard("nobody listens", 10);
    unheard.add(3);
    EXPECT_EQ(unheard.done(), 3u);
  }
  Recorder recorder;
  setProgressListener(&recorder);
  {
    Progress outer("outer");
    Progress inner("inner", 4000, Progress::Unit::Items, "piece");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < 1000; ++j)
          inner.add(1);
      });
    for (std::thread &thread : threads)
      thread.join();
  }
  setProgressListener(nullptr);
  EXPECT_EQ(recorder.log, (std::vector<std::string>{"begin outer", "begin inner", "end inner 4000", "end outer 0"}));
}
