//===- KernelAbi.h - The contract between generated kernels and the runtime -*- C++ -*-===//
//
// Generated code and the runtime agree on this page and on plan.fbs, nothing else. The compiler's code generator
// includes it too (it is plain C and pulls in nothing of the runtime).
//
// A kernel entry of a CPU plan is a C function of the code module:
//
//     void entry(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *scratch);
//
// - `buffers`: one pointer for each argument of the step in order (weights, arena tensors, inputs, outputs);
//   a `kv_layer` argument gives three: the layer's K pool, its V pool and the block table.
// - `dims`: see QuipuDim.
// - `begin`, `end`: the half-open range of blocks of the entry's grid to compute; any split of the grid into ranges
//   computes the same bits.
// - `scratch`: Kernel.scratch_bytes of memory that no other thread uses, aligned as an arena tensor.
//
// Layout of the arguments that the runtime provides:
// - token_ids, positions, sequences: int32[T]. `positions[t]` is the place of the token in its sequence (0-based), -1
//   in a padding row; `sequences[t]` is the row of the block table to use (0 in a padding row).
// - output_rows: int32[R], indices of the rows whose logits are wanted.
// - block table: int32[max_batch][dims[kDimBlockTableStride]], block number of each page of each sequence.
// - K pool, V pool: [blocks][Hkv][page][Dh] of the cache's dtype.
// - logits: float[R][V], row-major.
// - arena tensors: at multiples of kArenaAlignment bytes, laid out as the kernels agree among themselves.
// - weights: as in Weight.shape, row-major, at least 2-byte aligned (mapped files promise no more).
//
// A code module may call the C functions of QUIPU_HOST_FUNCTIONS, which the runtime's process has, and no others.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_KERNELABI_H
#define QUIPU_RUNTIME_ABI_KERNELABI_H

#include <stdint.h>

/// X(name) for each function of the C library that generated code may call.
#define QUIPU_HOST_FUNCTIONS(X) X(cosf) X(memcpy) X(memmove) X(memset) X(sincosf) X(sinf)

/// Bytes: a cache line, and the widest vector of any CPU. The arena itself begins at such an address.
enum { kArenaAlignment = 64 };

enum QuipuDim {
  /// T: rows of the step, already padded to the program's row_align.
  kDimTokens = 0,
  /// R: rows whose logits are wanted.
  kDimOutputs = 1,
  /// Number of entries (pages) in a row of the block table.
  kDimBlockTableStride = 2,
  /// Number of lone rows. A lone row is the only row of its sequence in the step. The step begins with these rows; lone
  /// rows that come behind others do not count.
  kDimLoneRows = 3,
  kNumDims = 4
};

typedef void (*QuipuKernelEntry)(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *scratch);

#endif // QUIPU_RUNTIME_ABI_KERNELABI_H
