//===- quipu-opt.cpp - The pass tool --------------------------------------===//
//
// mlir-opt with the llama dialect, its passes and pipelines, and everything of upstream MLIR.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/DebugLog.h"
#include "ir/Llama/PassStatistics.h"
#include "runtime/support/InputFiles.h"
#include "tools/common/Startup.h"
#include "tools/quipu-opt/Registration.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

/// Whether --mlir-pass-statistics was given. It is switched off: MLIR's own report has no numbers.
static bool takeStatisticsOption() {
  auto *option = static_cast<llvm::cl::opt<bool> *>(llvm::cl::getRegisteredOptions().lookup("mlir-pass-statistics"));
  bool isOn = option && *option;
  if (isOn)
    option->setValue(false);
  return isOn;
}

/// --debug-only, where LLVM's library has none.
class DebugOnlyOption {
public:
  DebugOnlyOption() {
    if (!llvm::cl::getRegisteredOptions().contains("debug-only"))
      option.emplace("debug-only", llvm::cl::CommaSeparated, llvm::cl::value_desc("pass,..."),
                     llvm::cl::desc("Print what these passes decide, on standard error"));
  }

  /// Switches the lines on that were asked for. False where a name is that of no pass.
  bool apply() {
    if (!option || option->empty())
      return true;
    llvm::Error error = quipu::switchDebugLog(std::vector<std::string>(option->begin(), option->end()),
                                              [](llvm::StringRef line) { llvm::errs() << line; });
    if (!error)
      return true;
    llvm::errs() << "quipu-opt: error: --debug-only: " << llvm::toString(std::move(error)) << "\n";
    return false;
  }

private:
  std::optional<llvm::cl::list<std::string>> option;
};

/// The same as MlirOptMain with the names of files, but with our own report of statistics.
static mlir::LogicalResult runOpt(llvm::StringRef input, llvm::StringRef output, mlir::DialectRegistry &registry) {
  quipu::PassStatisticsReport report([](llvm::StringRef text) { llvm::errs() << text; });
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  config.setPassPipelineSetupFn([&report, given = config](mlir::PassManager &passes) {
    passes.addInstrumentation(std::make_unique<quipu::PassStatisticsWatch>(report));
    return given.setupPassPipeline(passes);
  });
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> buffer = mlir::openInputFile(input, &problem);
  std::unique_ptr<llvm::ToolOutputFile> file = buffer ? mlir::openOutputFile(output, &problem) : nullptr;
  if (!file) {
    llvm::errs() << problem << "\n";
    return mlir::failure();
  }
  mlir::LogicalResult result = mlir::MlirOptMain(file->os(), std::move(buffer), registry, config);
  if (succeeded(result))
    file->keep();
  return result;
}

int main(int argc, char **argv) {
  quipu::tool::startProgram();
  mlir::DialectRegistry registry;
  quipu::tool::registerDialects(registry);
  quipu::tool::registerPasses();
  DebugOnlyOption debugOnly;
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, "Quipu's optimizer driver\n", registry);
  if (!debugOnly.apply())
    return 2;
  quipu::noteInput(input);
  if (struct stat status; stat(output.c_str(), &status) == 0)
    if (std::optional<std::string> same = quipu::findReadInput(status)) {
      llvm::errs() << output << ": cannot write: it is the same file as " << *same << '\n';
      return EXIT_FAILURE;
    }
  return mlir::asMainReturnCode(takeStatisticsOption() ? runOpt(input, output, registry)
                                                       : mlir::MlirOptMain(argc, argv, input, output, registry));
}
