//===- Hash.cpp - XXH3-128 as the plan stores it -----------------------------------------===//

#include "runtime/support/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace quipu {

static Hash128 canonical(XXH128_hash_t value) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, value);
  Hash128 hash;
  static_assert(sizeof(canonical.digest) == sizeof(Hash128));
  memcpy(hash.data(), canonical.digest, hash.size());
  return hash;
}

Hash128 hashBytes(const void *data, size_t size) { return canonical(XXH3_128bits(data, size)); }

struct HashStream::State {
  XXH3_state_t xxh;
};

HashStream::HashStream() : state(std::make_unique<State>()) { XXH3_128bits_reset(&state->xxh); }

HashStream::~HashStream() = default;

void HashStream::update(const void *data, size_t size) { XXH3_128bits_update(&state->xxh, data, size); }

Hash128 HashStream::finish() const { return canonical(XXH3_128bits_digest(&state->xxh)); }

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
