//===- Tokenizer.h - Text to ids and back -----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_TOKENIZER_H
#define QUIPU_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/abi/TokenizerData.h"
#include "runtime/abi/plan_generated.h"
#include "runtime/support/Utf8.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace quipu {

/// What becomes of special (control) tokens that a text spells.
enum class SpecialTokens : uint8_t {
  /// They are text as any other: so a user's text never holds one.
  asText,
  /// They are found, BOS and EOS too. For texts that a program has made, as a chat template does.
  asTokens
};

/// Whether the added token `id`, which a text spells from byte `begin` to byte `end`, becomes a token there.
using TokenPlaces = std::function<bool(int32_t id, size_t begin, size_t end)>;

class Tokenizer {
public:
  virtual ~Tokenizer();

  /// The tokenizer that the plan carries; null when it carries none.
  static std::unique_ptr<Tokenizer> fromPlan(const plan::Plan &plan, const std::string &planName);

  /// Throws Error that begins with the data's name when the model is damaged or does not go with the settings. There
  /// must be a tokenizer in the data.
  static std::unique_ptr<Tokenizer> fromData(TokenizerData data);

  /// Ids of a text. Added tokens that are not special are found in it in any case.
  /// Throws Error naming the byte offset when the text is not UTF-8.
  std::vector<int32_t> encode(std::string_view text, SpecialTokens special = SpecialTokens::asText) const;

  /// The same without BOS and EOS.
  std::vector<int32_t> encodePlain(std::string_view text, SpecialTokens special = SpecialTokens::asText) const {
    return encodeParts(text, special, nullptr);
  }

  /// The same for a text that is only in part a program's: added tokens, special ones too, are found where `places`
  /// allows them.
  std::vector<int32_t> encodePlaces(std::string_view text, const TokenPlaces &places) const {
    return encodeParts(text, SpecialTokens::asTokens, &places);
  }

  /// Whether the text has more than `count` ids for certain, by the length of the longest piece: for a refusal before
  /// encode(), which takes hundreds of bytes of memory for each byte of text. False where the length does not tell.
  virtual bool isLongerThan(std::string_view text, uint64_t count) const { return false; }

  /// Text of a whole sequence of ids: special tokens give nothing, bytes that are no part of a UTF-8 character give
  /// U+FFFD, as badBytes() says. Throws Error for an id outside the vocabulary.
  std::string decode(std::span<const int32_t> ids) const;

  /// Appends the bytes that the token stands for, which may be a part of a character. `atStart`: no token before it
  /// gave text, so the space that encoding put before the first word is left out. Returns whether the next token is at
  /// the start still. Throws Error for an id outside the vocabulary.
  virtual bool appendBytes(int32_t id, bool atStart, std::string &out) const = 0;

  /// As the library that made tokenizers of this kind has it.
  virtual BadBytes badBytes() const = 0;

  /// Whether the token is a control token (BOS, EOS), which has no text. Added tokens have theirs.
  virtual bool isControl(int32_t id) const = 0;

  /// The piece as the tokenizer file spells it, for listings.
  virtual std::string piece(int32_t id) const = 0;

  /// The id of a piece or added token of exactly that spelling.
  virtual std::optional<int32_t> find(std::string_view piece) const = 0;

  /// Whether there is a token of that id: ids of added tokens need not follow each other.
  bool has(int32_t id) const { return isPiece(id) || addedToken(id); }

  /// One more than the largest id.
  int32_t size() const { return largestId + 1; }

  /// A token that is found in a text as it is spelled.
  struct SpelledToken {
    std::string text;
    int32_t id;
    /// Only where special tokens become tokens.
    bool isSpecial;
  };
  const std::vector<SpelledToken> &spelledTokens() const { return spelled; }

  virtual std::optional<int32_t> bos() const = 0;
  virtual std::optional<int32_t> eos() const = 0;
  bool addsBos() const { return settings.addBos && bos(); }
  bool addsEos() const { return settings.addEos && eos(); }

protected:
  explicit Tokenizer(TokenizerSettings settings) : settings(std::move(settings)) {}

  /// What encodePlain() and encodePlaces() do; null: everywhere.
  virtual std::vector<int32_t> encodeParts(std::string_view text, SpecialTokens special,
                                           const TokenPlaces *places) const = 0;

  /// Notes that a token is found in texts.
  void takeSpelled(std::string text, int32_t id, bool isSpecial) {
    spelled.push_back({std::move(text), id, isSpecial});
  }

  /// Whether the model has a piece of that id.
  virtual bool isPiece(int32_t id) const = 0;

  /// Notes that there is a piece of that id, or, with takeAdded(), an added token of the settings, which decoding gives
  /// as it is.
  void takeId(int32_t id) { largestId = std::max(largestId, id); }
  void takeAdded(const AddedToken &token);

  /// Null: no added token has that id.
  const AddedToken *addedToken(int32_t id) const;
  /// The id of an added token of exactly that text.
  std::optional<int32_t> findAdded(std::string_view content) const;
  /// Throws Error when there is no token of that id.
  void requireId(int32_t id) const;

  TokenizerSettings settings;

private:
  std::unordered_map<int32_t, const AddedToken *> addedById;
  std::vector<SpelledToken> spelled;
  int32_t largestId = -1;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_TOKENIZER_H
