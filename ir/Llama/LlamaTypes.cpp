//===- LlamaTypes.cpp - Types of the llama dialect ------------------------===//

#include "ir/Llama/Llama.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

#define GET_TYPEDEF_CLASSES
#include "ir/Llama/LlamaTypes.cpp.inc"

static LogicalResult verifyCacheShape(function_ref<InFlightDiagnostic()> emitError, int64_t kvHeads, int64_t headDim,
                                      Type elementType, int64_t page) {
  if (kvHeads <= 0)
    return emitError() << "number of key/value heads must be positive, found " << kvHeads;
  if (headDim <= 0)
    return emitError() << "head dimension must be positive, found " << headDim;
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "element type must be f32, f16 or bf16, found " << elementType;
  if (page <= 0)
    return emitError() << "page must hold at least one position, found " << page;
  return success();
}

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t layers, int64_t kvHeads,
                                  int64_t headDim, Type elementType, int64_t page) {
  if (layers <= 0)
    return emitError() << "number of layers must be positive, found " << layers;
  return verifyCacheShape(emitError, kvHeads, headDim, elementType, page);
}

LogicalResult KVLayerType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t kvHeads, int64_t headDim,
                                  Type elementType, int64_t page) {
  return verifyCacheShape(emitError, kvHeads, headDim, elementType, page);
}

void LlamaDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/Llama/LlamaTypes.cpp.inc"
      >();
}
