//===- TokenizerBin.cpp - llama2.c's tokenizer.bin ------------------------------------------===//

#include "frontends/llama2c/TokenizerBin.h"

#include "frontends/common/PieceModel.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <cstring>

namespace quipu::frontend::llama2c {

/// Far above the longest that is known (64).
static constexpr int32_t kMaxPieceBytes = 4096;
/// What it is and what to do, for the end of messages.
static constexpr const char *kTokenizerAdvice =
    "a tokenizer.bin is made by llama2.c's tokenizer.py from the model's tokenizer.model; make it again";

namespace {

class Reader {
public:
  Reader(std::span<const uint8_t> bytes, const std::string &name) : bytes(bytes), name(name) {}

  std::vector<ScoredPiece> read(uint32_t vocabSize) {
    int32_t longest = number<int32_t>("the length of the longest piece");
    if (longest < 1 || longest > kMaxPieceBytes)
      refuse("the longest piece has ", longest, " bytes, but 1 to ", kMaxPieceBytes, " are possible");
    std::vector<ScoredPiece> pieces;
    while (at < bytes.size()) {
      if (pieces.size() == vocabSize)
        fail(name, ": the tokenizer has more than ", vocabSize,
             " pieces, the ids that the model has (vocab_size): it belongs to another model; get the right one");
      pieces.push_back(piece(int32_t(pieces.size()), longest));
    }
    if (pieces.size() <= size_t(kEos))
      refuse("it has ", pieces.size(), " pieces, but the unknown token, BOS and EOS are three already");
    return pieces;
  }

private:
  template <typename... What> [[noreturn]] void refuse(const What &...what) const {
    std::string_view head(reinterpret_cast<const char *>(bytes.data()), std::min(bytes.size(), kFileKindBytes));
    if (std::string kind = describeFileKind(head, "get the model's tokenizer.bin"); !kind.empty())
      fail(name, ": the tokenizer ", kind);
    fail(name, ": not a tokenizer.bin: ", what..., "; ", kTokenizerAdvice);
  }

  template <typename Number> Number number(const char *what, int32_t id = -1) {
    Number value;
    if (bytes.size() - at < sizeof(value))
      refuse("the file ends in ", what, id < 0 ? "" : concat(" of piece ", id));
    memcpy(&value, bytes.data() + at, sizeof(value));
    at += sizeof(value);
    return value;
  }

  ScoredPiece piece(int32_t id, int32_t longest) {
    ScoredPiece piece;
    piece.score = number<float>("the score", id);
    int32_t length = number<int32_t>("the length", id);
    if (length < 1 || length > longest)
      refuse("piece ", id, " has ", length, " bytes, but the longest has ", longest);
    if (bytes.size() - at < size_t(length))
      refuse("the file ends in the bytes of piece ", id);
    std::string_view text(reinterpret_cast<const char *>(bytes.data()) + at, size_t(length));
    at += size_t(length);
    if (firstInvalidByte(text))
      refuse("piece ", id, " is not UTF-8");
    if (id == kBos || id == kEos) {
      // Line ends around it keep llama2.c from finding it in a text.
      text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size() - 1));
      text = text.substr(0, text.find('\n'));
    }
    for (char c : text)
      piece.text += c == ' ' ? "\u2581" : std::string(1, c);
    piece.type = typeOf(id, piece.text);
    return piece;
  }

  static PieceType typeOf(int32_t id, std::string_view text) {
    if (id == kUnknown)
      return PieceType::unknown;
    if (id == kBos || id == kEos)
      return PieceType::control;
    return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') ? PieceType::byte : PieceType::normal;
  }

  std::span<const uint8_t> bytes;
  const std::string &name;
  size_t at = 0;
};

} // namespace

TokenizerData parseTokenizerBin(std::span<const uint8_t> bytes, const std::string &name, uint32_t vocabSize) {
  PieceModelSettings settings;
  settings.bos = kBos;
  settings.eos = kEos;
  TokenizerData data;
  data.name = name;
  data.model = sentencePieceModelOf(Reader(bytes, name).read(vocabSize), settings, name);
  return data;
}

TokenizerData readTokenizerBin(const std::string &path, uint32_t vocabSize) {
  return parseTokenizerBin(MappedFile::open(path, "tokenizer")->span(), path, vocabSize);
}

} // namespace quipu::frontend::llama2c
