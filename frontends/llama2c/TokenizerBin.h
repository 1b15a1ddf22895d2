//===- TokenizerBin.h - llama2.c's tokenizer.bin -------------------*- C++ -*-===//
//
// i32 length of the longest piece; for each piece f32 score, i32 length, bytes. The number of pieces is not stored.
// Spaces are spaces; token 0 is the unknown one, 1 is BOS ("\n<s>\n"), 2 is EOS ("\n</s>\n"); "<0x0A>" is a byte.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_LLAMA2C_TOKENIZERBIN_H
#define QUIPU_FRONTENDS_LLAMA2C_TOKENIZERBIN_H

#include "runtime/abi/TokenizerData.h"

#include <cstdint>
#include <span>
#include <string>

namespace quipu::frontend::llama2c {

/// The ids that run.c has for these.
inline constexpr int32_t kUnknown = 0, kBos = 1, kEos = 2;

/// The tokenizer in the bytes of the file `name`, with a BOS before a prompt. `vocabSize`: ids that the model has.
/// Throws quipu::Error when the bytes are damaged, or have more pieces than the model.
TokenizerData parseTokenizerBin(std::span<const uint8_t> bytes, const std::string &name, uint32_t vocabSize);

/// The same from a file. Throws quipu::Error when it cannot be read.
TokenizerData readTokenizerBin(const std::string &path, uint32_t vocabSize);

} // namespace quipu::frontend::llama2c

#endif // QUIPU_FRONTENDS_LLAMA2C_TOKENIZERBIN_H
