//===- PtxStrings.h - Instructions that MLIR has no operation for -*- C++ -*-===//
//
// All PTX that emitters write as text. Everything else is an operation of the NVVM, LLVM, arith or math dialect. An
// instruction is here for one of two reasons, which PtxStrings.cpp gives beside each text: LLVM 22 has no operation for
// it, or the operation gives worse machine code.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_PTXSTRINGS_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_PTXSTRINGS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quipu::codegen::cuda::ptx {

using Builder = mlir::ImplicitLocOpBuilder;
using Value = mlir::Value;
using Values = llvm::SmallVector<mlir::Value>;

// ---- arithmetic
/// 2^a and 1 / sqrt(a) of f32, within two units in the last place.
Value exp2(Builder &b, Value a);
Value rsqrt(Builder &b, Value a);
/// A pair of f16 or bf16 in an i32, rounded from f32.
Value roundPair(Builder &b, mlir::Type element, Value low, Value high);
/// The i32 nearest to an f64. If two are equally near, the even one.
Value roundToI32(Builder &b, Value a);

/// The same i32, but the compiler does not know that it is the same.
Value opaque(Builder &b, Value number);
/// `count` f32 registers. Their values are undefined.
Values emptyRegisters(Builder &b, int64_t count);
/// Transposes an 8 x 8 matrix of 16-bit elements within a warp. Every lane gives a pair of elements (i32) of row lane /
/// 4, and gets a pair of column lane / 4.
Value transposePairs(Builder &b, Value pair);

// ---- control
/// Waits until the grid in front has finished and its writes are visible (sm_90).
void waitForPreviousGrid(Builder &b);
/// Ends the thread where `condition` (i1) holds.
void exitIf(Builder &b, Value condition);
/// Call it in the body of a loop: then ptxas does not unroll the loop.
void keepLoop(Builder &b);

// ---- loads, which stay where they were emitted among each other and what waits for other kernels
/// Loads 16 bytes (four i32) of global memory, `offset` bytes behind the pointer.
Values load16(Builder &b, Value pointer, int64_t offset = 0);
/// The same, without keeping a line in L1.
Values loadOnce16(Builder &b, Value pointer, int64_t offset = 0);
/// The same, through the read-only path.
Values loadReadOnly16(Builder &b, Value pointer, int64_t offset);
/// The same, through the read-only path and without keeping a line in L1; L2 fetches `around` bytes (128 or 256).
Values loadWeights16(Builder &b, Value pointer, int64_t offset, int64_t around);
/// An i32 of global memory.
Value load4(Builder &b, Value pointer);
/// If `remaining` (i32) >= `least`: loads 2 or 4 neighbouring f32 of global memory from L2, as many as `otherwise` has.
/// Else gives the constants of `otherwise`.
Values loadFromL2If(Builder &b, Value remaining, int64_t least, Value pointer, int64_t offset,
                    llvm::ArrayRef<float> otherwise);

// ---- atomic
/// Adds one to the number at `counter` (global, i32), or sets it to 0 if it is `last`. Returns the number before. It
/// releases and acquires: who counts later sees what this thread wrote before, and this thread sees what those before
/// it wrote.
Value countReleasing(Builder &b, Value counter, Value last);
/// The same without ordering memory, and only if `number` (i32) is 0. Otherwise it does nothing and returns 0.
Value countIfZero(Builder &b, Value number, Value counter, Value last);

// ---- barriers in shared memory (sm_90; Barriers.h)
/// Initialises a barrier: a phase ends after `arrivals` (i32) arrivals.
void initialiseBarrier(Builder &b, Value barrier, Value arrivals);
/// Waits until the phase of `parity` (i32) of the barrier has ended.
void waitForPhase(Builder &b, Value barrier, Value parity);
/// Arrives where `flag` (i32) is not zero. With `block` (i32) it arrives at the barrier of that block of the cluster,
/// at the same offset of its shared memory.
void arriveIf(Builder &b, Value flag, Value barrier, Value block = {});

// ---- wgmma (sm_90a)
/// Operands in shared memory are given as the low halves of their descriptors (i32; Wgmma.h). Starts sums + A B
/// (without `keep` A B alone), m64 n`columns` k16, elements bf16 or f16.
Values multiplyBoxes(Builder &b, mlir::Type element, int64_t columns, Value a, Value weights,
                     llvm::ArrayRef<Value> sums, bool keep);
/// sums + A B with four registers (i32) of A, and B as rows of n.
Values multiplyRows(Builder &b, mlir::Type element, int64_t columns, llvm::ArrayRef<Value> a, Value rows,
                    llvm::ArrayRef<Value> sums);
/// A fence after which products may read and change `registers` (f32, i32). Returns their values behind the fence.
Values fenceRegisters(Builder &b, llvm::ArrayRef<Value> registers);
/// Waits until at most `groups` groups of products are running. Returns the values of `sums`.
Values waitForProducts(Builder &b, int64_t groups, llvm::ArrayRef<Value> sums);

// ---- copies into shared memory (sm_90; BulkCopies.h and TensorCopies.h)
void copyBytes(Builder &b, Value shared, Value global, Value bytes, Value barrier);
void prefetchTensorMap(Builder &b, Value map);
void copyBox(Builder &b, Value shared, Value map, Value row, Value column, Value barrier);
void copyBoxToCluster(Builder &b, Value shared, Value map, Value row, Value column, Value barrier, int64_t blocks);

} // namespace quipu::codegen::cuda::ptx

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_PTXSTRINGS_H
