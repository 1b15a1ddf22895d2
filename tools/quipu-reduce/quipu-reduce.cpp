//===- quipu-reduce.cpp - A small module that shows the same --------------===//
//
// mlir-reduce with the llama dialect and the passes of Quipu: it makes a module smaller as long as a script says that
// it is still of interest (docs/debugging.md).
//
//===----------------------------------------------------------------------===//

#include "tools/common/Startup.h"
#include "tools/quipu-opt/Registration.h"
#include "tools/quipu-reduce/ReducePass.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  quipu::tool::startProgram();
  quipu::tool::registerPasses();
  quipu::tool::registerReducePass();
  mlir::DialectRegistry registry;
  quipu::tool::registerDialects(registry);
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
