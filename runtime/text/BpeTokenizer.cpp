//===- BpeTokenizer.cpp - Byte pair encoding of any kind ----------------------------------------------===//

#include "runtime/text/BpeTokenizer.h"
#include "runtime/abi/ByteAlphabet.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/SpaceMark.h"

#include <algorithm>
#include <charconv>

namespace quipu {

static BpeData checked(BpeData data, const std::string &name) {
  checkBpe(data, name);
  return data;
}

BpeTokenizer::BpeTokenizer(BpeData given, const std::string &name, TokenizerSettings givenSettings)
    : Tokenizer(std::move(givenSettings)), data(checked(std::move(given), name)), normalizer(data.normalizer, name),
      splitter(data.splitter, name), merger(data) {
  checkSettings(settings, int32_t(data.pieces.size()), name);
  takeAddedTokens();
  learnLongestPiece();
  cutsAtSpaces = wordsAreIndependent();
}

BpeTokenizer::~BpeTokenizer() = default;

void BpeTokenizer::takeAddedTokens() {
  for (size_t id = 0; id < data.pieces.size(); ++id)
    if (!data.pieces[id].empty())
      takeId(int32_t(id));
  for (const AddedToken &token : settings.added) {
    takeAdded(token);
    std::string text = token.normalized ? normalizer.apply(token.content, /*atStart=*/true) : token.content;
    if (!text.empty())
      finders.add(text, token, token.special);
    takeSpelled(token.content, token.id, token.special);
  }
}

/// BPE with byte fallback gets the whole text as one word, where its files do not divide it. Where no merge has a space
/// mark behind another character, none crosses the beginning of a word. Then words have the ids that they have alone.
bool BpeTokenizer::wordsAreIndependent() const {
  // Unknown characters that follow each other may be one id, so a space mark must not be unknown.
  if (data.byteLevel || data.ignoreMerges || !merger.pieces().find(kSpaceMark))
    return false;
  return std::ranges::all_of(data.merges, [&](const BpeMerge &merge) {
    const std::string &piece = data.pieces[merge.result];
    return secondWord(piece) == piece.size();
  });
}

void BpeTokenizer::learnLongestPiece() {
  auto keepsLength = [](const TextStep &step) {
    switch (step.kind) {
    case TextStep::Kind::prepend:
      return true;
    case TextStep::Kind::replace:
      return !step.isRegex && step.content.size() >= step.pattern.size();
    case TextStep::Kind::split:
      return step.behavior != SplitBehavior::removed;
    case TextStep::Kind::strip:
    case TextStep::Kind::lowercase:
    case TextStep::Kind::nfc:
    case TextStep::Kind::nfd:
    case TextStep::Kind::nfkc:
    case TextStep::Kind::nfkd:
      break;
    }
    return false;
  };
  bool keeps = std::ranges::all_of(data.normalizer, keepsLength) && std::ranges::all_of(data.splitter, keepsLength);
  for (unsigned byte = 0; byte < 256 && keeps; ++byte)
    keeps = data.byteLevel ? merger.pieces().find(std::string(1, char(byte))).has_value()
                           : data.byteFallback && merger.pieces().find(bytePieceName(uint8_t(byte)));
  for (const AddedToken &token : settings.added) {
    longestPiece = std::max(longestPiece, token.content.size());
    keeps &= !token.lstrip && !token.rstrip;
  }
  for (const std::string &piece : data.pieces)
    longestPiece = std::max(longestPiece, piece.size());
  if (!keeps)
    longestPiece = 0;
}

bool BpeTokenizer::isLongerThan(std::string_view text, uint64_t count) const {
  return longestPiece && text.size() / longestPiece > count;
}

bool BpeTokenizer::isPiece(int32_t id) const {
  return id >= 0 && size_t(id) < data.pieces.size() && !data.pieces[size_t(id)].empty();
}

/// 0, and where each character ends.
static std::vector<size_t> characterEnds(std::string_view text) {
  std::vector<size_t> ends = {0};
  while (ends.back() < text.size())
    ends.push_back(ends.back() + characterLength(text.substr(ends.back())));
  return ends;
}

/// One call of encodeParts().
class BpeTokenizer::Encoding {
public:
  Encoding(const BpeTokenizer &tokenizer, SpecialTokens special, const TokenPlaces *places)
      : tokenizer(tokenizer), special(special), places(places), lock(tokenizer.cacheMutex, std::try_to_lock) {}

