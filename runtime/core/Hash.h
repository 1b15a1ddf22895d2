//===- Hash.h - XXH3-128 as the plan stores it ------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_HASH_H
#define QUIPU_RUNTIME_CORE_HASH_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace quipu {

/// XXH3-128 in its canonical (big-endian) byte order.
using Hash128 = std::array<uint8_t, 16>;

Hash128 hashBytes(const void *data, size_t size);

/// 32 hexadecimal digits.
std::string toHex(const Hash128 &hash);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_HASH_H
