//===- ArithBuilder.h - Arithmetic and loops for emitters -------*- C++ -*-===//
//
// The part of an emitter's vocabulary that does not depend on the target: integers, f32 scalars and vectors, addresses
// (llvm pointers plus byte offsets), loops. Arithmetic is on f32, whatever the type in memory. CPU emitters add vectors
// and dot products (codegen/cpu/KernelBuilder.h), CUDA emitters threads and tensor cores
// (codegen/cuda/vocabulary/CudaBuilder.h).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_ARITHBUILDER_H
#define QUIPU_CODEGEN_COMMON_ARITHBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quipu::codegen {

/// Bytes of an element of f32, f16, bf16 or i32.
inline int64_t bytesOf(mlir::Type type) { return type.getIntOrFloatBitWidth() / 8; }

/// Score of a masked key. It is finite, so that the difference of two such scores is not a NaN. It is below every real
/// score.
inline constexpr float kMaskedScore = -1.0e30f;

class ArithBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using Predicate = mlir::arith::CmpIPredicate;
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  // ---- integers (i32 or i64; both operands of one type)
  Value i64(int64_t value) { return mlir::arith::ConstantIntOp::create(*this, value, 64); }
  Value i32(int64_t value) { return mlir::arith::ConstantIntOp::create(*this, value, 32); }
  /// A constant of the type of `like`.
  Value constant(Value like, int64_t value) {
    return mlir::arith::ConstantIntOp::create(*this, value, like.getType().getIntOrFloatBitWidth());
  }
  Value add(Value a, Value b) { return mlir::arith::AddIOp::create(*this, a, b); }
  Value sub(Value a, Value b) { return mlir::arith::SubIOp::create(*this, a, b); }
  Value mul(Value a, Value b) { return mlir::arith::MulIOp::create(*this, a, b); }
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, constant(a, b)); }
  Value sub(Value a, int64_t b) { return b == 0 ? a : sub(a, constant(a, b)); }
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, constant(a, b)); }
  /// Quotient and remainder of non-negative numbers.
  Value div(Value a, int64_t b) {
    return b == 1 ? a : mlir::arith::DivUIOp::create(*this, a, constant(a, b)).getResult();
  }
  Value rem(Value a, int64_t b) {
    return b == 1 ? constant(a, 0) : mlir::arith::RemUIOp::create(*this, a, constant(a, b)).getResult();
  }
  Value div(Value a, Value b) { return mlir::arith::DivUIOp::create(*this, a, b); }
  Value rem(Value a, Value b) { return mlir::arith::RemUIOp::create(*this, a, b); }
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value min(Value a, Value b) { return mlir::arith::MinSIOp::create(*this, a, b); }
  Value max(Value a, Value b) { return mlir::arith::MaxSIOp::create(*this, a, b); }
  /// Sign-extends an i32 (scalar or vector) to i64.
  Value widen(Value a) { return mlir::arith::ExtSIOp::create(*this, getI64Type(), a); }
  Value compare(Predicate predicate, Value a, Value b) { return mlir::arith::CmpIOp::create(*this, predicate, a, b); }
  Value compare(Predicate predicate, Value a, int64_t b) { return compare(predicate, a, constant(a, b)); }
  Value both(Value a, Value b) { return mlir::arith::AndIOp::create(*this, a, b); }
  Value select(Value condition, Value a, Value b) { return mlir::arith::SelectOp::create(*this, condition, a, b); }

  // ---- f32 scalars and vectors
  Value f32(float value) { return mlir::arith::ConstantOp::create(*this, getF32FloatAttr(value)); }
  Value addf(Value a, Value b) { return mlir::arith::AddFOp::create(*this, a, b); }
  Value subf(Value a, Value b) { return mlir::arith::SubFOp::create(*this, a, b); }
  Value mulf(Value a, Value b) { return mlir::arith::MulFOp::create(*this, a, b); }
  Value divf(Value a, Value b) { return mlir::arith::DivFOp::create(*this, a, b); }
  Value maxf(Value a, Value b) { return mlir::arith::MaxNumFOp::create(*this, a, b); }
  Value negf(Value a) { return mlir::arith::NegFOp::create(*this, a); }
  /// f32 (scalar or vector) rounded to / widened from `element`.
  Value roundTo(mlir::Type element, Value value);
  Value widenToF32(Value value);
  /// Turns rotary pairs (a, c) of element `j`: (a cos - c sin, c cos + a sin).
  std::pair<Value, Value> rotatePair(Value a, Value c, Value cosine, Value sine) {
    return {subf(mulf(a, cosine), mulf(c, sine)), addf(mulf(c, cosine), mulf(a, sine))};
  }

  // ---- memory
  /// Address `byteOffset` (i32 or i64) behind a pointer of any address space.
  Value at(Value pointer, Value byteOffset);
  Value at(Value pointer, int64_t byteOffset) { return byteOffset == 0 ? pointer : at(pointer, i64(byteOffset)); }
  /// Raw load and store of any scalar or vector type, aligned to `alignment` bytes.
  Value load(mlir::Type type, Value pointer, int64_t alignment);
  void store(Value value, Value pointer, int64_t alignment);

  // ---- control flow
  /// for (i = lower; i < upper; i += step) body(i), in the type of `lower`.
  void loop(Value lower, Value upper, int64_t step, llvm::function_ref<void(Value)> body);
  void loop(Value lower, Value upper, Value step, llvm::function_ref<void(Value)> body);
  /// The same with loop-carried values: `body` returns their next values.
  Values loop(Value lower, Value upper, int64_t step, llvm::ArrayRef<Value> initial,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  Values loop(Value lower, Value upper, Value step, llvm::ArrayRef<Value> initial,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  /// do { carried = body(carried) } while (its condition): `body` returns the condition (i1) and the next values.
  Values repeat(llvm::ArrayRef<Value> initial, llvm::function_ref<std::pair<Value, Values>(mlir::ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
  /// Both branches yield values of the same types.
  Values ifElse(Value condition, llvm::function_ref<Values()> then, llvm::function_ref<Values()> otherwise);
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_ARITHBUILDER_H
