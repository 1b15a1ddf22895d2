//===- SentencePieceTokenizer.cpp - tokenizer.model --------------------------------------===//

#include "runtime/text/SentencePieceTokenizer.h"
#include "runtime/core/Error.h"
#include "runtime/text/Utf8.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <charconv>

namespace quipu {

/// U+2581, which stands for a space in pieces.
static constexpr std::string_view kSpaceMark = "\xe2\x96\x81";

SentencePieceTokenizer::SentencePieceTokenizer(std::span<const uint8_t> bytes, const std::string &name, bool addBos,
                                               bool addEos)
    : Tokenizer(addBos, addEos), processor(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  std::string_view serialized(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  sentencepiece::util::Status status = processor->LoadFromSerializedProto(serialized);
  if (!status.ok())
    fail(name, ": not a usable SentencePiece model: ", status.message(),
         "; the file is damaged, or of another kind than tokenizer.model");
  vocabulary = processor->GetPieceSize();
  if (vocabulary <= 0)
    fail(name, ": the SentencePiece model has no pieces; the file is damaged");
  learnLeadingSpaces();
  learnLongestPiece();
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

/// The library does not tell its normaliser's settings: decode two words and see.
void SentencePieceTokenizer::learnLeadingSpaces() {
  for (int32_t id = 0; id < vocabulary; ++id) {
    const std::string &word = processor->IdToPiece(id);
    if (!word.starts_with(kSpaceMark) || word.size() == kSpaceMark.size() || processor->IsControl(id) ||
        processor->IsUnknown(id) || processor->IsByte(id) ||
        word.find(kSpaceMark, kSpaceMark.size()) != std::string::npos)
      continue;
    dropsFirstSpace = !processor->DecodeIds({id}).starts_with(' ');
    int space = processor->PieceToId(kSpaceMark);
    if (dropsFirstSpace && space >= 0 && !processor->IsUnknown(space))
      dropsAllSpaces = !processor->DecodeIds({space, id}).starts_with(' ');
    return;
  }
}

void SentencePieceTokenizer::learnLongestPiece() {
  bool hasBytes = false;
  for (int32_t id = 0; id < vocabulary; ++id) {
    hasBytes |= processor->IsByte(id);
    longestPiece = std::max(longestPiece, processor->IdToPiece(id).size());
  }
  if (!hasBytes)
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

void SentencePieceTokenizer::requireId(int32_t id) const {
  if (id < 0 || id >= vocabulary)
    fail("token id ", id, ": the tokenizer has ids 0 to ", vocabulary - 1);
}

std::vector<int32_t> SentencePieceTokenizer::encodePlain(std::string_view text) const {
  requireUtf8(text, "the text");
  std::vector<int> ids;
  sentencepiece::util::Status status = processor->Encode(text, &ids);
  if (!status.ok())
    fail("the text cannot be tokenized: ", status.message());
  return ids;
}

std::vector<int32_t> SentencePieceTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids = encodePlain(text);
  if (addsBos())
    ids.insert(ids.begin(), *bos());
  if (addsEos())
    ids.push_back(*eos());
  return ids;
}

bool SentencePieceTokenizer::appendBytes(int32_t id, bool atStart, std::string &out) const {
  requireId(id);
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
  bool dropped = false;
  while (atStart && dropsFirstSpace && text.starts_with(kSpaceMark) && (!dropped || dropsAllSpaces)) {
    text.remove_prefix(kSpaceMark.size());
    dropped = true;
  }
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
  return processor->IsControl(id);
}

std::string SentencePieceTokenizer::piece(int32_t id) const {
  requireId(id);
  return processor->IdToPiece(id);
}

static std::optional<int32_t> present(int id) { return id >= 0 ? std::optional<int32_t>(id) : std::nullopt; }

std::optional<int32_t> SentencePieceTokenizer::bos() const { return present(processor->bos_id()); }
std::optional<int32_t> SentencePieceTokenizer::eos() const { return present(processor->eos_id()); }

} // namespace quipu
