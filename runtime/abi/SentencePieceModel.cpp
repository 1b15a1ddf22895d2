//===- SentencePieceModel.cpp - A tokenizer.model, checked -------------------------------===//

#include "runtime/abi/SentencePieceModel.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/Utf8.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace quipu {

/// Far above the largest that are known (256,000 pieces of at most some dozen characters; a map of 240 KB).
static constexpr int kMaxPieces = 1 << 24;
static constexpr size_t kMaxPieceBytes = 4096;
static constexpr size_t kMaxMapBytes = size_t(16) << 20;
/// What one character may become: a bound on the memory that normalising a text takes.
static constexpr size_t kMaxReplacementBytes = 1024;
/// Normalizer::kMaxTrieResultsSize: the library has room for so many entries that begin alike.
static constexpr int kMaxPrefixes = 32;

namespace {

/// A unit of a Darts double array. Source: darts-clone, DoubleArrayUnit.
struct Unit {
  uint32_t bits;
  bool hasLeaf() const { return bits >> 8 & 1; }
  uint32_t value() const { return bits & 0x7fffffff; }
  uint32_t label() const { return bits & 0x800000ff; }
  uint32_t offset() const { return (bits >> 10) << ((bits & 1u << 9) >> 6); }
};

/// Walks all that commonPrefixSearch can reach, each place once.
class TrieWalk {
public:
  explicit TrieWalk(std::string_view bytes) : units(bytes.size() / sizeof(Unit)), state(units.size(), kNew) {
    memcpy(units.data(), bytes.data(), units.size() * sizeof(Unit));
  }

  /// `isString`: whether a value is the offset of a string.
  template <typename Check> const char *run(Check isString) {
    // A place is where the children of a node are looked up: the unit of a child is there, with the byte that leads to
    // it put over the lowest eight bits. As the array is a multiple of 256 units, all of them are inside it if the
    // place is.
    uint32_t root = units[0].offset();
    if (root >= units.size())
      return "has a trie whose first unit leads out of it";
    struct Frame {
      uint32_t place;
      uint32_t byte;
    };
    std::vector<Frame> stack = {{root, 0}};
    state[root] = kOpen;
    while (!stack.empty()) {
      Frame &frame = stack.back();
      if (frame.byte == 256) {
        uint32_t place = frame.place;
        stack.pop_back();
        finish(place);
        continue;
      }
      uint32_t byte = frame.byte++;
      uint32_t child = frame.place ^ byte;
      Unit unit = units[child];
      if (unit.label() != byte)
        continue;
      uint32_t next = child ^ unit.offset();
      if (next >= units.size())
        return "has a trie with a unit that leads out of it";
      if (unit.hasLeaf() && !isString(units[next].value()))
        return "has a trie with a value outside of the strings";
      if (state[next] == kOpen)
        return "has a trie whose units run in a circle";
      if (state[next] != kNew)
        continue;
      state[next] = kOpen;
      stack.push_back({next, 0});
    }
    return state[root] > kMaxPrefixes ? "has too many entries that begin alike" : nullptr;
  }

private:
  /// Of a place: not seen, on the way down, or the most entries that a text can meet below it.
  static constexpr int8_t kNew = -1, kOpen = -2;

  void finish(uint32_t place) {
    int most = 0;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      Unit unit = units[place ^ byte];
      if (unit.label() == byte)
        most = std::max(most, state[place ^ byte ^ unit.offset()] + (unit.hasLeaf() ? 1 : 0));
    }
    state[place] = int8_t(std::min(most, kMaxPrefixes + 1));
  }

  std::vector<Unit> units;
  std::vector<int8_t> state;
};

} // namespace

const char *checkCharacterMap(std::string_view map) {
  uint32_t trieBytes = 0;
  if (map.size() > kMaxMapBytes)
    return "is larger than any is";
  if (map.size() <= sizeof(trieBytes))
    return "is cut off";
  memcpy(&trieBytes, map.data(), sizeof(trieBytes));
  map.remove_prefix(sizeof(trieBytes));
  if (trieBytes >= map.size())
    return "is cut off";
  if (trieBytes == 0 || trieBytes % (256 * sizeof(Unit)) != 0)
    return "has a trie that is no multiple of 1,024 bytes";
  std::string_view strings = map.substr(trieBytes);
  if (strings.back() != '\0')
    return "has strings that do not end";
  if (firstInvalidByte(strings))
    return "has strings that are not UTF-8";
  for (size_t begin = 0; begin < strings.size();) {
    size_t end = strings.find('\0', begin);
    if (end - begin > kMaxReplacementBytes)
      return "has a string longer than 1,024 bytes";
    begin = end + 1;
  }
  auto isString = [&](uint32_t value) {
    // Not inside of a character: what would begin there is no text.
    return value < strings.size() && (uint8_t(strings[value]) & 0xc0) != 0x80;
  };
  return TrieWalk(map.substr(0, trieBytes)).run(isString);
}

