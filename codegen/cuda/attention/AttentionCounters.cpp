//===- AttentionCounters.cpp - Which block of a row is the last ---------------===//

#include "codegen/cuda/attention/AttentionCounters.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void emitCounters(CudaBuilder &b, StringRef symbol, int64_t count) {
  LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getI32Type(), count), /*isConstant=*/false,
                         LLVM::Linkage::Internal, symbol, LLVM::ZeroAttr::get(b.getContext()), /*alignment=*/4,
                         /*addrSpace=*/1);
}

Value countBlock(CudaBuilder &b, StringRef symbol, Value counter, Value last, Value flag) {
  b.barrier();
  b.ifThen(b.compare(CudaBuilder::Predicate::eq, b.thread(), 0), [&] {
    Value address = b.at(LLVM::AddressOfOp::create(b, b.pointerType(1), symbol), b.mul(b.widen(counter), 4));
    b.store(ptx::countReleasing(b, address, last), flag, 4);
  });
  b.barrier();
  return b.loadI32(flag);
}

} // namespace quipu::codegen::cuda
