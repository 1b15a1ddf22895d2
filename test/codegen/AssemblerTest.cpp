//===- AssemblerTest.cpp - Which assembler makes a cubin ---------------------------===//

#include "codegen/cuda/toolchain/Assembler.h"
#include "test/UniqueFolder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace quipu::codegen::cuda;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

/// Scripts in the place of ptxas, which is called as `ptxas -v -O3 -arch=A INPUT -o OUTPUT`.
class AssemblerTest : public testing::Test {
protected:
  std::string script(const std::string &name, const std::string &body) const {
    std::string path = (folder.path / name).string();
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  /// As ptxas of CUDA 11 refuses PTX that came after it.
  std::string old(const std::string &name) const {
    return script(name,
                  "echo 'ptxas x.ptx, line 5; fatal   : Unsupported .version 8.6; current version is 7.8'; exit 255");
  }
  /// Writes its input's bytes behind "cubin of ".
  std::string works(const std::string &name) const {
    return script(name, "echo 'a log'; { printf 'cubin of '; cat \"$4\"; } > \"$6\"");
  }

  quipu::test::UniqueFolder folder;
  CudaTarget target = *CudaTarget::find("sm_90a");
};

std::string text(const Cubin &cubin) { return {cubin.bytes.begin(), cubin.bytes.end()}; }

} // namespace

// Test: one that is too old is passed over, and the next one's code is taken.
TEST_F(AssemblerTest, TheNextAfterAnOldOne) {
  std::string good = works("good");
  llvm::Expected<Assembly> assembly = assembleWithFirst("the text", target, {{old("old"), good, old("later")}, {}});
  ASSERT_TRUE(bool(assembly)) << llvm::toString(assembly.takeError());
  ASSERT_TRUE(assembly->cubin.has_value()) << assembly->obstacle;
  EXPECT_EQ(text(*assembly->cubin), "cubin of the text");
  EXPECT_EQ(assembly->cubin->assembler, good);
  EXPECT_EQ(assembly->cubin->log, "a log\n");
  EXPECT_EQ(assembly->obstacle, "");
}

// Test: with old ones alone there is no cubin, and all of them are named.
TEST_F(AssemblerTest, OldOnesAlone) {
  std::string first = old("first"), second = old("second");
  llvm::Expected<Assembly> one = assembleWithFirst("x", target, {{first}, {"/nonexistent/libnvJitLink.so"}});
  ASSERT_TRUE(bool(one)) << llvm::toString(one.takeError());
  EXPECT_FALSE(one->cubin.has_value());
  EXPECT_EQ(one->obstacle, first + " is too old for the PTX of sm_90a");
  llvm::Expected<Assembly> two = assembleWithFirst("x", target, {{first, second}, {}});
  ASSERT_TRUE(bool(two)) << llvm::toString(two.takeError());
  EXPECT_FALSE(two->cubin.has_value());
  EXPECT_EQ(two->obstacle, first + " and " + second + " are too old for the PTX of sm_90a");
}

TEST_F(AssemblerTest, None) {
  llvm::Expected<Assembly> assembly = assembleWithFirst("x", target, {});
  ASSERT_TRUE(bool(assembly)) << llvm::toString(assembly.takeError());
  EXPECT_FALSE(assembly->cubin.has_value());
  EXPECT_EQ(assembly->obstacle, "this machine has no assembler for NVIDIA GPUs");
}

// Test: an assembler that refuses the code for another reason ends the search: the code is wrong.
TEST_F(AssemblerTest, Refusal) {
  std::string bad = script("bad", "echo 'ptxas x.ptx, line 9; error   : Unknown symbol'; exit 1");
  llvm::Expected<Assembly> assembly = assembleWithFirst("x", target, {{bad, works("good")}, {}});
  ASSERT_FALSE(bool(assembly));
  std::string message = llvm::toString(assembly.takeError());
  EXPECT_THAT(message, HasSubstr(bad + " failed"));
  EXPECT_THAT(message, HasSubstr("Unknown symbol"));
}
