//===- Wgmma.h - Tensor cores, four warps at a time -------------*- C++ -*-===//
//
// wgmma.mma_async (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate"; sm_90a): four neighbouring warps
// multiply a 64 x 16 and a 16 x n matrix of 16-bit elements. They add the product to 64 x n f32 sums in their
// registers. There are two forms. (1) Both operands lie in boxes in shared memory (TensorCopies.h): A as 64 rows of k,
// B as n rows of k. (2) A lies in registers, as fragments of mma.m16n8k16 (CudaBuilder.h) of the warp's 16 rows. B lies
// in shared memory as 16 rows of n, in boxes side by side.
//
// With w the warp's number in its group, g = lane / 4 and q = lane % 4, a thread holds for every eight columns j four
// sums, numbers 4j ... 4j + 3:
//     row 16w + g, columns 8j + 2q and 8j + 2q + 1;    row 16w + g + 8, the same columns
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_WGMMA_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_WGMMA_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

class Wgmma {
public:
  using Values = CudaBuilder::Values;
  /// Rows of A in a product, and k of a product.
  static constexpr int64_t kRows = 64, kDepth = 16;
  /// A product has at most so many columns (n), and a multiple of 8.
  static constexpr int64_t kMaxColumns = 256;

  /// Products of `columns` columns of bf16 or f16 elements.
  Wgmma(CudaBuilder &b, mlir::Type element, int64_t columns) : b(b), element(element), columns(columns) {}

  /// The part of a box's descriptor that depends on its address (i32). Adding descriptorStep(bytes) moves the address
  /// on.
  mlir::Value descriptor(mlir::Value shared);
  static constexpr int64_t descriptorStep(int64_t bytes) { return bytes / 16; }
  /// The same for rows of n, in boxes of `boxBytes`.
  mlir::Value descriptorOfRows(mlir::Value shared, int64_t boxBytes);

  /// Registers for the sums. Their values are undefined.
  Values sums();
  /// Makes shared memory that threads wrote (not copies of boxes) visible to products. The thread that wrote it calls
  /// this, or one that has synchronised with it.
  void publish();
  /// Makes what was written to registers and to shared memory visible to the products that follow.
  void begin();
  /// The same, for products that read or change `registers` (f32, i32). Use the returned values from here on.
  Values begin(llvm::ArrayRef<mlir::Value> registers);
  /// Starts sums + A B; without `keep` A B alone. The returned sums may not be used before finish().
  Values multiply(mlir::Value a, mlir::Value weights, llvm::ArrayRef<mlir::Value> sums, bool keep);
  /// Starts sums + A B in the second form: `a` is four registers (i32), `rows` a descriptor of rows of n.
  Values multiplyRows(llvm::ArrayRef<mlir::Value> a, mlir::Value rows, llvm::ArrayRef<mlir::Value> sums);
  /// Makes a group of the products since the last commit.
  void commit();
  /// Waits until at most one group is running.
  void waitForAllButLast();
  /// The same. Returns `sums`, which belong to the finished groups.
  Values finishAllButLast(llvm::ArrayRef<mlir::Value> sums);
  /// Waits until no group is running. Returns `sums`.
  Values finish(llvm::ArrayRef<mlir::Value> sums);

  /// From here on the threads have `count` registers each, fewer or more than before. `count` is a multiple of 8. All
  /// warps of a group of four call it.
  void releaseRegisters(int64_t count);
  void acquireRegisters(int64_t count);

private:
  CudaBuilder &b;
  mlir::Type element;
  int64_t columns;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_WGMMA_H
