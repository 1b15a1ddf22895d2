//===- SentencePieceTokenizer.cpp - tokenizer.model --------------------------------------===//

#include "runtime/text/SentencePieceTokenizer.h"
#include "runtime/abi/SentencePieceModel.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/SentencePieceWords.h"
#include "runtime/text/SpaceMark.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <charconv>

namespace quipu {

SentencePieceTokenizer::SentencePieceTokenizer(std::span<const uint8_t> bytes, const std::string &name,
                                               const TokenizerSettings &settings)
    : Tokenizer(settings), name(name), model(readSentencePieceModel(bytes, name)) {
  const sentencepiece::NormalizerSpec &normalizer = model->normalizer_spec();
  bool addSpace = settings.addPrefixSpace.value_or(normalizer.add_dummy_prefix());
  processor = loadSentencePiece(*model, addSpace, name);
  pieces = processor->GetPieceSize();
  takeAddedTokens(name);
  spaceOnlyAtStart = addSpace && !settings.legacy;
  encodesWords = SentencePieceWords::isPossible(*model);
  dropsAllSpaces = normalizer.remove_extra_whitespaces();
  dropsFirstSpace = addSpace || dropsAllSpaces;
  learnLongestPiece();
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

void SentencePieceTokenizer::takeAddedTokens(const std::string &name) {
  checkSettings(settings, pieces, name);
  takeId(pieces - 1);
  auto isOwn = [&](int32_t id) { return id == processor->unk_id() || processor->IsControl(id); };
  for (const AddedToken &token : settings.added) {
    // The model's own ends and its unknown token are special and have no text, however they are listed.
    bool isEnd = token.id == processor->unk_id() || token.id == processor->bos_id() || token.id == processor->eos_id();
    bool isOwnEnd = isEnd && processor->IdToPiece(token.id) == token.content;
    finders.add(token.content, token, token.special || isOwnEnd);
    takeSpelled(token.content, token.id, token.special || isOwnEnd);
    if (!isOwnEnd)
      takeAdded(token);
  }
  for (int32_t id = 0; id < pieces; ++id)
    if (isOwn(id))
      ownTokens.push_back({id, processor->IdToPiece(id)});
  for (const AddedToken &token : ownTokens) {
    finders.add(token.content, token, /*isSpecial=*/true);
    takeSpelled(token.content, token.id, /*isSpecial=*/true);
  }
}

void SentencePieceTokenizer::learnLongestPiece() {
  bool hasBytes = false;
  for (int32_t id = 0; id < pieces; ++id) {
    hasBytes |= processor->IsByte(id);
    longestPiece = std::max(longestPiece, processor->IdToPiece(id).size());
  }
  bool takesSpace = false;
  for (const AddedToken &token : settings.added) {
    std::string normal;
    if (processor->Normalize(token.content, &normal).ok())
      longestPiece = std::max({longestPiece, token.content.size(), normal.size()});
    takesSpace |= token.lstrip || token.rstrip;
  }
  if (!hasBytes || takesSpace)
    longestPiece = 0;
}

bool SentencePieceTokenizer::isLongerThan(std::string_view text, uint64_t count) const {
  // No shorter than a piece of normalised text by more than this: what the normaliser does at its two ends.
  constexpr size_t kPiece = 64 << 10, kAtEnds = 64;
  uint64_t left = longestPiece ? count * longestPiece : UINT64_MAX;
  // Normalising may leave out blanks and more, so the text's own length says little.
  while (!text.empty() && left < UINT64_MAX) {
    size_t size = std::min(text.size(), kPiece);
    while (size < text.size() && size > 1 && (uint8_t(text[size]) & 0xc0) == 0x80)
      --size;
    std::string normal;
    if (!processor->Normalize(text.substr(0, size), &normal).ok())
      return false;
    uint64_t length = normal.size() - std::min(normal.size(), kAtEnds);
    if (length > left)
      return true;
    left -= length;
    text.remove_prefix(size);
  }
  return false;
}

std::vector<TextPart> SentencePieceTokenizer::partsOf(std::string_view text, SpecialTokens special,
                                                      const TokenPlaces *places) const {
  std::vector<TextPart> parts;
  for (const TextPart &part : finders.of(special, /*normalized=*/false).split(text, places)) {
    if (part.token) {
      parts.push_back(part);
      continue;
    }
    TokenPlaces inPart = [&, offset = size_t(part.text.data() - text.data())](int32_t id, size_t begin, size_t end) {
      return (*places)(id, offset + begin, offset + end);
    };
    std::ranges::copy(finders.of(special, /*normalized=*/true).split(part.text, places ? &inPart : nullptr),
                      std::back_inserter(parts));
  }
  return parts;
}

const sentencepiece::SentencePieceProcessor &SentencePieceTokenizer::processorFor(bool isFirst) const {
  if (isFirst || !spaceOnlyAtStart)
    return *processor;
  std::call_once(madeWithoutSpace, [&] { withoutSpace = loadSentencePiece(*model, false, name); });
  return *withoutSpace;
}

std::vector<int32_t> SentencePieceTokenizer::encodeParts(std::string_view text, SpecialTokens special,
                                                         const TokenPlaces *places) const {
  requireUtf8(text, "the text");
  std::vector<int32_t> result;
  for (const TextPart &part : partsOf(text, special, places)) {
    if (part.token) {
      result.push_back(part.token->id);
      continue;
    }
    appendText(part.text, /*isFirst=*/part.text.data() == text.data(), result);
  }
  return result;
}

void SentencePieceTokenizer::appendText(std::string_view text, bool isFirst, std::vector<int32_t> &ids) const {
  auto check = [](const sentencepiece::util::Status &status) {
    if (!status.ok())
      fail("the text cannot be tokenized: ", status.message());
  };
  if (!encodesWords) {
    std::vector<int> found;
    check(processorFor(isFirst).Encode(text, &found));
    ids.insert(ids.end(), found.begin(), found.end());
    return;
  }
  std::string normalized;
  check(processorFor(isFirst).Normalize(text, &normalized));
  std::call_once(madeWords, [&] { words = std::make_unique<SentencePieceWords>(*model, name); });
  words->append(normalized, ids);
}

bool SentencePieceTokenizer::appendBytes(int32_t id, bool atStart, std::string &out) const {
  requireId(id);
  if (const AddedToken *token = addedToken(id)) {
    out += token->content;
    return false;
  }
  if (processor->IsControl(id))
    return atStart;
  std::string_view text = processor->IdToPiece(id);
  if (processor->IsByte(id)) {
    // "<0xAB>"
    unsigned value = 0;
    if (text.size() == 6)
      std::from_chars(text.data() + 3, text.data() + 5, value, 16);
    out += char(value);
    return false;
  }
  if (processor->IsUnknown(id)) {
    out += processor->DecodeIds({id});
    return false;
  }
  bool dropped = atStart && dropsFirstSpace && text.starts_with(kSpaceMark);
  if (dropped)
    text.remove_prefix(kSpaceMark.size());
  bool gaveText = !text.empty();
  for (size_t mark; (mark = text.find(kSpaceMark)) != std::string_view::npos;) {
    out += text.substr(0, mark);
    out += ' ';
    text.remove_prefix(mark + kSpaceMark.size());
  }
  out += text;
  return atStart && !gaveText && (!dropped || dropsAllSpaces);
}

bool SentencePieceTokenizer::isControl(int32_t id) const {
  requireId(id);
  return !addedToken(id) && processor->IsControl(id);
}

std::string SentencePieceTokenizer::piece(int32_t id) const {
  requireId(id);
  const AddedToken *token = addedToken(id);
  return token ? token->content : processor->IdToPiece(id);
}

std::optional<int32_t> SentencePieceTokenizer::find(std::string_view piece) const {
  std::optional<int32_t> added = findAdded(piece);
  return added ? added : findPiece(*processor, piece);
}

static std::optional<int32_t> present(int id) { return id >= 0 ? std::optional<int32_t>(id) : std::nullopt; }

std::optional<int32_t> SentencePieceTokenizer::bos() const {
  return settings.bos == kModelsOwnToken ? present(processor->bos_id()) : present(settings.bos);
}

std::optional<int32_t> SentencePieceTokenizer::eos() const {
  return settings.eos == kModelsOwnToken ? present(processor->eos_id()) : present(settings.eos);
}

} // namespace quipu
