//===- BpeData.h - A BPE tokenizer, as data ------------------------*- C++ -*-===//
//
// Byte pair encoding, whatever file it comes from. A text becomes ids so:
// 1. added tokens are found (TokenizerSettings.added), and each stretch between them is normalised;
// 2. the stretch is divided into words by the steps of the splitter;
// 3. a word is cut into its characters (or bytes), and neighbours are merged, of all merges that are possible always
// the
//    one of the best rank, of several the leftmost.
// Readers of files reduce what these say to this; what it cannot say they refuse by name.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_BPEDATA_H
#define QUIPU_RUNTIME_ABI_BPEDATA_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// What a split does with the places that its pattern finds.
enum class SplitBehavior : uint8_t {
  /// They are left out.
  removed = 0,
  /// Each is a part of its own.
  isolated = 1,
  /// Each belongs to the part in front, or behind.
  mergedWithPrevious = 2,
  mergedWithNext = 3,
  /// Those that follow each other are one part.
  contiguous = 4
};

/// A change of a text, or a division of it into parts.
struct TextStep {
  enum class Kind : uint8_t {
    /// Each place that `pattern` finds becomes `content`.
    replace = 0,
    /// `content` is put in front of the text.
    prepend = 1,
    /// White space at the left or right end is left out.
    strip = 2,
    lowercase = 3,
    /// Unicode's normal forms.
    nfc = 4,
    nfd = 5,
    nfkc = 6,
    nfkd = 7,
    /// The places that `pattern` finds, and what lies between them, become parts.
    split = 8
  };
  static constexpr Kind kLastKind = Kind::split;

  Kind kind = Kind::replace;
  /// Of `replace` and `split`: a text, or a regular expression (runtime/support/Regex.h).
  std::string pattern;
  bool isRegex = false;
  std::string content;
  /// Of `prepend`: not where the text begins with it, and only to the part with which the whole text begins.
  bool unlessThere = false;
  bool onlyAtStart = false;
  /// Of `strip`.
  bool left = false;
  bool right = false;
  /// Of `split`; `invert`: what lies between the places counts as found, and the places do not.
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;

  bool operator==(const TextStep &) const = default;
};

/// Two neighbours that may become one: ids of pieces.
struct BpeMerge {
  uint32_t left = 0;
  uint32_t right = 0;
  uint32_t result = 0;

  bool operator==(const BpeMerge &) const = default;
};

struct BpeData {
  /// By id. Empty: no piece has that id.
  std::vector<std::string> pieces;
  /// Pieces are bytes of the text. Otherwise they are characters.
  bool byteLevel = false;
  /// Ids of pieces that no text becomes, the smallest first: they are not in the alphabet, or they are special. They
  /// are texts, also where the others are bytes, and no merge has them.
  std::vector<uint32_t> unreachable;
  /// The best first. Of two with the same neighbours the last counts.
  std::vector<BpeMerge> merges;
  /// The rank of a merge is the id of its result, not its place in the list.
  bool rankedByResult = false;
  /// A word that is a piece becomes that piece, whatever merges would make of it.
  bool ignoreMerges = false;
  /// A character that is no piece becomes the pieces "<0xAB>" of its bytes; decoding gives the bytes back.
  bool byteFallback = false;
  /// What a character without a piece becomes else; kNoToken: nothing.
  int32_t unknown = -1;
  /// Unknown ones that follow each other become one.
  bool fuseUnknown = false;
  std::vector<TextStep> normalizer;
  std::vector<TextStep> splitter;
  /// Decoding: what is replaced in each piece (`replace` without regular expressions alone), and what is left out once
  /// at the beginning of the whole text, where it begins so. Empty: nothing.
  std::vector<TextStep> decoder;
  std::string strippedText;

  bool operator==(const BpeData &) const = default;

  /// How files spell a piece: bytes in GPT-2's alphabet.
  std::string spelling(uint32_t id) const;
};

/// Checks that all ids are those of pieces, that merges join what their results spell, and that each regular expression
/// is one. Throws Error that begins with `name`.
void checkBpe(const BpeData &data, const std::string &name);

/// "<0x0A>": how byte pieces are spelled.
std::string bytePieceName(uint8_t byte);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_BPEDATA_H
