//===- quipu-opt.cpp - The pass tool --------------------------------------===//
//
// mlir-opt with the llama dialect, its passes and pipelines, and everything of upstream MLIR.
//
//===----------------------------------------------------------------------===//

#include "codegen/Passes.h"
#include "ir/Llama/Llama.h"
#include "ir/Reference/Reference.h"
#include "passes/Passes.h"
#include "runtime/support/InputFiles.h"
#include "tools/common/Startup.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <sys/stat.h>

int main(int argc, char **argv) {
  quipu::tool::startProgram();
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<quipu::llama::LlamaDialect>();
  mlir::registerAllPasses();
  quipu::llama::registerLlamaPasses();
  quipu::codegen::registerCodegenPasses();
  quipu::llama::registerPipelines();
  quipu::llama::registerLlamaReferencePasses();
  quipu::llama::registerReferencePipeline();
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, "Quipu's optimizer driver\n", registry);
  quipu::noteInput(input);
  if (struct stat status; stat(output.c_str(), &status) == 0)
    if (std::optional<std::string> same = quipu::findReadInput(status)) {
      llvm::errs() << output << ": cannot write: it is the same file as " << *same << '\n';
      return EXIT_FAILURE;
    }
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
