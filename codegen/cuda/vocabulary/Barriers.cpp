//===- Barriers.cpp - Barriers in shared memory for asynchronous copies ----------===//

#include "codegen/cuda/vocabulary/Barriers.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void Barriers::initialise(int64_t arrivals) {
  for (int64_t i = 0; i < count; ++i)
    ptx::initialiseBarrier(b, b.at(first, i * kBytes), b.i32(arrivals));
}

void Barriers::publish(CudaBuilder &b) { NVVM::FenceMbarrierInitOp::create(b); }

void Barriers::wait(Value index, Value parity) { ptx::waitForPhase(b, at(index), parity); }

void Barriers::arriveIf(Value flag, Value index) { ptx::arriveIf(b, flag, at(index)); }

void Barriers::arriveIf(Value flag, Value index, Value block) { ptx::arriveIf(b, flag, at(index), block); }

void Barriers::arriveAfterCopies(Value index) { NVVM::CpAsyncMBarrierArriveOp::create(b, at(index), /*noinc=*/true); }

void Barriers::arriveExpecting(int64_t bytes, Value index) {
  NVVM::MBarrierArriveExpectTxOp::create(b, TypeRange(), at(index), b.i32(bytes), NVVM::MemScopeKind::CTA,
                                         /*relaxed=*/false, /*predicate=*/Value());
}

RingPlace RingPlace::next(CudaBuilder &b, int64_t stages) const {
  Value following = b.add(stage, 1);
  Value wraps = b.compare(CudaBuilder::Predicate::eq, following, stages);
  Value turned = arith::XOrIOp::create(b, parity, b.i32(1));
  return {b.select(wraps, b.i32(0), following), b.select(wraps, turned, parity)};
}

} // namespace quipu::codegen::cuda
