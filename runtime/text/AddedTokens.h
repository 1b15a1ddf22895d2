//===- AddedTokens.h - Tokens that are found in a text as they are -*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H
#define QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H

#include "runtime/abi/TokenizerData.h"

#include <array>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace quipu {

/// A part of a text: an added token, or what lies between two.
struct TextPart {
  std::string_view text;
  /// Null for text.
  const AddedToken *token = nullptr;
};

/// Finds added tokens from left to right, of several at one place the longest. Source of the rules for white space and
/// words: huggingface/tokenizers, added_vocabulary.rs.
class AddedTokens {
public:
  AddedTokens() = default;
  /// Keeps pointers to the tokens, which must outlive this.
  explicit AddedTokens(const std::vector<const AddedToken *> &tokens);

  bool empty() const { return byContent[0].empty() && byContent[1].empty(); }

  /// The parts of a text in order; none is empty text.
  std::vector<TextPart> split(std::string_view text) const;

private:
  /// Tokens that are looked for in one pass: those that are not normalized, and those that are.
  using Contents = std::unordered_map<std::string_view, const AddedToken *>;
  void splitInto(std::string_view text, size_t pass, std::vector<TextPart> &parts) const;
  const AddedToken *longestAt(std::string_view rest, size_t pass) const;

  std::array<Contents, 2> byContent;
  /// For each first byte the lengths that tokens have, the longest first.
  std::array<std::array<std::vector<size_t>, 256>, 2> lengths;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H
