//===- Wgmma.cpp - Tensor cores, four warps at a time ------------------------===//

#include "codegen/cuda/vocabulary/Wgmma.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace quipu::codegen::cuda {

/// The low half of a descriptor. Bits 0 to 13: the address / 16. From bit 16: the leading byte offset / 16. With rows
/// of n this offset is the distance of the boxes; otherwise it has no meaning for this swizzle and is 1. The high half
/// is in PtxStrings.cpp.
static constexpr int64_t kAddressBits = 14, kLeadingOffset = 1 << 16;

Value Wgmma::descriptor(Value shared) { return descriptorOfRows(shared, 16); }

Value Wgmma::descriptorOfRows(Value shared, int64_t boxBytes) {
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), shared);
  Value sixteenths = arith::AndIOp::create(b, b.div(address, 16), b.i32((1 << kAddressBits) - 1));
  return arith::OrIOp::create(b, sixteenths, b.i32(descriptorStep(boxBytes) * kLeadingOffset));
}

Wgmma::Values Wgmma::sums() {
  // The first product overwrites what the registers hold.
  return ptx::emptyRegisters(b, columns / 2);
}

void Wgmma::publish() {
  NVVM::FenceProxyOp::create(b, NVVM::ProxyKind::async_shared,
                             NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta));
}

void Wgmma::begin() { NVVM::WgmmaFenceAlignedOp::create(b); }
Wgmma::Values Wgmma::begin(ArrayRef<Value> registers) { return ptx::fenceRegisters(b, registers); }

Wgmma::Values Wgmma::multiply(Value a, Value weights, ArrayRef<Value> sums, bool keep) {
  return ptx::multiplyBoxes(b, element, columns, a, weights, sums, keep);
}

Wgmma::Values Wgmma::multiplyRows(ArrayRef<Value> a, Value rows, ArrayRef<Value> sums) {
  return ptx::multiplyRows(b, element, columns, a, rows, sums);
}

void Wgmma::commit() { NVVM::WgmmaGroupSyncAlignedOp::create(b); }

void Wgmma::waitForAllButLast() { NVVM::WgmmaWaitGroupSyncOp::create(b, 1); }

Wgmma::Values Wgmma::finishAllButLast(ArrayRef<Value> sums) { return ptx::waitForProducts(b, 1, sums); }
Wgmma::Values Wgmma::finish(ArrayRef<Value> sums) { return ptx::waitForProducts(b, 0, sums); }

void Wgmma::releaseRegisters(int64_t count) {
  NVVM::SetMaxRegisterOp::create(b, count, NVVM::SetMaxRegisterAction::decrease);
}

void Wgmma::acquireRegisters(int64_t count) {
  NVVM::SetMaxRegisterOp::create(b, count, NVVM::SetMaxRegisterAction::increase);
}

} // namespace quipu::codegen::cuda
