//===- CudaBuilder.h - The vocabulary of CUDA kernel emitters ---*- C++ -*-===//
//
// A thin layer over the builders of llvm, nvvm, arith and scf, so that an emitter reads like the kernel that it emits.
// What these dialects lack is text, in PtxStrings.h. Pointers are llvm pointers of address space 1 (global) or 3
// (shared); threads, blocks and tile coordinates are i32, byte offsets in global memory i64.
//
// A fragment of mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16"), with g = lane / 4 and q = lane % 4:
//   A (16 x 16)  a0: row g,     k 2q..2q+1    a1: row g + 8, k 2q..2q+1
//                a2: row g,     k 2q+8..2q+9  a3: row g + 8, k 2q+8..2q+9
//   B (16 x 8)   b0: k 2q..2q+1, column g     b1: k 2q+8..2q+9, column g
//   C (16 x 8)   c0, c1: row g, columns 2q, 2q+1     c2, c3: row g + 8, columns 2q, 2q+1
// Sums over k do not depend on its order: operands that are permuted alike give the same product.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABUILDER_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABUILDER_H

#include "codegen/common/ArithBuilder.h"
#include "codegen/cuda/CudaTarget.h"

namespace quipu::codegen::cuda {

class CudaBuilder : public ArithBuilder {
public:
  CudaBuilder(mlir::Location location, mlir::Region &region, const CudaTarget &target)
      : ArithBuilder(location, region), target(target) {}

  const CudaTarget target;

  // ---- place
  Value thread();
  Value lane() { return rem(thread(), 32); }
  /// thread / 32. The compiler knows that it is equal in all lanes of a warp.
  Value warp();
  Value block(unsigned dim);
  Value gridSize(unsigned dim);

  /// Number of the multiprocessor's cycle, modulo 2^32 (i32). Two reads stay in order. Compare differences without a
  /// sign.
  Value cycle();

  // ---- order
  /// bar.sync over all threads of the block.
  void barrier();
  /// bar.sync `id` over `threads` threads.
  void barrier(Value id, int64_t threads);
  void warpBarrier();
  /// A barrier over all threads of all blocks of the cluster (sm_90).
  void clusterBarrier();
  /// Ends the thread if `condition` (i1) is true. Call it before any barrier. `condition` is equal in all threads of a
  /// block.
  void endThreadIf(Value condition);
  /// Call it first in the body of a loop: then ptxas does not unroll the loop. Otherwise ptxas unrolls loops of few
  /// iterations completely, even if that needs too many registers.
  void keepLoop();

  // ---- arithmetic (scalars)
  Value constantLike(Value /*like*/, float value) { return f32(value); }
  Value fma(Value a, Value b, Value c);
  /// 2^a, e^a, 1/a, 1/sqrt(a); the error is at most two units in the last place.
  Value exp2(Value a);
  Value exp(Value a) { return exp2(mulf(a, f32(1.44269504088896341f))); }
  Value reciprocal(Value a);
  Value rsqrt(Value a);
  /// 1 / sqrt(squares / width + eps): the factor of RMSNorm (Zhang and Sennrich, 2019) from a row's sum of squares.
  Value reciprocalRms(Value squares, int64_t width, const llvm::APFloat &eps) {
    Value mean = mulf(squares, f32(1.0f / static_cast<float>(width)));
    return rsqrt(addf(mean, f32(static_cast<float>(eps.convertToDouble()))));
  }
  /// a / (1 + exp(-z)).
  Value timesLogistic(Value a, Value z) { return mulf(a, reciprocal(addf(f32(1.0f), exp(negf(z))))); }
  /// a / (1 + exp(-a)).
  Value silu(Value a) { return timesLogistic(a, a); }

  // ---- pairs of 16-bit elements in an i32, low half first
  Value pack(mlir::Type element, Value low, Value high);
  std::pair<Value, Value> unpack(mlir::Type element, Value pair);
  /// The f32 values of a vector of i32 words. A word has one `element` of f32, or two of f16 or bf16.
  Values unpackWords(mlir::Type element, Value vector);
  /// Rounds f32 values to `element` and packs them into i32 words.
  Values packWords(mlir::Type element, llvm::ArrayRef<Value> values);
  Value fromWords(llvm::ArrayRef<Value> words);
  Value extract(Value vector, int64_t index);

  // ---- across a warp
  /// Value of the lane whose number differs by `mask` (i32 or f32).
  Value shuffleXor(Value value, int64_t mask);
  Value shuffleFrom(Value value, Value lane);
  /// Sum, or maximum, over groups of `width` lanes (a power of two), in every lane.
  Value sumLanes(Value value, int64_t width = 32);
  Value maxLanes(Value value, int64_t width = 32);

  // ---- memory
  mlir::Type pointerType(unsigned space);
  mlir::VectorType vec4i32();
  /// Start of the block's dynamic shared memory, 1024-byte aligned.
  Value shared();
  /// Load 16 bytes as vector<4xi32>, 16-byte aligned. `load16` is an ordinary load. The other loads keep their order
  /// among each other and with waits for other kernels (Handover.h). `loadOnce16` keeps no line in L1. `loadReadOnly16`
  /// uses the read-only path. `loadWeights16` uses the read-only path and keeps no line in L1; L2 fetches `around`
  /// bytes (128 or 256).
  Value load16(Value pointer) { return load(vec4i32(), pointer, 16); }
  Value loadOrdered16(Value pointer);
  Value loadOnce16(Value pointer);
  Value loadReadOnly16(Value pointer, int64_t offset);
  Value loadWeights16(Value pointer, int64_t offset, int64_t around);
  void store16(Value vector, Value pointer) { store(vector, pointer, 16); }
  /// Loads an element and widens it to f32; rounds an f32 value and stores it.
  Value loadF32(mlir::Type element, Value pointer) { return widenToF32(load(element, pointer, bytesOf(element))); }
  void storeF32(Value value, mlir::Type element, Value pointer) {
    store(roundTo(element, value), pointer, bytesOf(element));
  }
  Value loadI32(Value pointer) { return load(getI32Type(), pointer, 4); }
  /// Loads `count` neighbouring elements and widens them to f32; rounds f32 values and stores them side by side. Their
  /// number is a power of two. The pointer is aligned to their size or to 16 bytes. Each access has at most 16 bytes.
  Values loadRun(mlir::Type element, int64_t count, Value pointer);
  void storeRun(mlir::Type element, llvm::ArrayRef<Value> values, Value pointer);

  // ---- asynchronous copies (sm_80)
  /// 16 bytes from global to shared memory; zeros where `valid` (i1) is false (null: always valid).
  void copyAsync16(Value shared, Value global, Value valid = {});
  void commitCopies();
  /// Waits until at most `pending` groups of the thread's copies are in flight.
  void waitCopies(int64_t pending);

  // ---- tensor cores, a warp at a time
  /// c + a b with f32 sums (mma.m16n8k16). `a` is four pairs of `element` (i32), `b` two pairs, `c` four f32.
  Values mma(mlir::Type element, llvm::ArrayRef<Value> a, llvm::ArrayRef<Value> b, llvm::ArrayRef<Value> c);
  /// Loads four 8 x 8 matrices of 16-bit elements (ldmatrix). Lane l gives the address of row l % 8 of matrix l / 8.
  Values loadMatrices(Value shared, bool transposed = false);
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABUILDER_H
