//===- ByteAlphabet.h - Bytes as characters that can be seen -------*- C++ -*-===//
//
// Files of byte-level tokenizers spell each byte as one character: printable ones of Latin 1 as themselves, the 68
// others as U+0100 on, in the order of their values (so a space is U+0120, "Ġ"). Source: GPT-2, encoder.py.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_BYTEALPHABET_H
#define QUIPU_RUNTIME_ABI_BYTEALPHABET_H

#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// The bytes that `spelling` stands for; nothing when one of its characters stands for none. It must be valid UTF-8.
std::optional<std::string> bytesOfSpelling(std::string_view spelling);

std::string spellingOfBytes(std::string_view bytes);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_BYTEALPHABET_H
