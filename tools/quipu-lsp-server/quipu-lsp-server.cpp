//===- quipu-lsp-server.cpp - What editors ask about modules --------------===//
//
// MLIR's language server with the llama dialect: an editor starts it, and it says what is wrong with a file while it is
// edited, what an op means, and where a value is defined and used (docs/ide.md).
//
//===----------------------------------------------------------------------===//

#include "tools/common/Startup.h"
#include "tools/quipu-opt/Registration.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  quipu::tool::startProgram();
  mlir::DialectRegistry registry;
  quipu::tool::registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
