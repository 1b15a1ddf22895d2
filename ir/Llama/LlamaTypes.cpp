//===- LlamaTypes.cpp - Types of the llama dialect ------------------------===//

#include "ir/Llama/WeightTypes.h"
#include "runtime/abi/InterleavedRows.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

static ParseResult parseBlockFormat(AsmParser &parser, const quipu::WeightFormat *&format) {
  StringRef name;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&name))
    return failure();
  format = quipu::findWeightFormat(name);
  if (format)
    return success();
  return parser.emitError(where) << "there is no format '" << name << "' of weights; those of blocks are "
                                 << quipu::weightFormatNames(/*blocksOnly=*/true);
}

static void printBlockFormat(AsmPrinter &printer, const quipu::WeightFormat *format) { printer << format->name; }

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

LogicalResult BlockType::verify(function_ref<InFlightDiagnostic()> emitError, WeightFormatPointer format) {
  if (!format->block)
    return emitError() << "the elements of " << format->name << " are numbers, no blocks";
  return success();
}

const quipu::WeightFormat *quipu::llama::weightFormatOf(Type element) {
  if (auto block = dyn_cast<BlockType>(element))
    return block.getFormat();
  if (element.isF32())
    return &denseFormat(plan::DType::f32);
  if (element.isF16())
    return &denseFormat(plan::DType::f16);
  if (element.isBF16())
    return &denseFormat(plan::DType::bf16);
  return nullptr;
}

Type quipu::llama::elementTypeOf(MLIRContext *context, const WeightFormat &format) {
  if (!format.dense)
    return BlockType::get(context, &format);
  switch (*format.dense) {
  case plan::DType::f32:
    return Float32Type::get(context);
  case plan::DType::f16:
    return Float16Type::get(context);
  case plan::DType::bf16:
    return BFloat16Type::get(context);
  case plan::DType::i32:
    break;
  }
  llvm_unreachable("weights are no integers");
}

int64_t quipu::llama::weightBytesOf(RankedTensorType type) {
  const WeightFormat *format = weightFormatOf(type.getElementType());
  return format ? static_cast<int64_t>(format->bytes(static_cast<uint64_t>(type.getNumElements()))) : 0;
}

bool quipu::llama::canInterleave(Type element) {
  const WeightFormat *format = weightFormatOf(element);
  return format && !unitsOf(*format).empty();
}

void LlamaDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/Llama/LlamaTypes.cpp.inc"
      >();
}
