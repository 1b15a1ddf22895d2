//===- Pointwise.cpp - Embedding and rotary tables --------------------------------===//

#include "codegen/cpu/Emitters.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// Address of feature `k` of `row`, whichever the layout.
static Value addressOf(KernelBuilder &b, const ActivationLayout &layout, Value base, Value row, Value k) {
  if (!layout.lanes)
    return b.at(base, b.add(b.mul(row, layout.strideBytes()), layout.featureOffset(b, k)));
  Value tile = b.mul(b.div(row, layout.lanes), layout.strideBytes());
  Value lane = b.mul(b.rem(row, layout.lanes), layout.pack * layout.elementBytes());
  return b.at(base, b.add(b.add(tile, lane), layout.featureOffset(b, k)));
}

void emitEmbedding(KernelBuilder &b, KernelOp kernel, EmbeddingOp embedding, CpuPointwiseScheduleAttr schedule,
                   StringRef symbol) {
  KernelFrame frame(b, kernel, symbol);
  auto table = cast<RankedTensorType>(embedding.getTable().getType());
  Type element = table.getElementType();
  int64_t width = table.getDimSize(1), rowsPerBlock = schedule.getRowsPerBlock();
  ActivationLayout layout(embedding.getResult().getType());
  int64_t vector = layout.lanes ? 1 : widestVector(width, schedule.getLanes());

  Value last = b.min(b.mul(frame.end, rowsPerBlock), frame.tokens);
  b.loop(b.mul(frame.begin, rowsPerBlock), last, 1, [&](Value row) {
    Value token = b.widen(b.loadI32(b.at(frame.argument(embedding.getTokens()), b.mul(row, 4))));
    Value source = b.at(frame.argument(embedding.getTable()), b.mul(token, width * bytesOf(element)));
    b.loop(b.i64(0), b.i64(width), vector, [&](Value k) {
      Value value = b.loadF32(element, b.at(source, b.mul(k, bytesOf(element))), vector == 1 ? 0 : vector);
      b.storeF32(value, layout.element, addressOf(b, layout, frame.result(0), row, k));
    });
  });
}

void emitRotaryTable(KernelBuilder &b, KernelOp kernel, RotaryTableOp table, CpuPointwiseScheduleAttr schedule,
                     StringRef symbol) {
  // The frequencies are a constant of the code module, computed by the compiler.
  SmallVector<float> frequencies = table.getRope().inverseFrequencies(table.getHeadDim());
  int64_t half = frequencies.size(), rowsPerBlock = schedule.getRowsPerBlock();
  std::string constant = (symbol + ".inverse_frequencies").str();
  auto type = RankedTensorType::get({half}, b.getF32Type());
  LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getF32Type(), half), /*isConstant=*/true,
                         LLVM::Linkage::Internal, constant, DenseElementsAttr::get(type, ArrayRef<float>(frequencies)),
                         /*alignment=*/64);

  KernelFrame frame(b, kernel, symbol);
  Value inverse = LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), constant);
  ActivationLayout layout(table.getResult().getType());
  Value last = b.min(b.mul(frame.end, rowsPerBlock), frame.tokens);
  b.loop(b.mul(frame.begin, rowsPerBlock), last, 1, [&](Value row) {
    Value position = b.loadI32(b.at(frame.argument(table.getPositions()), b.mul(row, 4)));
    Value asFloat = arith::SIToFPOp::create(b, b.getF32Type(), position);
    b.loop(b.i64(0), b.i64(half), 1, [&](Value pair) {
      Value angle = b.mulf(asFloat, b.loadF32(b.getF32Type(), b.at(inverse, b.mul(pair, 4)), 0));
      b.storeF32(math::CosOp::create(b, angle), layout.element, addressOf(b, layout, frame.result(0), row, pair));
      b.storeF32(math::SinOp::create(b, angle), layout.element,
                 addressOf(b, layout, frame.result(0), row, b.add(pair, half)));
    });
  });
}

} // namespace quipu::codegen
