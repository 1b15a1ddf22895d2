//===- LinksTest.cpp: the runtime carries no compiler ------------------------------------===//

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using testing::HasSubstr;

namespace {
struct Verdict {
  int status = -1;
  /// Both streams.
  std::string text;
};
} // namespace

static Verdict check(const std::string &program) {
  std::string command = std::string(QUIPU_TEST_SOURCE_DIR) + "/runtime/no-llvm.sh '" + program + "' 2>&1";
  Verdict verdict;
  FILE *output = popen(command.c_str(), "r");
  if (!output)
    return verdict;
  char part[4096];
  while (size_t size = fread(part, 1, sizeof(part), output))
    verdict.text.append(part, size);
  int status = pclose(output);
  if (WIFEXITED(status))
    verdict.status = WEXITSTATUS(status);
  return verdict;
}

// Test: this program, which links the whole runtime, loads no library of LLVM or MLIR.
TEST(Links, TheRuntimeHasNoLlvm) {
  char path[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", path, sizeof(path) - 1), 0);
  Verdict verdict = check(path);
  EXPECT_EQ(verdict.status, 0) << verdict.text;
}

#ifdef QUIPU_BINARY
// Test: neither does the user's command.
TEST(Links, TheCommandHasNoLlvm) {
  if (access(QUIPU_BINARY, R_OK) != 0)
    GTEST_SKIP() << QUIPU_BINARY << " is not built";
  Verdict verdict = check(QUIPU_BINARY);
  EXPECT_EQ(verdict.status, 0) << verdict.text;
}
#endif

// Test: the check notices libraries that load one with a name of LLVM's, and says which.
TEST(Links, TheCheckFindsLlvm) {
  for (const char *name : {"LLVM", "MLIR", "clang", "lld"}) {
    Verdict verdict = check(std::string(QUIPU_NAMESAKES) + "/quipu-loads-" + name + ".so");
    EXPECT_EQ(verdict.status, 1) << name;
    EXPECT_THAT(verdict.text, HasSubstr("links LLVM or MLIR")) << name;
    EXPECT_THAT(verdict.text, HasSubstr(std::string("[lib") + name + "-namesake.so]"));
  }
}

// Test: what is missing or no ELF file is not taken for a program without LLVM.
TEST(Links, TheCheckRefusesOtherFiles) {
  Verdict missing = check("/nonexistent");
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.text, HasSubstr("/nonexistent: cannot be read"));
  Verdict script = check(std::string(QUIPU_TEST_SOURCE_DIR) + "/runtime/no-llvm.sh");
  EXPECT_EQ(script.status, 1);
  EXPECT_THAT(script.text, HasSubstr("no-llvm.sh: cannot be read"));
}
