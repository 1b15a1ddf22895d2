//===- DataType.cpp - Conversions of element types ---------------------------------------===//

#include "runtime/abi/DataType.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace quipu {

// Elements of a block. A block stays in the first-level cache between the two halves of a conversion. Tensors in mapped
// files may have any alignment, so blocks are copied.
static constexpr size_t kBlock = 1024;

QUIPU_MULTIVERSION static void widenBf16(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    target[i] = f32FromBf16(source[i]);
}

QUIPU_MULTIVERSION static void widenF16(const uint16_t *source, float *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    target[i] = f32FromF16(source[i]);
}

QUIPU_MULTIVERSION static void narrowBf16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    target[i] = bf16FromF32(source[i]);
}

QUIPU_MULTIVERSION static void narrowF16(const float *source, uint16_t *target, size_t count) {
  for (size_t i = 0; i < count; ++i)
    target[i] = f16FromF32(source[i]);
}

void convertElements(plan::DType from, const void *source, plan::DType to, void *target, size_t count) {
  if (from == to) {
    memcpy(target, source, count * dtypeSize(from));
    return;
  }
  const char *in = static_cast<const char *>(source);
  char *out = static_cast<char *>(target);
  for (size_t done = 0; done < count; done += kBlock) {
    size_t size = std::min(kBlock, count - done);
    uint16_t halves[kBlock];
    float values[kBlock];
    const char *block = in + done * dtypeSize(from);
    char *result = out + done * dtypeSize(to);
    switch (from) {
    case plan::DType::f32:
      memcpy(values, block, size * 4);
      break;
    case plan::DType::f16:
      memcpy(halves, block, size * 2);
      widenF16(halves, values, size);
      break;
    case plan::DType::bf16:
      memcpy(halves, block, size * 2);
      widenBf16(halves, values, size);
      break;
    case plan::DType::i32:
      assert(false && "integers have no other type");
      return;
    }
    switch (to) {
    case plan::DType::f32:
      memcpy(result, values, size * 4);
      break;
    case plan::DType::f16:
      narrowF16(values, halves, size);
      memcpy(result, halves, size * 2);
      break;
    case plan::DType::bf16:
      narrowBf16(values, halves, size);
      memcpy(result, halves, size * 2);
      break;
    case plan::DType::i32:
      assert(false && "integers have no other type");
      return;
    }
  }
}

} // namespace quipu
