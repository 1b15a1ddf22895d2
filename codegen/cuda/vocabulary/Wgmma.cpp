//===- Wgmma.cpp - Tensor cores, four warps at a time ------------------------===//

#include "codegen/cuda/vocabulary/Wgmma.h"

using namespace mlir;

namespace quipu::codegen::cuda {

/// A descriptor of 64 bits holds in its low half the address / 16 (14 bits) and the leading byte offset / 16 (16 bits
/// further up: with rows of n the distance of the boxes, else without meaning for this swizzle, 1), in its high half
/// the bytes / 16 between groups of eight rows and the code of the 128-byte swizzle. The halves are put together in the
/// instruction's own text: where additions to 64-bit descriptors can be folded, ptxas up to 13.0 loses the high half.
static constexpr int64_t kAddressBits = 14, kLeadingOffset = 1 << 16;
static constexpr StringLiteral kDescriptorHigh = "0x40000040";

Value Wgmma::descriptor(Value shared) { return descriptorOfRows(shared, 16); }

Value Wgmma::descriptorOfRows(Value shared, int64_t boxBytes) {
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), shared);
  Value sixteenths = arith::AndIOp::create(b, b.div(address, 16), b.i32((1 << kAddressBits) - 1));
  return arith::OrIOp::create(b, sixteenths, b.i32(descriptorStep(boxBytes) * kLeadingOffset));
}

Wgmma::Values Wgmma::sums() {
  // No instruction at all: the first product overwrites what the registers hold.
  return b.ptx("", SmallVector<Type>(columns / 2, b.getF32Type()), {}, /*memory=*/false, /*ordered=*/true);
}

void Wgmma::publish() { b.ptx("fence.proxy.async.shared::cta;", {}, {}, /*memory=*/true); }

void Wgmma::begin() { b.ptx("wgmma.fence.sync.aligned;", {}, {}, /*memory=*/true); }

/// Operands of an instruction: $first, ..., `count` of them.
static std::string numbered(size_t first, size_t count) {
  std::string list;
  for (size_t i = 0; i < count; ++i)
    list += (i ? ", $" : "$") + std::to_string(first + i);
  return list;
}

Wgmma::Values Wgmma::multiply(Value a, Value weights, ArrayRef<Value> sums, bool keep) {
  auto operand = [&](size_t index) { return "$" + std::to_string(2 * sums.size() + index); };
  std::string type = element.isBF16() ? "bf16" : "f16", registers = numbered(0, sums.size());
  std::string text = "{ .reg .pred keep; .reg .b32 high; .reg .b64 a, b; setp.ne.b32 keep, " + std::to_string(keep) +
                     ", 0; mov.b32 high, " + kDescriptorHigh.str() + "; mov.b64 a, {" + operand(0) +
                     ", high}; mov.b64 b, {" + operand(1) + ", high}; wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(columns) + "k16.f32." + type + "." + type + " {" + registers +
                     "}, a, b, keep, 1, 1, 0, 0; }";
  return change(sums, text, {a, weights});
}

Wgmma::Values Wgmma::multiplyRows(ArrayRef<Value> a, Value rows, ArrayRef<Value> sums) {
  size_t first = 2 * sums.size();
  std::string type = element.isBF16() ? "bf16" : "f16";
  std::string text = "{ .reg .b32 high; .reg .b64 b; mov.b32 high, " + kDescriptorHigh.str() + "; mov.b64 b, {$" +
                     std::to_string(first + a.size()) + ", high}; wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(columns) + "k16.f32." + type + "." + type + " {" + numbered(0, sums.size()) +
                     "}, {" + numbered(first, a.size()) + "}, b, 1, 1, 1, 1; }";
  Values operands(a);
  operands.push_back(rows);
  return change(sums, text, operands);
}

void Wgmma::commit() { b.ptx("wgmma.commit_group.sync.aligned;", {}, {}, /*memory=*/true); }

void Wgmma::waitForAllButLast() { b.ptx("wgmma.wait_group.sync.aligned 1;", {}, {}, /*memory=*/true); }

Wgmma::Values Wgmma::finishAllButLast(ArrayRef<Value> sums) {
  return change(sums, "wgmma.wait_group.sync.aligned 1;", {});
}

Wgmma::Values Wgmma::finish(ArrayRef<Value> sums) {
  // Tied to the registers, so that no use of them moves in front.
  return change(sums, "wgmma.wait_group.sync.aligned 0;", {});
}

void Wgmma::releaseRegisters(int64_t count) {
  b.ptx("setmaxnreg.dec.sync.aligned.u32 " + std::to_string(count) + ";", {}, {}, /*memory=*/false, /*ordered=*/true);
}

void Wgmma::acquireRegisters(int64_t count) {
  b.ptx("setmaxnreg.inc.sync.aligned.u32 " + std::to_string(count) + ";", {}, {}, /*memory=*/false, /*ordered=*/true);
}

Wgmma::Values Wgmma::change(ArrayRef<Value> registers, StringRef text, ArrayRef<Value> operands) {
  std::string constraints;
  SmallVector<Type> types;
  for (Value value : registers) {
    constraints += types.empty() ? "=" : ",=";
    constraints += value.getType().isF32() ? "f" : "r";
    types.push_back(value.getType());
  }
  for (size_t i = 0; i < registers.size(); ++i)
    constraints += "," + std::to_string(i);
  for (size_t i = 0; i < operands.size(); ++i)
    constraints += ",r";
  constraints += ",~{memory}";
  Values inputs(registers);
  inputs.append(operands.begin(), operands.end());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  Value result =
      LLVM::InlineAsmOp::create(b, TypeRange(type), inputs, text, constraints, /*has_side_effects=*/true,
                                /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
                                LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr())
          .getRes();
  Values changed;
  for (size_t i = 0; i < registers.size(); ++i)
    changed.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return changed;
}

} // namespace quipu::codegen::cuda
