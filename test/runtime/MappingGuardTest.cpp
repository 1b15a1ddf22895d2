//===- MappingGuardTest.cpp: files that shrink while they are in use ---------------------===//

#include "runtime/core/Session.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/TemporaryName.h"
#include "test/runtime/ToyPlan.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

using namespace quipu;
using namespace quipu::test;

namespace {

class MappingGuardTest : public testing::Test {
protected:
  MappingGuardTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  TempFolder folder;
};

/// Reads each page.
int sum(const MappedFile &file) {
  int result = 0;
  for (size_t i = 0; i < file.size(); i += 4096)
    result += *const_cast<const volatile uint8_t *>(file.data() + i);
  return result;
}

} // namespace

// Test: the message names the file that was cut, of several, and no other; the status is 1.
TEST_F(MappingGuardTest, NamesTheFile) {
  if (kHasAddressSanitizer)
    GTEST_SKIP() << "AddressSanitizer has a handler of its own";
  std::vector<uint8_t> bytes(100000, 1);
  for (const char *name : {"whole", "cut", "closed\x1b[31m\xc2\x9b"})
    writeFile(folder.path(name), bytes);
  EXPECT_EXIT(
      {
        auto whole = MappedFile::open(folder.path("whole"), "file");
        auto cut = MappedFile::open(folder.path("cut"), "file");
        std::filesystem::resize_file(folder.path("cut"), 5000);
        (void)sum(*whole);
        (void)sum(*cut);
        _exit(0);
      },
      testing::ExitedWithCode(1), "error: [^ ]*/cut: cannot be read any more: the file was cut");
  // The place of one that was closed is used again; what a terminal would obey is not printed.
  EXPECT_EXIT(
      {
        for (int i = 0; i < 10000; ++i)
          (void)MappedFile::open(folder.path("whole"), "file");
        auto file = MappedFile::open(folder.path("closed\x1b[31m\xc2\x9b"), "file");
        std::filesystem::resize_file(file->path(), 0);
        (void)sum(*file);
        _exit(0);
      },
      testing::ExitedWithCode(1), "/closed[?]\\[31m[?][?]: cannot be read");
}

// Test: another fault of this kind ends the process as it always did.
TEST_F(MappingGuardTest, OthersAreLeftAlone) {
  if (kHasAddressSanitizer)
    GTEST_SKIP() << "AddressSanitizer has a handler of its own";
  writeFile(folder.path("file"), std::vector<uint8_t>(100000, 1));
  EXPECT_EXIT(
      {
        auto file = MappedFile::open(folder.path("file"), "file");
        FILE *other = fopen(folder.path("file").c_str(), "r");
        void *address = mmap(nullptr, 100000, PROT_READ, MAP_SHARED, fileno(other), 0);
        std::filesystem::resize_file(folder.path("file"), 0);
        (void)*static_cast<volatile char *>(address);
        _exit(0);
      },
      testing::KilledBySignal(SIGBUS), "");
}

// Test: the same where a temporary file was the first to want a handler, and that file does not stay; nor does it where
// the fault is in no file of ours.
TEST_F(MappingGuardTest, BesideTemporaryFiles) {
  if (kHasAddressSanitizer)
    GTEST_SKIP() << "AddressSanitizer has a handler of its own";
  std::string path = folder.path("cut");
  auto readBehindTheEnd = [&](bool isForeign) {
    TemporaryName name(folder.path(), "temporary-");
    close(name.create());
    auto file = MappedFile::open(path, "file");
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    void *foreign = mmap(nullptr, 100000, PROT_READ, MAP_SHARED, fd, 0);
    std::filesystem::resize_file(path, 0);
    (void)*static_cast<volatile const uint8_t *>(isForeign ? foreign : file->data());
    _exit(0);
  };
  for (bool isForeign : {false, true}) {
    writeFile(path, std::vector<uint8_t>(100000, 1));
    if (isForeign)
      EXPECT_EXIT(readBehindTheEnd(true), testing::KilledBySignal(SIGBUS), "");
    else
      EXPECT_EXIT(readBehindTheEnd(false), testing::ExitedWithCode(1), "/cut: cannot be read any more");
    EXPECT_EQ(folder.list(), std::vector<std::string>{"cut"});
  }
}

// Test: a plan is read: what happens to its file afterwards does not matter.
TEST_F(MappingGuardTest, PlanIsInMemory) {
  std::string path = writeToyPlan(folder, toyPlan(folder));
  auto plan = PlanFile::open(path);
  EXPECT_EQ(plan->mapping(), nullptr);
  std::filesystem::resize_file(path, 0);
  Session session(Model::load(plan));
  std::vector<int32_t> tokens = {3, 1, 4};
  LogitsRows rows = session.prefill(session.addSequence(), tokens);
  EXPECT_EQ(rows.row(0)[7], toyReference(toyWeights(), tokens)[2 * size_t(kToyVocab) + 7]);
}
