//===- AddedTokens.h - Tokens that are found in a text as they are -*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H
#define QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H

#include "runtime/abi/TokenizerData.h"
#include "runtime/text/Tokenizer.h"

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

  /// Looks for `text`, which is not empty. Keeps the pointer, and of two with one text the first.
  void add(std::string text, const AddedToken *token);

  bool empty() const { return byText.empty(); }

  /// The parts of a text in order; none is empty text. Tokens are found where `places` allows them, in bytes of `text`;
  /// null: everywhere.
  std::vector<TextPart> split(std::string_view text, const TokenPlaces *places = nullptr) const;

private:
  const AddedToken *longestAt(std::string_view text, size_t at, const TokenPlaces *places, size_t &length) const;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, const AddedToken *, Hash, std::equal_to<>> byText;
  /// For each first byte the lengths that texts have, the longest first.
  std::array<std::vector<size_t>, 256> lengths;
};

/// What is looked for in texts, by what becomes of special tokens in them.
class AddedTokenFinders {
public:
  /// Looks for `text`, which stands for `token`. `isSpecial`: only where special tokens become tokens.
  void add(const std::string &text, const AddedToken &token, bool isSpecial) {
    if (!isSpecial)
      finders[size_t(SpecialTokens::asText)][token.normalized].add(text, &token);
    finders[size_t(SpecialTokens::asTokens)][token.normalized].add(text, &token);
  }

  /// Those that are not normalized are looked for first.
  const AddedTokens &of(SpecialTokens special, bool normalized) const { return finders[size_t(special)][normalized]; }

private:
  std::array<std::array<AddedTokens, 2>, 2> finders;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_ADDEDTOKENS_H