[[noreturn]] static void refuseOtherKind(std::span<const uint8_t> bytes, const std::string &name) {
  std::string_view head(reinterpret_cast<const char *>(bytes.data()), std::min(bytes.size(), kFileKindBytes));
  if (isTokenRanks(head))
    fail(name, ": the tokenizer is a list of base64 tokens and their ranks (tiktoken), not a SentencePiece model; get "
               "the tokenizer.model of SentencePiece");
  if (std::string placeholder = describePlaceholder(head); !placeholder.empty())
    fail(name, ": the tokenizer ", placeholder);
  if (isJsonText(head))
    fail(name, ": the tokenizer is JSON (a tokenizer.json), not a SentencePiece model; give the model's "
               "tokenizer.model");
  constexpr std::string_view kAdvice = "get the model's tokenizer.model";
  std::string kind = describeFileKind(head, kAdvice);
  fail(name, ": not a SentencePiece model",
       kind.empty() ? concat("; the file is damaged, or of another kind than tokenizer.model: ", kAdvice)
                    : concat(": it ", kind));
}

static void checkPieces(const sentencepiece::ModelProto &model, const std::string &name) {
  using Piece = sentencepiece::ModelProto::SentencePiece;
  auto bad = [&](int index, const auto &...what) {
    fail(name, ": piece ", index, " of the SentencePiece model ", what..., "; the file is damaged, get it again");
  };
  if (model.pieces_size() > kMaxPieces)
    fail(name, ": the SentencePiece model has ", model.pieces_size(), " pieces, more than the ", kMaxPieces,
         " that a tokenizer may have");
  bool inTrie = model.trainer_spec().model_type() == sentencepiece::TrainerSpec::UNIGRAM;
  for (int i = 0; i < model.pieces_size(); ++i) {
    const Piece &piece = model.pieces(i);
    if (piece.piece().empty())
      bad(i, "is empty");
    if (piece.piece().size() > kMaxPieceBytes)
      bad(i, "is ", piece.piece().size(), " bytes long, more than the ", kMaxPieceBytes, " that a piece may have");
    if (firstInvalidByte(piece.piece()))
      bad(i, "is not UTF-8");
    if (!std::isfinite(piece.score()))
      bad(i, "has the score ", piece.score());
    // Those are put into a trie, whose entries end at a zero.
    if ((inTrie || piece.type() == Piece::USER_DEFINED) && piece.piece().find('\0') != std::string::npos)
      bad(i, "has a zero byte");
  }
}

std::unique_ptr<sentencepiece::ModelProto> readSentencePieceModel(std::span<const uint8_t> bytes,
                                                                  const std::string &name) {
  auto model = std::make_unique<sentencepiece::ModelProto>();
  if (bytes.size() > size_t(INT32_MAX) || !model->ParseFromArray(bytes.data(), int(bytes.size())) ||
      model->pieces_size() == 0)
    refuseOtherKind(bytes, name);
  checkPieces(*model, name);
  const std::string &map = model->normalizer_spec().precompiled_charsmap();
  if (const char *wrong = map.empty() ? nullptr : checkCharacterMap(map))
    fail(name, ": the normaliser's character map (precompiled_charsmap) ", wrong,
         "; the file is damaged, get it again");
  if (!model->denormalizer_spec().precompiled_charsmap().empty())
    fail(name, ": the SentencePiece model has a denormaliser, which is not supported; use a tokenizer without one");
  return model;
}

std::unique_ptr<sentencepiece::SentencePieceProcessor> loadSentencePiece(const sentencepiece::ModelProto &model,
                                                                         bool addSpace, const std::string &name) {
  auto copy = std::make_unique<sentencepiece::ModelProto>(model);
  if (addSpace != model.normalizer_spec().add_dummy_prefix()) {
    copy->mutable_normalizer_spec()->set_add_dummy_prefix(addSpace);
    // Made with the other setting: the library would find the model unsound.
    copy->clear_self_test_data();
  }
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  std::string problem;
  try {
    sentencepiece::util::Status status = processor->Load(std::move(copy));
    if (!status.ok())
      problem = status.message();
  } catch (const std::exception &error) {
    problem = error.what();
  }
  if (!problem.empty())
    fail(name, ": not a usable SentencePiece model: ", problem,
         "; the file is damaged, or of another kind than tokenizer.model");
  return processor;
}

std::optional<int32_t> findPiece(const sentencepiece::SentencePieceProcessor &processor, std::string_view piece) {
  int id = processor.PieceToId(piece);
  bool isThere = id >= 0 && id < processor.GetPieceSize() && processor.IdToPiece(id) == piece;
  return isThere ? std::optional(id) : std::nullopt;
}

} // namespace quipu