  std::vector<int32_t> run(std::string_view text) {
    for (const TextPart &part : tokenizer.finders.of(special, /*normalized=*/false).split(text, places)) {
      if (part.token)
        ids.push_back(part.token->id);
      else
        addPlain(part.text, size_t(part.text.data() - text.data()));
    }
    return std::move(ids);
  }

private:
  /// Text without tokens that are found in the text as it is; `offset`: where it begins.
  void addPlain(std::string_view text, size_t offset) {
    bool isFirst = offset == 0;
    const TextSteps &normalizer = tokenizer.normalizer;
    if (normalizer.empty() && !places)
      return addNormalized(text, isFirst, nullptr);
    std::string normal = normalizer.apply(text, isFirst);
    if (!places)
      return addNormalized(normal, isFirst, nullptr);
    // Normalising changes a character by itself or with its neighbours. So the length of a front of the text, when it
    // is normalised, tells where in the text a place of the normalised one lies.
    std::vector<size_t> fronts;
    auto lengthOf = [&](size_t front) { return normalizer.apply(text.substr(0, front), isFirst).size(); };
    TokenPlaces inNormal = [&](int32_t id, size_t begin, size_t end) {
      if (fronts.empty())
        fronts = characterEnds(text);
      auto first = std::ranges::partition_point(fronts, [&](size_t front) { return lengthOf(front) <= begin; });
      auto last = std::ranges::partition_point(fronts, [&](size_t front) { return lengthOf(front) < end; });
      return (*places)(id, offset + (first == fronts.begin() ? 0 : *std::prev(first)),
                       offset + (last == fronts.end() ? text.size() : *last));
    };
    addNormalized(normal, isFirst, &inNormal);
  }

  void addNormalized(std::string_view text, bool isFirst, const TokenPlaces *inText) {
    for (const TextPart &part : tokenizer.finders.of(special, /*normalized=*/true).split(text, inText)) {
      if (part.token)
        ids.push_back(part.token->id);
      else
        tokenizer.splitter.run(part.text, isFirst && part.text.data() == text.data(), sink);
    }
  }

  void addPart(std::string_view part) {
    if (!tokenizer.cutsAtSpaces)
      return addWord(part);
    while (!part.empty()) {
      std::string_view word = part.substr(0, secondWord(part));
      addWord(word);
      part.remove_prefix(word.size());
    }
  }

  void addWord(std::string_view word) {
    if (!lock.owns_lock())
      return tokenizer.merger.append(word, ids);
    if (tokenizer.cache.append(word, ids))
      return;
    size_t before = ids.size();
    tokenizer.merger.append(word, ids);
    tokenizer.cache.keep(word, std::span(ids).subspan(before));
  }

  const BpeTokenizer &tokenizer;
  const SpecialTokens special;
  /// Null: tokens are found everywhere.
  const TokenPlaces *const places;
  std::unique_lock<std::mutex> lock;
  std::vector<int32_t> ids;
  const TextSteps::Sink sink = [this](std::string_view part) { addPart(part); };
};

std::vector<int32_t> BpeTokenizer::encodeParts(std::string_view text, SpecialTokens special,
                                               const TokenPlaces *places) const {
  requireUtf8(text, "the text");
  return Encoding(*this, special, places).run(text);
}

/// The byte of a piece "<0xAB>"; nothing for others.
static std::optional<char> byteOfPiece(std::string_view piece) {
  unsigned value = 0;
  if (piece.size() != 6 || !piece.starts_with("<0x") || !piece.ends_with('>'))
    return std::nullopt;
  auto [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
  if (error != std::errc() || end != piece.data() + 5)
    return std::nullopt;
  return char(value);
}

bool BpeTokenizer::appendBytes(int32_t id, bool atStart, std::string &out) const {
  requireId(id);
  if (isControl(id))
    return atStart;
  if (const AddedToken *token = addedToken(id)) {
    out += token->content;
    return false;
  }
  std::string text = data.pieces[size_t(id)];
  if (data.byteFallback)
    if (std::optional<char> byte = byteOfPiece(text)) {
      out += *byte;
      return false;
    }
  for (const TextStep &step : data.decoder)
    for (size_t at = 0; (at = text.find(step.pattern, at)) != std::string::npos; at += step.content.size())
      text.replace(at, step.pattern.size(), step.content);
  bool isDropped = atStart && !data.strippedText.empty() && text.starts_with(data.strippedText);
  out += std::string_view(text).substr(isDropped ? data.strippedText.size() : 0);
  return atStart && text.empty();
}

bool BpeTokenizer::isControl(int32_t id) const {
  requireId(id);
  return id == settings.bos || id == settings.eos;
}

std::string BpeTokenizer::piece(int32_t id) const {
  requireId(id);
  if (const AddedToken *token = addedToken(id))
    return token->content;
  return data.spelling(uint32_t(id));
}

std::optional<int32_t> BpeTokenizer::find(std::string_view piece) const {
  if (std::optional<int32_t> added = findAdded(piece))
    return added;
  for (uint32_t id : data.unreachable)
    if (data.pieces[id] == piece)
      return int32_t(id);
  std::optional<std::string> bytes =
      data.byteLevel && !firstInvalidByte(piece) ? bytesOfSpelling(piece) : std::optional(std::string(piece));
  if (std::optional<uint32_t> id = bytes ? merger.pieces().find(*bytes) : std::nullopt)
    return int32_t(*id);
  return std::nullopt;
}

std::optional<int32_t> BpeTokenizer::bos() const {
  return settings.bos >= 0 ? std::optional(settings.bos) : std::nullopt;
}

std::optional<int32_t> BpeTokenizer::eos() const {
  return settings.eos >= 0 ? std::optional(settings.eos) : std::nullopt;
}

} // namespace quipu
