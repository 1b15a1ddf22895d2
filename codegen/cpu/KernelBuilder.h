//===- KernelBuilder.h - The vocabulary of CPU kernel emitters --*- C++ -*-===//
//
// A thin layer over the builders of llvm, arith, scf, vector and x86vector, so that an emitter reads like the loop nest
// that it emits. What does not depend on the CPU is in ArithBuilder.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_KERNELBUILDER_H
#define QUIPU_CODEGEN_CPU_KERNELBUILDER_H

#include "codegen/common/ArithBuilder.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace quipu::codegen::cpu {

inline constexpr int64_t kCacheLineBytes = 64;

/// The greatest power of two that divides `extent` and is at most `lanes`.
inline int64_t widestVector(int64_t extent, int64_t lanes) {
  int64_t width = 1;
  while (width * 2 <= lanes && extent % (width * 2) == 0)
    width *= 2;
  return width;
}

/// Elements of a vector.
inline int64_t lanesOf(mlir::Value vector) { return mlir::cast<mlir::VectorType>(vector.getType()).getNumElements(); }

class KernelBuilder : public ArithBuilder {
public:
  using ArithBuilder::ArithBuilder;

  // ---- f32 vectors
  mlir::VectorType vectorOf(mlir::Type element, int64_t lanes) { return mlir::VectorType::get({lanes}, element); }
  Value splat(Value scalar, int64_t lanes) {
    return mlir::vector::BroadcastOp::create(*this, vectorOf(scalar.getType(), lanes), scalar);
  }
  Value splat(float value, int64_t lanes) {
    return mlir::arith::ConstantOp::create(
        *this, mlir::DenseElementsAttr::get(vectorOf(getF32Type(), lanes), llvm::ArrayRef<float>(value)));
  }
  /// The same 8-bit integer in all lanes.
  Value splatByte(int64_t value, int64_t lanes);
  /// An f32 constant, scalar or vector as `like` is.
  Value constantLike(Value like, float value);
  /// a * b + c on scalars or vectors.
  Value fma(Value a, Value b, Value c);
  Value exp(Value a);
  /// 1 / sqrt(a), of full precision.
  Value rsqrt(Value a);
  /// a / (1 + exp(-z)).
  Value timesLogistic(Value a, Value z);
  /// a / (1 + exp(-a)).
  Value silu(Value a) { return timesLogistic(a, a); }
  /// The sum of the lanes: the upper half is added to the lower half until one lane is left. So the order is the same
  /// as that of sumLanesOfEach, foldTo and sumHalves. Zeros fill up a number of lanes that is no power of two.
  Value sumLanes(Value vector);
  /// The sum of as many values as a power of two: the second half is added to the first half until one is left.
  Value sumHalves(llvm::ArrayRef<Value> parts);
  /// The maximum of the lanes.
  Value maxLanes(Value vector);
  /// Element i of the result is the sum of the lanes of vector i. All have the same number of lanes, a power of two.
  Value sumLanesOfEach(llvm::ArrayRef<Value> vectors);
  /// A vector of `lanes` whose first element is the scalar; the others are 0.
  Value inFirstLane(Value scalar, int64_t lanes);
  /// All elements of one vector, then those of another.
  Value join(Value low, Value high);
  /// A vector of `lanes`, as if the elements of `vector` were repeated, or left out, evenly: lane i has element
  /// i * (elements of `vector`) / lanes.
  Value spread(Value vector, int64_t lanes);
  /// A vector of `lanes` whose sum is that of `vector`: halves are added, or zeros appended. Both numbers of lanes are
  /// powers of two.
  Value foldTo(Value vector, int64_t lanes);
  /// Multiplies pairs of bf16 and adds both products to an f32 lane. The bf16 vectors have twice as many elements.
  Value dotBf16(Value accumulator, Value a, Value b);
  Value fromScalars(llvm::ArrayRef<Value> scalars);
  /// Element i of vector j of the result is element j of vector i. Both numbers are powers of two, and there are no
  /// fewer vectors than elements of one.
  Values transpose(llvm::ArrayRef<Value> vectors);
  /// exp(score - largest): the weight of a key before it is divided by their sum. Of a masked score it is 0 exactly, so
  /// that a row does not depend on masked keys.
  Value weightOf(Value scores, Value largest);

  // ---- control
  /// A loop that LLVM does not unroll. If it did, it would move loads of all steps to the front, and there are not
  /// enough registers for them. It carries at least one value.
  Values rolledLoop(int64_t upper, int64_t step, llvm::ArrayRef<Value> initial,
                    llvm::function_ref<Values(Value, mlir::ValueRange)> body);

  // ---- memory
  /// `lanes` consecutive elements of `element` type, widened to f32. lanes = 0: a scalar.
  Value loadF32(mlir::Type element, Value pointer, int64_t lanes);
  /// f32 scalar or vector, rounded to `element` type.
  void storeF32(Value value, mlir::Type element, Value pointer);
  Value loadI32(Value pointer, int64_t lanes = 0);
  void prefetch(Value pointer);
  /// LLVM moves no load or request for memory across this place. It costs no instruction.
  void orderMemory();
  /// The same pointer. LLVM does not know this, so it loads what was stored instead of keeping it in registers.
  Value opaque(Value pointer);
  /// Element `index` of an array of pointers.
  Value pointerAt(Value pointers, int64_t index);
  /// Element `index` of an array of i64.
  Value dimAt(Value dims, int64_t index) { return load(getI64Type(), at(dims, index * 8), 8); }
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_KERNELBUILDER_H
