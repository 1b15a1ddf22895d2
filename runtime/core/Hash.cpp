//===- Hash.cpp - XXH3-128 as the plan stores it -----------------------------------------===//

#include "runtime/core/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace quipu {

Hash128 hashBytes(const void *data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  Hash128 hash;
  static_assert(sizeof(canonical.digest) == sizeof(Hash128));
  memcpy(hash.data(), canonical.digest, hash.size());
  return hash;
}

std::string toHex(const Hash128 &hash) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : hash) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

} // namespace quipu
