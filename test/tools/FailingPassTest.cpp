//===- FailingPassTest.cpp - What a compilation says of a pass with a fault --------------===//
//
// A pass that refuses a model has said why. A pass that leaves a module which is not valid, or that says nothing, is a
// fault of the compiler, and leaves a reproducer.
//
//===-------------------------------------------------------------------------------------===//

#include "runtime/support/Error.h"
#include "test/UniqueFolder.h"
#include "test/tools/FaultyPasses.h"
#include "tools/quipu-compile/Compilation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;

namespace {

/// A pass that fails, with or without a reason.
class RefusingPass : public mlir::PassWrapper<RefusingPass, mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RefusingPass)

  explicit RefusingPass(std::string reason) : reason(std::move(reason)) {}
  llvm::StringRef getArgument() const final { return "llama-form-kernels"; }
  void runOnOperation() override {
    if (!reason.empty())
      getOperation().emitError(reason);
    signalPassFailure();
  }

private:
  std::string reason;
};

class FailingPass : public testing::Test {
protected:
  FailingPass() {
    options.model = (folder.path / "config.json").string();
    options.output = (folder.path / "out.qplan").string();
    options.target = "cpu:x86-64-v3";
    std::ofstream(options.model) << kSmallConfig;
    const char *before = getenv("TMPDIR");
    temporary = before ? std::optional<std::string>(before) : std::nullopt;
    setenv("TMPDIR", folder.path.c_str(), 1);
  }
  ~FailingPass() override {
    if (temporary)
      setenv("TMPDIR", temporary->c_str(), 1);
    else
      unsetenv("TMPDIR");
  }

  using Replace = std::function<std::unique_ptr<mlir::Pass>(std::unique_ptr<mlir::Pass> right)>;

  /// What the compiler says, and prints, with another pass in the place of llama-form-kernels.
  std::string problemOf(const Replace &replace) {
    testing::internal::CaptureStderr();
    std::string problem = "nothing";
    try {
      Compilation(options, [&](CompilePhases &phases) {
        for (CompilePhase &phase : phases.common)
          if (phase.name == "llama-form-kernels")
            phase.pass = replace(std::move(phase.pass));
      }).run();
    } catch (const Error &error) {
      problem = error.what();
    }
    printed = testing::internal::GetCapturedStderr();
    return problem;
  }

  /// Reproducers that were written.
  std::vector<std::filesystem::path> reproducers() const {
    std::vector<std::filesystem::path> found;
    for (const auto &entry : std::filesystem::directory_iterator(folder.path))
      if (entry.path().filename().string().starts_with("quipu-fault-"))
        found.push_back(entry.path());
    return found;
  }

  UniqueFolder folder;
  CompileOptions options;
  std::string printed;
  std::optional<std::string> temporary;
};

TEST_F(FailingPass, LeavesAReproducerOfAnInvalidModule) {
  std::string problem = problemOf([](std::unique_ptr<mlir::Pass> right) {
    return std::make_unique<FaultyPass>(std::move(right), [](mlir::ModuleOp module) {
      module.lookupSymbol<llama::WeightOp>("layers.0.mlp.down_proj").erase();
    });
  });
  ASSERT_EQ(reproducers().size(), 1u) << problem;
  std::string file = reproducers().front().string();
  EXPECT_THAT(problem,
              HasSubstr("config.json: phase llama-form-kernels failed: it left a module that is not valid. That "
                        "is a fault of the compiler. The reproducer lies in " +
                        file + ": quipu-opt --run-reproducer " + file + " does the same again"));
  EXPECT_THAT(printed, HasSubstr("layers.0.mlp.down_proj"));
  // No module is printed.
  EXPECT_THAT(printed, testing::Not(HasSubstr("llama.linear %")));
  EXPECT_FALSE(std::filesystem::exists(options.output));

  // The module as it was imported, and the passes up to the wrong one.
  std::ifstream stream(file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_THAT(text, HasSubstr("llama.gated_mlp"));
  EXPECT_THAT(text, HasSubstr("pipeline: \"builtin.module(llama-expand,llama-share-kv-heads,llama-fuse-qkv,"
                              "llama-fuse-gate-up,llama-form-kernels)\""));
  EXPECT_THAT(text, HasSubstr("verify_each: true"));
}

TEST_F(FailingPass, LeavesAReproducerWhereNothingWasSaid) {
  std::string problem =
      problemOf([](std::unique_ptr<mlir::Pass>) { return std::make_unique<RefusingPass>(std::string()); });
  EXPECT_THAT(problem, HasSubstr("phase llama-form-kernels failed and did not say why. That is a fault"));
  EXPECT_EQ(reproducers().size(), 1u);
}

TEST_F(FailingPass, LeavesNoneWhereAModelIsRefused) {
  std::string problem = problemOf([](std::unique_ptr<mlir::Pass>) {
    return std::make_unique<RefusingPass>("models like this one are not supported");
  });
  EXPECT_THAT(problem, testing::EndsWith("config.json: phase llama-form-kernels failed"));
  EXPECT_THAT(printed, HasSubstr("models like this one are not supported"));
  EXPECT_TRUE(reproducers().empty());
}

} // namespace
