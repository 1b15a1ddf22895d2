//===- LinksTest.cpp: the runtime carries no compiler ------------------------------------===//

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <unistd.h>

static int check(const std::string &program) {
  std::string command = std::string(QUIPU_TEST_SOURCE_DIR) + "/runtime/no-llvm.sh '" + program + "'";
  return WEXITSTATUS(std::system(command.c_str()));
}

// Test: this program, which links the whole runtime, loads no library of LLVM or MLIR.
TEST(Links, TheRuntimeHasNoLlvm) {
  char path[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", path, sizeof(path) - 1), 0);
  EXPECT_EQ(check(path), 0);
}

#ifdef QUIPU_BINARY
// Test: neither does the user's command.
TEST(Links, TheCommandHasNoLlvm) {
  if (access(QUIPU_BINARY, R_OK) != 0)
    GTEST_SKIP() << QUIPU_BINARY << " is not built";
  EXPECT_EQ(check(QUIPU_BINARY), 0);
}
#endif

// Test: the check does notice: a program that is no ELF file or is missing fails.
TEST(Links, TheCheckFails) { EXPECT_NE(check("/nonexistent"), 0); }
