//===- TestTokenizer.h - A small tokenizer.model ----------------------------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_TESTTOKENIZER_H
#define QUIPU_TEST_RUNTIME_TESTTOKENIZER_H

#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quipu::test {

inline constexpr int32_t kUnknownId = 0;
inline constexpr int32_t kBosId = 1;
inline constexpr int32_t kEosId = 2;
/// Byte pieces: kFirstByteId + byte.
inline constexpr int32_t kFirstByteId = 3;
/// Words and their parts, in the order of kWords.
inline constexpr int32_t kFirstWordId = kFirstByteId + 256;
inline constexpr const char *kWords[] = {"▁t", "he", "▁the", "▁cat", "▁c", "at", "▁",  "t",   "h",   "e",
                                         "c",  "a",  "é",    "▁caf", "f",  "s",  "<",  "/",   ">",   "▁café",
                                         "▁a", "th", "ca",   "af",   "b",  "o",  "▁b", "▁bo", "▁bos"};

/// A SentencePiece model as LLaMA's: BPE, byte fallback, a space before the first word, no other normalisation.
std::vector<uint8_t> testTokenizerModel();

/// The tokenizer of a tokenizer.model.
std::unique_ptr<Tokenizer> tokenizerOf(const std::string &path, const TokenizerSettings &settings = {});

/// Types of pieces, as SentencePiece numbers them.
enum PieceType { normalPiece = 1, unknownPiece = 2, controlPiece = 3, userPiece = 4, bytePiece = 6 };

/// The bytes of one more piece, to put behind those of a model.
std::string modelPiece(const std::string &piece, float score, PieceType type);

/// The bytes of a self test, to put behind those of a model: the model is sound where it makes `pieces` (with blanks
/// between them) of `text`.
std::string modelSelfTest(const std::string &text, const std::string &pieces);

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_TESTTOKENIZER_H
