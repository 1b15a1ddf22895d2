//===- TemporaryFolderTest.cpp -----------------------------------------------------------===//

#include "runtime/support/TemporaryFolder.h"
#include "test/runtime/ToyPlan.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace quipu;
using namespace quipu::test;
namespace fs = std::filesystem;

namespace {

const std::vector<uint8_t> kByte = {1};

class TemporaryFolderTest : public testing::Test {
protected:
  TemporaryFolderTest() {
    setenv("TMPDIR", outer.path("tmp").c_str(), 1);
    fs::create_directory(outer.path("tmp"));
    fs::create_directory(outer.path("other"));
    writeFile(outer.path("other/file"), kByte);
  }
  ~TemporaryFolderTest() override { unsetenv("TMPDIR"); }

  /// Files, folders in folders, more names than are listed at once, and a link to what must stay.
  void fill(const std::string &path) {
    fs::create_directories(path + "/a/b/c");
    for (int i = 0; i < 200; ++i)
      writeFile(path + "/a/b/a-file-with-a-long-name-" + std::to_string(i), kByte);
    writeFile(path + "/a/b/c/file", kByte);
    fs::create_directory_symlink(outer.path("other"), path + "/link");
  }
  size_t left() const { return size_t(std::distance(fs::directory_iterator(outer.path("tmp")), {})); }
  bool otherIsThere() const { return fs::exists(outer.path("other/file")); }

  TempFolder outer;
};

} // namespace

// Test: the folder is new, for its user alone, and goes with all that is in it; what a link names stays.
TEST_F(TemporaryFolderTest, GoesWithItsObject) {
  std::string path;
  {
    TemporaryFolder folder("quipu-test-");
    path = folder.path();
    EXPECT_TRUE(path.starts_with(outer.path("tmp/quipu-test-"))) << path;
    struct stat status = {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    TemporaryFolder second("quipu-test-");
    EXPECT_NE(second.path(), path);
    fill(path);
    EXPECT_EQ(left(), 2u);
  }
  EXPECT_EQ(left(), 0u);
  EXPECT_TRUE(otherIsThere());
}

// Test: a folder that is kept stays, also when a signal ends the program behind that.
TEST_F(TemporaryFolderTest, Kept) {
  EXPECT_EXIT(
      {
        TemporaryFolder folder("quipu-test-");
        fill(folder.path());
        (void)folder.keep();
        kill(getpid(), SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
  EXPECT_EQ(left(), 1u);
}

// Test: a signal that ends the program removes it with all that is in it, also while another process writes into it.
TEST_F(TemporaryFolderTest, GoesWithTheProgram) {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT}) {
    EXPECT_EXIT(
        {
          TemporaryFolder folder("quipu-test-");
          fill(folder.path());
          if (fork() == 0) {
            // Until the folder is not there any more. If it stays, because the test fails, this must end nevertheless.
            alarm(10);
            for (int i = 0; fs::exists(folder.path()); ++i)
              if (FILE *file = fopen((folder.path() + "/new-" + std::to_string(i)).c_str(), "w"))
                fclose(file);
            _exit(0);
          }
          usleep(1000);
          kill(getpid(), number);
        },
        testing::KilledBySignal(number), "");
    EXPECT_EQ(left(), 0u) << number;
    EXPECT_TRUE(otherIsThere());
  }
}

// Test: where no folder can be made the error names it, and says what to do.
TEST_F(TemporaryFolderTest, NoPlace) {
  setenv("TMPDIR", outer.path("none").c_str(), 1);
  std::string message = errorOf([] { TemporaryFolder folder("quipu-test-"); });
  EXPECT_NE(message.find("none/quipu-test-"), std::string::npos) << message;
  EXPECT_NE(message.find("No such file or directory; TMPDIR"), std::string::npos) << message;
}
