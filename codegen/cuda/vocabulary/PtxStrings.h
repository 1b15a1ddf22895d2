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
/// The nearest i32 of an f64, even ones where two are.
Value roundToI32(Builder &b, Value a);

/// The same i32, but the compiler takes it for another number.
Value opaque(Builder &b, Value number);
/// `count` f32 registers with nothing in them.
Values emptyRegisters(Builder &b, int64_t count);
/// Every lane gives a pair of 16-bit elements (i32) of row lane / 4 of an 8 x 8 matrix, and gets one of its column
/// lane / 4.
Value transposePairs(Builder &b, Value pair);

// ---- control
/// Until the grid in front has finished and its writes are visible (sm_90).
void waitForPreviousGrid(Builder &b);
/// Ends the thread where `condition` (i1) holds.
void exitIf(Builder &b, Value condition);
/// In the body of a loop: ptxas keeps the loop as it is.
void keepLoop(Builder &b);

// ---- loads, which stay where they were emitted among each other and what waits for other kernels
/// 16 bytes (four i32) of global memory, `offset` bytes behind the pointer.
Values load16(Builder &b, Value pointer, int64_t offset = 0);
/// The same, without keeping a line in L1.
Values loadOnce16(Builder &b, Value pointer, int64_t offset = 0);
/// The same, through the read-only path.
Values loadReadOnly16(Builder &b, Value pointer, int64_t offset);
/// The same, through the read-only path and without keeping a line in L1; L2 fetches `around` bytes (128 or 256).
Values loadWeights16(Builder &b, Value pointer, int64_t offset, int64_t around);
/// An i32 of global memory.
Value load4(Builder &b, Value pointer);
/// As many neighbouring f32 of global memory (from L2) as `otherwise` has (2 or 4), if `remaining` (i32) >= `least`;
/// else the constants of `otherwise`.
Values loadFromL2If(Builder &b, Value remaining, int64_t least, Value pointer, int64_t offset,
                    llvm::ArrayRef<float> otherwise);

// ---- atomic
/// The number at `counter` (global, i32) before it grew by one, or went back to 0 from `last`. What the thread wrote
/// before is visible to whoever counts behind it, and the other way round.
Value countReleasing(Builder &b, Value counter, Value last);
/// The same without an order of memory, where `number` (i32) is 0; elsewhere nothing happens, and the result is 0.
Value countIfZero(Builder &b, Value number, Value counter, Value last);

// ---- barriers in shared memory (sm_90; Barriers.h)
/// Every phase of the barrier takes `arrivals` (i32) arrivals.
void initialiseBarrier(Builder &b, Value barrier, Value arrivals);
/// Until the phase of `parity` (i32) of the barrier has ended.
void waitForPhase(Builder &b, Value barrier, Value parity);
/// Arrives where `flag` (i32) is not zero; with `block` (i32) at the barrier in the same place of that block of the
/// cluster.
void arriveIf(Builder &b, Value flag, Value barrier, Value block = {});

// ---- wgmma (sm_90a)
/// The operands of a product that lie in shared memory: the low halves of their descriptors (i32; Wgmma.h).
/// sums + A B, or without `keep` A B alone; m64 n`columns` k16, elements bf16 or f16.
Values multiplyBoxes(Builder &b, mlir::Type element, int64_t columns, Value a, Value weights,
                     llvm::ArrayRef<Value> sums, bool keep);
/// sums + A B with four registers (i32) of A, and B as rows of n.
Values multiplyRows(Builder &b, mlir::Type element, int64_t columns, llvm::ArrayRef<Value> a, Value rows,
                    llvm::ArrayRef<Value> sums);
/// The values of `registers` (f32, i32) behind a fence that lets products read and change them.
Values fenceRegisters(Builder &b, llvm::ArrayRef<Value> registers);
/// The values of `sums` once at most `groups` groups of products are running.
Values waitForProducts(Builder &b, int64_t groups, llvm::ArrayRef<Value> sums);

// ---- copies into shared memory (sm_90; BulkCopies.h and TensorCopies.h)
void copyBytes(Builder &b, Value shared, Value global, Value bytes, Value barrier);
void prefetchTensorMap(Builder &b, Value map);
void copyBox(Builder &b, Value shared, Value map, Value row, Value column, Value barrier);
void copyBoxToCluster(Builder &b, Value shared, Value map, Value row, Value column, Value barrier, int64_t blocks);

} // namespace quipu::codegen::cuda::ptx

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_PTXSTRINGS_H
