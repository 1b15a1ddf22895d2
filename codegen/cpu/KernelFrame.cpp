//===- KernelFrame.cpp - Entries of a kernel and their arguments ------------===//

#include "codegen/cpu/KernelFrame.h"

#include "runtime/abi/KernelAbi.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

ActivationLayout::ActivationLayout(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  element = tensor.getElementType();
  width = tensor.getDimSize(1);
  if (TokenLanesAttr layout = getTokenLanes(type)) {
    lanes = layout.getLanes();
    pack = layout.getPack();
  }
}

int64_t ActivationLayout::featureOffset(int64_t k) const {
  if (!lanes)
    return k * elementBytes();
  return ((k / pack) * lanes * pack + k % pack) * elementBytes();
}

Value ActivationLayout::featureOffset(KernelBuilder &b, Value k) const {
  if (!lanes)
    return b.mul(k, elementBytes());
  if (pack == 1)
    return b.mul(k, lanes * elementBytes());
  return b.add(b.mul(b.div(k, pack), lanes * pack * elementBytes()), b.mul(b.rem(k, pack), elementBytes()));
}

KernelFrame::KernelFrame(KernelBuilder &builder, KernelOp kernel, StringRef symbol) : builder(builder), guard(builder) {
  MLIRContext *context = builder.getContext();
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {pointer, pointer, i64, i64, pointer});
  auto function = LLVM::LLVMFuncOp::create(builder, kernel.getLoc(), symbol, type);
  Block *body = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);

  unsigned count = 0;
  for (Type argument : kernel.getArgumentTypes()) {
    firstPointer.push_back(count);
    count += pointersOf(argument);
  }
  firstResult = count;
  count += kernel.getResultTypes().size();
  firstWorkspace = count;
  if (kernel.getWorkspace())
    count += kernel.getWorkspace()->size();

  Value buffers = body->getArgument(0), dims = body->getArgument(1);
  begin = body->getArgument(2);
  end = body->getArgument(3);
  scratch = body->getArgument(4);
  for (unsigned i = 0; i < count; ++i)
    pointers.push_back(builder.pointerAt(buffers, i));
  tokens = builder.dimAt(dims, kDimTokens);
  outputs = builder.dimAt(dims, kDimOutputs);
  blockTableStride = builder.dimAt(dims, kDimBlockTableStride);
}

KernelFrame::~KernelFrame() { LLVM::ReturnOp::create(builder, ValueRange()); }

Value KernelFrame::argument(Value blockArgument, unsigned part) const {
  return pointers[firstPointer[cast<BlockArgument>(blockArgument).getArgNumber()] + part];
}

Value KernelFrame::result(unsigned index) const { return pointers[firstResult + index]; }
Value KernelFrame::workspace(unsigned index) const { return pointers[firstWorkspace + index]; }

} // namespace quipu::codegen::cpu
