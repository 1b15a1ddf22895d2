//===- UnicodeNormal.h - Unicode's normal forms ---------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_UNICODENORMAL_H
#define QUIPU_RUNTIME_TEXT_UNICODENORMAL_H

#include <cstdint>
#include <string>
#include <string_view>

namespace quipu {

enum class NormalForm : uint8_t { nfc, nfd, nfkc, nfkd };

/// `text`, which must be valid UTF-8, in a normal form. Takes time that grows no faster than n log n.
std::string normalForm(std::string_view text, NormalForm form);

/// Each character in lower case, by itself.
std::string lowerCase(std::string_view text);

/// White_Space of Unicode.
bool isWhiteSpace(char32_t c);

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_UNICODENORMAL_H
