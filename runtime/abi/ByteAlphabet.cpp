//===- ByteAlphabet.cpp - Bytes as characters that can be seen -------------------------------===//

#include "runtime/abi/ByteAlphabet.h"
#include "runtime/support/Utf8.h"

#include <array>
#include <cstdint>

namespace quipu {

static constexpr uint32_t kFirstOther = 0x100;

static constexpr bool isItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

/// The bytes that are not spelled as themselves, in their order.
static constexpr auto kOthers = [] {
  std::array<uint8_t, 68> others{};
  size_t count = 0;
  for (uint32_t byte = 0; byte < 256; ++byte)
    if (!isItself(byte))
      others[count++] = uint8_t(byte);
  return others;
}();

std::optional<std::string> bytesOfSpelling(std::string_view spelling) {
  std::string bytes;
  while (!spelling.empty()) {
    char32_t c = codePointAt(spelling);
    if (c < kFirstOther && isItself(c))
      bytes += char(c);
    else if (c >= kFirstOther && c < kFirstOther + kOthers.size())
      bytes += char(kOthers[c - kFirstOther]);
    else
      return std::nullopt;
    spelling.remove_prefix(characterLength(spelling));
  }
  return bytes;
}

/// By byte.
static const std::array<std::string, 256> &spellings() {
  static const auto table = [] {
    std::array<std::string, 256> spelled;
    uint32_t other = kFirstOther;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t c = isItself(byte) ? byte : other++;
      if (c < 0x80)
        spelled[byte] = char(c);
      else
        spelled[byte] = {char(0xc0 | c >> 6), char(0x80 | (c & 0x3f))};
    }
    return spelled;
  }();
  return table;
}

std::string spellingOfBytes(std::string_view bytes) {
  std::string spelling;
  for (char byte : bytes)
    spelling += spellings()[uint8_t(byte)];
  return spelling;
}

} // namespace quipu
