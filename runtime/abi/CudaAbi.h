//===- CudaAbi.h - The contract between generated CUDA kernels and the runtime -*- C++ -*-===//
//
// Generated code and the runtime agree on this page, on KernelAbi.h (layout of the arguments) and on plan.fbs. The
// compiler's code generator includes it too.
//
// An entry of a kernel of a CUDA plan is a global function of the code module with the parameters
//
//     (T *pointer_0, ..., T *pointer_n-1,                  64-bit addresses of device memory
//      int32 tokens, int32 outputs, int32 tableStride,     T, R, entries in a row of the block table (as QuipuDim)
//      int32 loneRows,                                     rows at the beginning that are alone in their sequence
//      CUtensorMap map_0, ...)                             128 bytes each, 64-byte aligned, __grid_constant__
//
// - Pointers: as the `buffers` of KernelAbi.h, in the same order (arguments of the step, a `kv_layer` gives K pool, V
//   pool and block table; then results, then workspaces). Weights and arena tensors are at least 256-byte aligned.
// - Grid: `fixed` blocks in x, ceil(rows / rows_per_block) in y. A persistent entry is launched with
//   min(blocks that run at once on the device, fixed * ceil(rows / rows_per_block)) blocks in x, 1 in y; a block of it
//   works on tiles x, x + gridDim.x, ... Where an entry has clusters (its code says of what size, `cluster` in the
//   plan), blocks and blocks that run at once are multiples of it.
// - Rows of an arena tensor beyond T are memory of the tensor up to the program's max_rows; what they hold is
//   unspecified, and kernels may write there.
// - In a variant for sm_90 or later every launch but the first of a program is programmatic (dependent launch): an
//   entry may start before the one in front of it has finished. What no launch of the program writes may be read at
//   once: weights, the step's inputs, the block table, keys and values of positions before the step's. Before a thread
//   reads anything else, or writes anything, it executes griddepcontrol.wait. An entry has a block that executes it,
//   so that it does not end before the one in front.
// - Activations are row-major. The residual stream is f32.
//
// Service kernels are entries of every variant's code that belong to no program. quipu_argmax (or quipu_sample) and
// quipu_advance follow a program's launches and wait like them.
//
//     quipu_fill_random_<dtype>(void *weight, uint64 elements, uint64 columns, uint32 keyA, uint32 keyB, uint32 keyC,
//                               float scale, uint32 first, uint64 firstRow, uint32 order, uint64 groupRows)
//         element i (of `elements`, row-major, `columns` in a row) of a source is computed from number first + i as
//         runtime/abi/RandomWeights.cpp does and stored, rounded to nearest even, at row firstRow + targetRow(order,
//         groupRows, i / columns) of the weight. keyA = 0, keyB = 0, keyC = 0, scale = 0: ones. 256 threads, any grid.
//     quipu_argmax(const float *logits, int32 rows, int32 vocab, uint64 *keys)
//         grid (x: any, y: rows), 256 threads. Raises keys[row] (atomic max) to the key of the largest logit: upper 32
//         bits: the logit's bits made monotonic (sign set: all bits flipped, otherwise the sign bit set), lower 32
//         bits: ~index, so that the lowest index wins. NaN and both infinities count as the largest, kNotFinite: one
//         of them among the logits is what the key tells.
//     quipu_sample(float *logits, int32 rows, int32 vocab, const int32 *slots, SampleRule *rules, int32 *recent,
//                  TokenEdit *edits, int32 editStride, const double *uniforms, const int32 *step, int32 capacity,
//                  uint64 *keys, int32 stride)
//         grid (x: 1, y: rows), kCudaSampleThreads threads. Draws a token of each row as runtime/core/TokenChooser.cpp
//         does, by the rule rules[s] with s = slots[row] and the number uniforms[(*step % capacity) * stride + row] in
//         [0, 1), and sets the lower half of keys[row] as quipu_argmax; the upper half is that of the largest logit
//         when all is added and subtracted. Finite logits stay finite; a forbidden token has the least finite number,
//         so this is the largest if nothing is left. recent[s * kSampleWindow ...] is a ring of rule.window tokens (-1:
//         none), to which the token is added at rule.accepted; edits[s * editStride ...] has rule.numEdits edits, of
//         which the token's counts one more, or is added, where rule.keepsTokens(). So several rows may share a slot
//         only where the rule has no window and keeps no tokens. vocab <
//         kSampleVocab. Where the largest is kNotFinite, or rule.scale is 0, it is the choice. Probabilities are whole
//         multiples of 2^-43 of the largest (below 1e-5 of it with the error of an f32 exponential), so sums do not
//         depend on their order; a choice differs from the host's only where the number falls this close to the border
//         between two tokens. In the end the logits are as they were.
//     quipu_score(the parameters of quipu_sample, TokenScores *scores)
//         the grid and threads of quipu_sample, behind it. Where rules[s].scored and all logits of a row are finite,
//         it fills scores[(*step % capacity) * stride + row]; the token is ~lower(keys[row]).
//     quipu_advance(uint64 *keys, const int32 *outputRows, int32 rows, int32 *tokens, int32 *positions, int32 *history,
//                   int32 *step, int32 capacity, int32 stride, const int32 *sequences, int32 *lastTokens)
//         one block, 256 threads. For each row r: token = ~lower(keys[r]); tokens[outputRows[r]] = token;
//         positions[outputRows[r]] += 1; history[(*step % capacity) * stride + r] = token, or kNoNumbers where
//         upper(keys[r]) is kNotFinite, or kNothingLeft where it is that of the least finite number or less; keys[r] =
//         0; lastTokens[sequences[outputRows[r]]] = token; then *step += 1.
//     quipu_feed(const int32 *staged, int32 placeSize, int32 *fed, int32 capacity, int32 *inputs, int32 stride,
//                int32 rows, int32 outputs, const int32 *lastTokens, int32 *table)
//         one block, kCudaSampleThreads threads, in front of a program's launches. Takes a step's inputs from place
//         *fed % capacity of memory of the host, of placeSize numbers each. A place has a count, so many pairs of an
//         entry of `table` and its new value, and from number kFeedInputs on the inputs, as in `inputs`: parts of
//         `stride` numbers, of which the first three (tokens, positions, sequences) have `rows` and the next two
//         `outputs` that count. A token below 0 becomes lastTokens[its sequence]. The number behind the five parts of
//         `inputs` becomes *fed % capacity; then *fed += 1.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_CUDAABI_H
#define QUIPU_RUNTIME_ABI_CUDAABI_H

#include "runtime/abi/SampleRule.h"

/// Threads of a block of the service kernels. quipu_sample and quipu_feed have another number.
enum { kCudaServiceThreads = 256, kCudaSampleThreads = 1024 };
/// Upper half of the key of a NaN or an infinity.
enum : uint32_t { kNotFinite = 0xffffffff };
/// quipu_feed: entries of the block table that a step may bring, and where its inputs begin.
enum { kMostTableChanges = 1024, kFeedInputs = 2 * kMostTableChanges + 16 };
#define QUIPU_CUDA_FILL_RANDOM "quipu_fill_random_"
#define QUIPU_CUDA_ARGMAX "quipu_argmax"
#define QUIPU_CUDA_SAMPLE "quipu_sample"
#define QUIPU_CUDA_SCORE "quipu_score"
#define QUIPU_CUDA_ADVANCE "quipu_advance"
#define QUIPU_CUDA_FEED "quipu_feed"

#endif // QUIPU_RUNTIME_ABI_CUDAABI_H
