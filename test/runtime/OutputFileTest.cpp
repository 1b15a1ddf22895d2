//===- OutputFileTest.cpp ----------------------------------------------------------------===//

#include "runtime/core/OutputFile.h"
#include "test/runtime/ToyPlan.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace quipu;
using namespace quipu::test;
using testing::Test;

// Test: the name appears at the commit, with the permissions of a new file, and nothing else is left.
TEST(OutputFile, AppearsWhole) {
  TempFolder folder;
  mode_t mask = umask(022);
  {
    OutputFile file(folder.path("out"));
    file.write("abc", 3);
    file.pad(8);
    EXPECT_EQ(file.size(), 8u);
    EXPECT_NE(folder.list(), std::vector<std::string>{"out"});
    file.commit();
  }
  umask(mask);
  EXPECT_EQ(folder.list(), std::vector<std::string>{"out"});
  EXPECT_EQ(readFile(folder.path("out")), (std::vector<uint8_t>{'a', 'b', 'c', 0, 0, 0, 0, 0}));
  struct stat status;
  ASSERT_EQ(stat(folder.path("out").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

// Test: without a commit nothing is left, and an older file stays as it was.
TEST(OutputFile, LeavesNothingWithoutCommit) {
  TempFolder folder;
  writeFile(folder.path("out"), std::vector<uint8_t>{1, 2});
  {
    OutputFile file(folder.path("out"));
    file.write("abc", 3);
  }
  EXPECT_EQ(folder.list(), std::vector<std::string>{"out"});
  EXPECT_EQ(readFile(folder.path("out")), (std::vector<uint8_t>{1, 2}));
}

// Test: a full disk is an error that says so.
TEST(OutputFile, FullDisk) {
  std::string message = errorOf([] {
    OutputFile file("/dev/full");
    file.write("abc", 3);
    file.commit();
  });
  EXPECT_NE(message.find("/dev/full"), std::string::npos) << message;
  EXPECT_NE(message.find("No space left"), std::string::npos) << message;
}

// Test: a missing folder, and a folder in place of a file.
TEST(OutputFile, Unwritable) {
  TempFolder folder;
  EXPECT_NE(errorOf([&] { OutputFile file(folder.path("none/out")); }).find("No such file"), std::string::npos);
  EXPECT_NE(errorOf([&] { OutputFile file(folder.path()); }).find("folder"), std::string::npos);
}
