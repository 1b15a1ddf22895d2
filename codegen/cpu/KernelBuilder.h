//===- KernelBuilder.h - The vocabulary of CPU kernel emitters --*- C++ -*-===//
//
// A thin layer over the builders of llvm, arith, scf, vector and x86vector, so that an emitter reads like the loop nest
// that it emits. Addresses are llvm pointers plus byte offsets (i64); arithmetic is on f32 vectors, whatever the type
// in memory.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_KERNELBUILDER_H
#define QUIPU_CODEGEN_CPU_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quipu::codegen {

/// Bytes of an element of f32, f16, bf16 or i32.
inline int64_t bytesOf(mlir::Type type) { return type.getIntOrFloatBitWidth() / 8; }

/// Most elements, a power of two of at most `lanes`, of vectors that divide `extent` without rest.
inline int64_t widestVector(int64_t extent, int64_t lanes) {
  int64_t width = 1;
  while (width * 2 <= lanes && extent % (width * 2) == 0)
    width *= 2;
  return width;
}

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  // ---- integers (i64 unless said otherwise)
  Value i64(int64_t value) { return mlir::arith::ConstantIntOp::create(*this, value, 64); }
  Value i32(int32_t value) { return mlir::arith::ConstantIntOp::create(*this, value, 32); }
  Value add(Value a, Value b) { return mlir::arith::AddIOp::create(*this, a, b); }
  Value sub(Value a, Value b) { return mlir::arith::SubIOp::create(*this, a, b); }
  Value mul(Value a, Value b) { return mlir::arith::MulIOp::create(*this, a, b); }
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, i64(b)); }
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, i64(b)); }
  /// Quotient and remainder of non-negative numbers.
  Value div(Value a, int64_t b) { return b == 1 ? a : mlir::arith::DivUIOp::create(*this, a, i64(b)).getResult(); }
  Value rem(Value a, int64_t b) { return b == 1 ? i64(0) : mlir::arith::RemUIOp::create(*this, a, i64(b)).getResult(); }
  Value min(Value a, Value b) { return mlir::arith::MinSIOp::create(*this, a, b); }
  Value max(Value a, Value b) { return mlir::arith::MaxSIOp::create(*this, a, b); }
  /// Sign-extends an i32 (scalar or vector) to i64.
  Value widen(Value a) { return mlir::arith::ExtSIOp::create(*this, getI64Type(), a); }
  Value compare(mlir::arith::CmpIPredicate predicate, Value a, Value b) {
    return mlir::arith::CmpIOp::create(*this, predicate, a, b);
  }

  // ---- f32 scalars and vectors
  mlir::VectorType vectorOf(mlir::Type element, int64_t lanes) { return mlir::VectorType::get({lanes}, element); }
  Value f32(float value) { return mlir::arith::ConstantOp::create(*this, getF32FloatAttr(value)); }
  Value splat(Value scalar, int64_t lanes) {
    return mlir::vector::BroadcastOp::create(*this, vectorOf(scalar.getType(), lanes), scalar);
  }
  Value splat(float value, int64_t lanes) {
    return mlir::arith::ConstantOp::create(
        *this, mlir::DenseElementsAttr::get(vectorOf(getF32Type(), lanes), llvm::ArrayRef<float>(value)));
  }
  Value addf(Value a, Value b) { return mlir::arith::AddFOp::create(*this, a, b); }
  Value subf(Value a, Value b) { return mlir::arith::SubFOp::create(*this, a, b); }
  Value mulf(Value a, Value b) { return mlir::arith::MulFOp::create(*this, a, b); }
  Value divf(Value a, Value b) { return mlir::arith::DivFOp::create(*this, a, b); }
  Value maxf(Value a, Value b) { return mlir::arith::MaxNumFOp::create(*this, a, b); }
  /// a * b + c on scalars or vectors.
  Value fma(Value a, Value b, Value c);
  Value exp(Value a);
  /// 1 / sqrt(a), of full precision.
  Value rsqrt(Value a);
  /// a / (1 + exp(-a)).
  Value silu(Value a);
  /// Sum or maximum of the lanes.
  Value sumLanes(Value vector);
  Value maxLanes(Value vector);
  /// Pairs of bf16 (vectors of twice as many elements) multiplied and accumulated into f32 lanes.
  Value dotBf16(Value accumulator, Value a, Value b);
  Value fromScalars(llvm::ArrayRef<Value> scalars);

  // ---- memory
  Value at(Value pointer, Value byteOffset);
  Value at(Value pointer, int64_t byteOffset) { return byteOffset == 0 ? pointer : at(pointer, i64(byteOffset)); }
  /// Raw load and store of any scalar or vector type, aligned to `alignment` bytes.
  Value load(mlir::Type type, Value pointer, int64_t alignment);
  void store(Value value, Value pointer, int64_t alignment);
  /// `lanes` consecutive elements of `element` type, widened to f32. lanes = 0: a scalar.
  Value loadF32(mlir::Type element, Value pointer, int64_t lanes);
  /// f32 scalar or vector, rounded to `element` type.
  void storeF32(Value value, mlir::Type element, Value pointer);
  /// f32 (scalar or vector) rounded to / widened from `element`.
  Value roundTo(mlir::Type element, Value value);
  Value widenToF32(Value value);
  Value loadI32(Value pointer, int64_t lanes = 0);
  void prefetch(Value pointer);
  /// Element `index` of an array of pointers.
  Value pointerAt(Value pointers, int64_t index);
  /// Element `index` of an array of i64.
  Value dimAt(Value dims, int64_t index) { return load(getI64Type(), at(dims, index * 8), 8); }

  // ---- control flow
  /// for (i = lower; i < upper; i += step) body(i).
  void loop(Value lower, Value upper, int64_t step, llvm::function_ref<void(Value)> body);
  /// The same with loop-carried values: `body` returns their next values.
  Values loop(Value lower, Value upper, int64_t step, llvm::ArrayRef<Value> initial,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_CPU_KERNELBUILDER_H
