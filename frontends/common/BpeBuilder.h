//===- BpeBuilder.h - Byte pair encoding from what files spell --------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_BPEBUILDER_H
#define QUIPU_FRONTENDS_COMMON_BPEBUILDER_H

#include "frontends/common/ModelConfig.h"
#include "runtime/abi/TokenizerData.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace quipu::frontend {

/// Collects pieces and merges. Everything that is wrong with them is an Error that begins with `name`.
class BpeBuilder {
public:
  /// `byteLevel`: pieces and merges are spelled in GPT-2's alphabet (runtime/abi/ByteAlphabet.h). A piece that has
  /// other characters is unreachable.
  BpeBuilder(std::string name, bool byteLevel);

  /// `spelled` is not empty. Of two pieces that are spelled alike none can be told from the other: an error.
  void addPiece(uint32_t id, std::string_view spelled);

  /// Merges come in the order of their ranks, when all pieces are there.
  void addMerge(std::string_view left, std::string_view right);
  /// "left right".
  void addMerge(std::string_view both);

  /// Nothing when no piece is spelled so.
  std::optional<uint32_t> find(std::string_view spelled) const;

  /// The result; the rest of it is for the caller to fill in.
  BpeData data;

private:
  std::string name;
  std::unordered_map<std::string, uint32_t> ids;
};

/// Makes the pieces of special tokens unreachable, so that no text becomes one by merging.
void protectSpecialTokens(BpeData &data, const std::vector<AddedToken> &added);

/// Notes which bytes of texts a byte-level tokenizer has no piece for: the library that made it leaves them out, and so
/// do we.
void noteMissingBytes(const BpeData &data, std::vector<Note> &notes);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_BPEBUILDER_H
