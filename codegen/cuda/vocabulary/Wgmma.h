//===- Wgmma.h - Tensor cores, four warps at a time -------------*- C++ -*-===//
//
// wgmma.mma_async (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate"; sm_90a): four neighbouring warps
// add the product of a 64 x 16 and a 16 x n matrix of 16-bit elements to 64 x n sums in their registers. Both operands
// are read from boxes in shared memory (TensorCopies.h): A as 64 rows of k, B as n rows of k. Or A comes from
// registers, as fragments of mma.m16n8k16 (CudaBuilder.h) of the warp's 16 rows, and B as 16 rows of n, in boxes side
// by side.
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
  /// Rows of A in a product, and the length of its sums.
  static constexpr int64_t kRows = 64, kDepth = 16;
  /// Most columns of a product; their number is a multiple of 8.
  static constexpr int64_t kMaxColumns = 256;

  /// Products of `columns` columns of bf16 or f16 elements.
  Wgmma(CudaBuilder &b, mlir::Type element, int64_t columns) : b(b), element(element), columns(columns) {}

  /// What varies of the descriptor of a box in shared memory. Adding descriptorStep(bytes) moves it on.
  mlir::Value descriptor(mlir::Value shared);
  static constexpr int64_t descriptorStep(int64_t bytes) { return bytes / 16; }
  /// The same for rows of n, in boxes of `boxBytes`.
  mlir::Value descriptorOfRows(mlir::Value shared, int64_t boxBytes);

  /// Registers for the sums, with nothing in them.
  Values sums();
  /// What the thread wrote, or saw written, to shared memory otherwise than by copies of boxes is seen by products.
  void publish();
  /// What was written to the registers and to shared memory is seen by the products that follow.
  void begin();
  /// The same, where products read or change `registers` (f32, i32): their values from here on.
  Values begin(llvm::ArrayRef<mlir::Value> registers);
  /// sums + A B, or without `keep` A B alone. The sums may not be touched before finish().
  Values multiply(mlir::Value a, mlir::Value weights, llvm::ArrayRef<mlir::Value> sums, bool keep);
  /// The same with 4 registers (i32) of A and rows of n.
  Values multiplyRows(llvm::ArrayRef<mlir::Value> a, mlir::Value rows, llvm::ArrayRef<mlir::Value> sums);
  /// The products since the last commit form a group.
  void commit();
  /// Until at most one group is under way.
  void waitForAllButLast();
  /// The same: the sums of the others.
  Values finishAllButLast(llvm::ArrayRef<mlir::Value> sums);
  /// Until none is: the sums.
  Values finish(llvm::ArrayRef<mlir::Value> sums);

  /// By four neighbouring warps: registers of a thread from here on, fewer or more than before; a multiple of 8.
  void releaseRegisters(int64_t count);
  void acquireRegisters(int64_t count);

private:
  CudaBuilder &b;
  mlir::Type element;
  int64_t columns;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_WGMMA_H
