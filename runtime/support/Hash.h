//===- Hash.h - XXH3-128 as the plan stores it ------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_HASH_H
#define QUIPU_RUNTIME_SUPPORT_HASH_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quipu {

/// XXH3-128 in its canonical (big-endian) byte order.
using Hash128 = std::array<uint8_t, 16>;

Hash128 hashBytes(const void *data, size_t size);

/// Hashes bytes that come piece by piece. The result is what hashBytes gives for all of them together.
class HashStream {
public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream &) = delete;
  HashStream &operator=(const HashStream &) = delete;

  void update(const void *data, size_t size);
  Hash128 finish() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

/// 32 hexadecimal digits.
std::string toHex(const Hash128 &hash);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_HASH_H
