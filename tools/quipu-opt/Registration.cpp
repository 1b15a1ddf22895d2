//===- Registration.cpp - What the tools for modules know -----------------===//

#include "tools/quipu-opt/Registration.h"

#include "codegen/Passes.h"
#include "ir/Llama/Llama.h"
#include "ir/Reference/Reference.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

namespace quipu::tool {

void registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<llama::LlamaDialect>();
}

void registerPasses() {
  mlir::registerAllPasses();
  llama::registerLlamaPasses();
  codegen::registerCodegenPasses();
  llama::registerPipelines();
  llama::registerLlamaReferencePasses();
  llama::registerReferencePipeline();
}

} // namespace quipu::tool
