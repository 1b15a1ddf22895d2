//===- ToyKernels.cpp - Kernels of the toy plan ------------------------------------------===//
//
// What the compiler would generate for the model of ToyPlan.h, written by hand: a library with the calling convention
// of KernelAbi.h and nothing else. ToyPlan.cpp computes the same values without plan, pages or threads.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/abi/KernelAbi.h"
#include "test/runtime/ToyShape.h"

#include <math.h>
#include <string.h>

#define TOY_EXPORT extern "C" __attribute__((visibility("default")))

/// Weights promise an alignment of two bytes only.
static float weightAt(const void *weights, int64_t index) {
  float value;
  memcpy(&value, static_cast<const char *>(weights) + index * 4, 4);
  return value;
}

/// Arguments: token_ids, embedding table f32[V][D], x f32[T][D]. A block is two rows.
TOY_EXPORT void toy_embed(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  const int32_t *tokens = static_cast<const int32_t *>(buffers[0]);
  const void *table = buffers[1];
  float *x = static_cast<float *>(buffers[2]);
  int64_t lastRow = end * 2 < dims[kDimTokens] ? end * 2 : dims[kDimTokens];
  for (int64_t row = begin * 2; row < lastRow; ++row)
    for (int64_t d = 0; d < kToyHidden; ++d)
      x[row * kToyHidden + d] = weightAt(table, tokens[row] * kToyHidden + d);
}

/// Where element (row of the cache) of a sequence lies in a pool.
static int64_t poolIndex(const int32_t *blocks, int64_t position, int64_t d) {
  int64_t head = d / kToyHeadDim;
  int64_t block = blocks[position / kToyPage];
  return ((block * kToyKvHeads + head) * kToyPage + position % kToyPage) * kToyHeadDim + d % kToyHeadDim;
}

/// Arguments: x, positions, sequences, weight f32[D], K, V, block table. A block is one row.
TOY_EXPORT void toy_append(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  const float *x = static_cast<const float *>(buffers[0]);
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *sequences = static_cast<const int32_t *>(buffers[2]);
  const void *weight = buffers[3];
  float *keys = static_cast<float *>(buffers[4]);
  float *values = static_cast<float *>(buffers[5]);
  const int32_t *table = static_cast<const int32_t *>(buffers[6]);
  for (int64_t row = begin; row < end; ++row) {
    if (positions[row] < 0)
      continue;
    const int32_t *blocks = table + sequences[row] * dims[kDimBlockTableStride];
    for (int64_t d = 0; d < kToyHidden; ++d) {
      int64_t index = poolIndex(blocks, positions[row], d);
      keys[index] = x[row * kToyHidden + d] * weightAt(weight, d);
      values[index] = x[row * kToyHidden + d] * 0.5f;
    }
  }
}

/// The same arguments, after toy_append: adds to every row what its sequence's pages hold up to its position. The sum
/// is made in scratch memory.
TOY_EXPORT void toy_mix(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *scratch) {
  float *x = static_cast<float *>(buffers[0]);
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *sequences = static_cast<const int32_t *>(buffers[2]);
  const float *keys = static_cast<const float *>(buffers[4]);
  const float *values = static_cast<const float *>(buffers[5]);
  const int32_t *table = static_cast<const int32_t *>(buffers[6]);
  // Scratch that is not aligned as promised spoils the result for the test to see.
  float *sum = static_cast<float *>(scratch);
  float flaw = reinterpret_cast<uintptr_t>(scratch) % 64 ? 1000.0f : 0.0f;
  for (int64_t row = begin; row < end; ++row) {
    if (positions[row] < 0)
      continue;
    const int32_t *blocks = table + sequences[row] * dims[kDimBlockTableStride];
    for (int64_t d = 0; d < kToyHidden; ++d)
      sum[d] = flaw;
    for (int64_t s = 0; s <= positions[row]; ++s)
      for (int64_t d = 0; d < kToyHidden; ++d) {
        int64_t index = poolIndex(blocks, s, d);
        sum[d] += keys[index] * float(s + 1) - values[index];
      }
    for (int64_t d = 0; d < kToyHidden; ++d)
      x[row * kToyHidden + d] += sum[d] / float(positions[row] + 1);
  }
}

