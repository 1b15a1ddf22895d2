//===- ByteReader.h - Walks through the header of a GGUF file --------*- C++ -*-===//
//
// Numbers are little-endian and lie anywhere. Nothing beyond the end of the file is read, whatever the file says.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_BYTEREADER_H
#define QUIPU_FRONTENDS_GGUF_BYTEREADER_H

#include "runtime/support/Error.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace quipu::frontend::gguf {

static_assert(std::endian::native == std::endian::little);

/// A little-endian number that lies anywhere.
template <typename T> T numberAt(const uint8_t *bytes) {
  static_assert(std::is_arithmetic_v<T>);
  T value;
  memcpy(&value, bytes, sizeof(value));
  return value;
}

class ByteReader {
public:
  ByteReader(std::span<const uint8_t> bytes, const std::string &path) : bytes(bytes), path(path) {}

  uint64_t offset() const { return next; }
  uint64_t left() const { return bytes.size() - next; }

  /// Where the reader is, for messages: "key \"general.name\"".
  void enter(std::string name) { place = std::move(name); }

  /// The next `count` bytes. `what` names them in the message that the file ends before.
  std::span<const uint8_t> take(uint64_t count, const char *what) {
    if (count > left())
      fail(path, ": ", place, ": ", what, " takes ", count, " bytes at byte ", next, ", but only ", left(),
           " follow; the file is truncated or damaged, get it again");
    std::span<const uint8_t> taken = bytes.subspan(next, count);
    next += count;
    return taken;
  }

  template <typename T> T number(const char *what) { return numberAt<T>(take(sizeof(T), what).data()); }

  /// A length of 64 bits, and as many bytes.
  std::string_view string(const char *what) {
    auto length = number<uint64_t>(what);
    std::span<const uint8_t> text = take(length, what);
    return {reinterpret_cast<const char *>(text.data()), text.size()};
  }

private:
  std::span<const uint8_t> bytes;
  const std::string &path;
  uint64_t next = 0;
  std::string place = "the header";
};

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_BYTEREADER_H
