//===- DataType.h - Sizes and conversions of element types ------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ABI_DATATYPE_H
#define QUIPU_RUNTIME_ABI_DATATYPE_H

#include "runtime/abi/plan_generated.h"

#include <bit>
#include <cstddef>
#include <cstdint>

/// Marks a function that is compiled for several x86-64 levels; the program loader picks the best. It is for loops that
/// fill or convert gigabytes of weights, in a program that must start on any machine.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define QUIPU_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define QUIPU_MULTIVERSION
#endif

namespace quipu {

/// Bytes of an element.
constexpr size_t dtypeSize(plan::DType dtype) {
  switch (dtype) {
  case plan::DType::f32:
  case plan::DType::i32:
    return 4;
  case plan::DType::f16:
  case plan::DType::bf16:
    return 2;
  }
  return 0;
}

/// "f32", "bf16", ...
inline const char *dtypeName(plan::DType dtype) { return plan::EnumNameDType(dtype); }

/// Rounds to nearest even; a NaN stays a NaN.
inline uint16_t bf16FromF32(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  bool isNan = (bits & 0x7fffffff) > 0x7f800000;
  return uint16_t(isNan ? (bits >> 16) | 0x40 : rounded);
}

inline float f32FromBf16(uint16_t value) { return std::bit_cast<float>(uint32_t(value) << 16); }

/// Rounds to nearest even; overflow gives an infinity; a NaN stays a NaN. Without branches, so that loops vectorise.
inline uint16_t f16FromF32(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  // Normal results: change the bias of the exponent. Then round: add half of the last place, or one less if the last
  // place is even.
  uint32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal results: adding 0.5 puts the last place of f16's smallest numbers at the last place of the sum, so the
  // addition rounds.
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  uint32_t result = magnitude < 0x38800000 ? subnormal : normal;
  result = magnitude >= 0x47800000
               ? 0x7c00
               : result; // 65536 and more become an infinity; smaller numbers that round up to it already are one.
  result = magnitude > 0x7f800000 ? 0x7e00 : result;
  return uint16_t(sign | result);
}

inline float f32FromF16(uint16_t value) {
  uint32_t sign = uint32_t(value & 0x8000) << 16;
  uint32_t magnitude = uint32_t(value & 0x7fff) << 13;
  // Multiplying by 2^112 changes the exponent from f16's bias to f32's, and makes subnormals normal. Infinities and
  // NaNs get the largest exponent instead.
  float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t special = magnitude | 0x7f800000;
  uint32_t bits = (value & 0x7c00) == 0x7c00 ? special : std::bit_cast<uint32_t>(scaled);
  return std::bit_cast<float>(sign | bits);
}

/// Converts `count` elements between f32, f16 and bf16, through f32. Neither pointer needs alignment. Integers are only
/// copied, because no plan converts them (checkFloatType).
void convertElements(plan::DType from, const void *source, plan::DType to, void *target, size_t count);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_DATATYPE_H