/// Arguments: x, positions, output_rows, embedding table, scale f32[D], logits. A block is one output row. The last
/// columns tell what the kernel was given.
static void logitsRows(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, float tag) {
  const float *x = static_cast<const float *>(buffers[0]);
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *outputs = static_cast<const int32_t *>(buffers[2]);
  const void *table = buffers[3];
  const void *scale = buffers[4];
  float *logits = static_cast<float *>(buffers[5]);
  for (int64_t r = begin; r < end; ++r) {
    int64_t row = outputs[r];
    float *out = logits + r * kToyVocab;
    for (int64_t v = 0; v < kToyVocab; ++v) {
      float sum = 0;
      for (int64_t d = 0; d < kToyHidden; ++d)
        sum += x[row * kToyHidden + d] * weightAt(scale, d) * weightAt(table, v * kToyHidden + d);
      out[v] = sum;
    }
    out[kToyRowsColumn] = float(dims[kDimTokens]);
    out[kToyRowColumn] = float(row);
    out[kToyPositionColumn] = float(positions[row]);
    out[kToyTagColumn] = tag;
  }
}

TOY_EXPORT void toy_logits_decode(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  logitsRows(buffers, dims, begin, end, kToyDecodeTag);
}

/// The same arguments, then tokens: writes logits, and chooses a token that nobody would choose from them.
TOY_EXPORT void toy_choose(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  logitsRows(buffers, dims, begin, end, kToyDecodeTag);
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *outputs = static_cast<const int32_t *>(buffers[2]);
  int32_t *tokens = static_cast<int32_t *>(buffers[6]);
  for (int64_t r = begin; r < end; ++r)
    tokens[r] = toyChoice(positions[outputs[r]]);
}

/// Arguments: x, positions, output_rows, targets, log_probs. A block is one output row.
TOY_EXPORT void toy_score(void *const *buffers, const int64_t *, int64_t begin, int64_t end, void *) {
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *outputs = static_cast<const int32_t *>(buffers[2]);
  const int32_t *targets = static_cast<const int32_t *>(buffers[3]);
  float *scores = static_cast<float *>(buffers[4]);
  for (int64_t r = begin; r < end; ++r)
    scores[r] = targets[r] == kToyBadTarget ? __builtin_nanf("") : toyScore(positions[outputs[r]], targets[r]);
}

TOY_EXPORT void toy_logits_prefill(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  logitsRows(buffers, dims, begin, end, kToyPrefillTag);
}

/// The same arguments as toy_logits_decode: logits that follow from the sequence's tokens alone, of a moderate size.
/// They are NaN from position kToyNanPosition on.
TOY_EXPORT void toy_logits_plain(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *) {
  logitsRows(buffers, dims, begin, end, 0);
  const float *x = static_cast<const float *>(buffers[0]);
  const int32_t *positions = static_cast<const int32_t *>(buffers[1]);
  const int32_t *outputs = static_cast<const int32_t *>(buffers[2]);
  float *logits = static_cast<float *>(buffers[5]);
  for (int64_t r = begin; r < end; ++r) {
    float *out = logits + r * kToyVocab;
    float largest = 1e-6f;
    for (int64_t v = kToyRowsColumn; v < kToyVocab; ++v)
      out[v] = x[outputs[r] * kToyHidden + v - kToyRowsColumn];
    for (int64_t v = 0; v < kToyVocab; ++v)
      largest = fabsf(out[v]) > largest ? fabsf(out[v]) : largest;
    for (int64_t v = 0; v < kToyVocab; ++v)
      out[v] = positions[outputs[r]] >= kToyNanPosition ? __builtin_nanf("") : out[v] / largest * 4;
  }
}
