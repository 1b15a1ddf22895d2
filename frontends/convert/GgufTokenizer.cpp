//===- GgufTokenizer.cpp - A tokenizer in a GGUF file -------------------------------------===//
//
// Keys are those that frontends/gguf/Tokenizer.cpp reads.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/convert/GgufTokenizer.h"

#include "frontends/common/ByteLevelVocabulary.h"
#include "frontends/common/Json.h"
#include "frontends/common/PieceModel.h"
#include "frontends/common/Vocabulary.h"
#include "frontends/convert/Conversion.h"
#include "frontends/convert/MergeOrder.h"
#include "frontends/gguf/Tokenizer.h"
#include "runtime/abi/SpaceMark.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace quipu::convert {

using frontend::PieceType;
using frontend::ScoredPiece;
using frontend::shownText;

namespace {

class Writer {
public:
  Writer(const frontend::Model &model, GgufHeader &header, std::vector<std::string> &notes)
      : model(model), data(model.tokenizer.data), settings(data.settings), header(header), notes(notes) {}

  void write();
  void writeEnds(int32_t end);
  void writeTemplates();

private:
  void writeSentencePiece(const SentencePieceData &sentencePiece);
  void writeMetaspace(const BpeData &bpe);
  void writeByteLevel(const BpeData &bpe);
  /// Tokens beside the pieces, and a token for each id of the model that has none.
  void fillUp(std::vector<ScoredPiece> &pieces) const;
  void writePieces(std::string_view kind, const std::vector<ScoredPiece> &pieces, bool withScores);
  template <typename... Args> [[noreturn]] void refuse(const Args &...args) const {
    fail(data.name, ": ", args..., ", which GGUF has no key for; convert --without-tokenizer, and give --tokenizer ",
         data.name, " where text is used");
  }

  const frontend::Model &model;
  const TokenizerData &data;
  const TokenizerSettings &settings;
  GgufHeader &header;
  std::vector<std::string> &notes;
};

} // namespace

void Writer::fillUp(std::vector<ScoredPiece> &pieces) const {
  pieces.resize(std::max<size_t>(pieces.size(), model.config.vocabSize));
  for (const AddedToken &token : settings.added) {
    bool isToTakeSpace = frontend::gguf::takesSpaceToItsRight(titleOf(model), token.content);
    if (token.lstrip || token.rstrip != isToTakeSpace || token.singleWord)
      refuse("the added token ", shownText(token.content),
             token.singleWord ? " is not found inside of words"
             : token.lstrip   ? " takes the spaces to its left"
             : token.rstrip ? " takes the spaces to its right"
                            : " leaves the spaces to its right, unlike those of other models with phi-3 in their name");
    ScoredPiece &piece = pieces[size_t(token.id)];
    piece.text = token.content;
    // The unknown token stays what it is.
    if (piece.type != PieceType::unknown)
      piece.type = token.special ? PieceType::control : PieceType::userDefined;
  }
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].text.empty())
      pieces[id] = {concat("[PAD", id, "]"), 0, PieceType::unused};
}

void Writer::writePieces(std::string_view kind, const std::vector<ScoredPiece> &pieces, bool withScores) {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (const ScoredPiece &piece : pieces) {
    tokens.push_back(piece.text);
    scores.push_back(piece.score);
    types.push_back(int32_t(piece.type));
  }
  header.text("tokenizer.ggml.model", kind);
  header.texts("tokenizer.ggml.tokens", tokens);
  if (withScores)
    header.numbers("tokenizer.ggml.scores", scores);
  header.integers("tokenizer.ggml.token_type", types);
}

void Writer::writeSentencePiece(const SentencePieceData &sentencePiece) {
  frontend::PieceModel pieces = frontend::piecesOf(sentencePiece, data.name);
  if (pieces.settings.algorithm != frontend::PieceModelSettings::Algorithm::bpe)
    refuse("the tokenizer is a unigram model");
  if (!pieces.settings.characterMap.empty())
    refuse("the tokenizer changes characters (a precompiled map) before it finds pieces");
  if (pieces.settings.removeExtraSpaces)
    refuse("the tokenizer leaves out spaces that follow each other");
  fillUp(pieces.pieces);
  header.text("tokenizer.ggml.pre", "default");
  writePieces("llama", pieces.pieces, /*withScores=*/true);
  bool addsSpace = settings.addPrefixSpace.value_or(pieces.settings.addSpacePrefix);
  header.boolean("tokenizer.ggml.add_space_prefix", addsSpace);
  if (addsSpace && !settings.legacy)
    notes.push_back(
        "the tokenizer puts no space before a text behind a special token, which GGUF has no key for: programs "
        "that read the file put one there");
}

/// Whether texts get a space in front. Nothing: they are normalised in another way than a SentencePiece model does.
static std::optional<bool> spacePrefixOf(const BpeData &bpe) {
  auto isMark = [](const TextStep &step) {
    return step.kind == TextStep::Kind::replace && !step.isRegex && step.pattern == " " && step.content == kSpaceMark;
  };
  auto isPrefix = [](const TextStep &step) {
    return step.kind == TextStep::Kind::prepend && step.content == kSpaceMark && !step.unlessThere;
  };
  const std::vector<TextStep> &steps = bpe.normalizer;
  if (!bpe.splitter.empty())
    return std::nullopt;
  if (steps.size() == 1 && isMark(steps[0]))
    return false;
  if (steps.size() == 2 && isPrefix(steps[0]) && isMark(steps[1]))
    return true;
  return std::nullopt;
}

/// Scores that give the merges their order. A SentencePiece model merges any two pieces that join to a piece, so all
/// such pairs must be merges, and those of one result must have one rank among the others.
static std::optional<std::vector<float>> scoresOf(const BpeData &bpe) {
  std::vector<float> scores(bpe.pieces.size(), 0);
  std::unordered_map<std::string_view, uint32_t> ids;
  for (uint32_t id = 0; id < bpe.pieces.size(); ++id)
    ids.emplace(bpe.pieces[id], id);
  std::unordered_map<uint64_t, uint32_t> merges;
  uint32_t last = UINT32_MAX;
  float score = 0;
  for (const BpeMerge &merge : bpe.merges) {
    merges.emplace(uint64_t(merge.left) << 32 | merge.right, merge.result);
    if (merge.result != last && scores[merge.result] != 0)
      return std::nullopt;
    if (merge.result != last)
      scores[merge.result] = score -= 1;
    last = merge.result;
  }
  std::unordered_set<uint32_t> unreachable(bpe.unreachable.begin(), bpe.unreachable.end());
  for (uint32_t id = 0; id < bpe.pieces.size(); ++id) {
    std::string_view piece = bpe.pieces[id];
    if (unreachable.contains(id))
      continue;
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      auto left = ids.find(piece.substr(0, cut)), right = ids.find(piece.substr(cut));
      if (left != ids.end() && right != ids.end() && !merges.contains(uint64_t(left->second) << 32 | right->second))
        return std::nullopt;
    }
  }
  return scores;
}

/// BPE over characters, which is what a SentencePiece model of BPE does too.
void Writer::writeMetaspace(const BpeData &bpe) {
  std::optional<bool> addsSpace = spacePrefixOf(bpe);
  if (!addsSpace)
    refuse("the tokenizer normalises or divides a text in another way than a SentencePiece model does");
  if (!bpe.byteFallback || bpe.unknown == kNoToken || bpe.rankedByResult || bpe.ignoreMerges)
    refuse("the tokenizer has no fallback to bytes, no unknown token, or another order of merges than a SentencePiece "
           "model");
  std::optional<std::vector<float>> scores = scoresOf(bpe);
  if (!scores)
    refuse("the merges of the tokenizer are not those of a SentencePiece model (all pairs that join to a piece, in an "
           "order of the pieces)");
  std::unordered_set<std::string> bytes;
  for (unsigned byte = 0; byte < 256; ++byte)
    bytes.insert(bytePieceName(uint8_t(byte)));
  std::vector<ScoredPiece> pieces;
  for (uint32_t id = 0; id < bpe.pieces.size(); ++id)
    pieces.push_back(
        {bpe.pieces[id], (*scores)[id], bytes.contains(bpe.pieces[id]) ? PieceType::byte : PieceType::normal});
  pieces[size_t(bpe.unknown)].type = PieceType::unknown;
  fillUp(pieces);
  header.text("tokenizer.ggml.pre", "default");
  writePieces("llama", pieces, /*withScores=*/true);
  header.boolean("tokenizer.ggml.add_space_prefix", settings.addPrefixSpace.value_or(*addsSpace));
}

void Writer::writeByteLevel(const BpeData &bpe) {
  bool addsSpace = false;
  std::optional<std::string> pre = frontend::preTokenizerName(bpe, addsSpace);
  if (!pre)
    refuse("the tokenizer finds words by regular expressions that none of GGUF's kinds (tokenizer.ggml.pre) has");
  std::unordered_set<uint32_t> unreachable(bpe.unreachable.begin(), bpe.unreachable.end());
  std::vector<ScoredPiece> pieces;
  for (uint32_t id = 0; id < bpe.pieces.size(); ++id)
    pieces.push_back({bpe.pieces[id].empty() ? "" : bpe.spelling(id), 0,
                      unreachable.contains(id) ? PieceType::unused : PieceType::normal});
  fillUp(pieces);
  header.text("tokenizer.ggml.pre", *pre);
  writePieces("gpt2", pieces, /*withScores=*/false);
  std::vector<std::string> lines;
  for (const BpeMerge &merge : mergesInOrder(bpe))
    lines.push_back(concat(bpe.spelling(merge.left), " ", bpe.spelling(merge.right)));
  header.texts("tokenizer.ggml.merges", lines);
  header.boolean("tokenizer.ggml.add_space_prefix", addsSpace);
}

void Writer::write() {
  if (const auto *sentencePiece = std::get_if<SentencePieceData>(&data.model))
    writeSentencePiece(*sentencePiece);
  else if (const auto &bpe = std::get<BpeData>(data.model); bpe.byteLevel)
    writeByteLevel(bpe);
  else
    writeMetaspace(bpe);
  header.boolean("tokenizer.ggml.add_bos_token", settings.addBos);
  header.boolean("tokenizer.ggml.add_eos_token", settings.addEos);
  frontend::Vocabulary vocabulary(data);
  int32_t bos = settings.bos == kModelsOwnToken ? vocabulary.bos().value_or(kNoToken) : settings.bos;
  if (bos == kNoToken && !model.config.bosTokenIds.empty())
    bos = model.config.bosTokenIds.front();
  if (bos != kNoToken)
    header.integer("tokenizer.ggml.bos_token_id", uint32_t(bos));
  writeEnds(settings.eos == kModelsOwnToken ? vocabulary.eos().value_or(kNoToken) : settings.eos);
}

/// `end`: the tokenizer's own EOS, which comes first.
void Writer::writeEnds(int32_t end) {
  static constexpr std::array<std::string_view, 3> kKeys = {
      "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  std::vector<int32_t> ends = model.config.eosTokenIds;
  if (auto own = std::ranges::find(ends, end); own != ends.end())
    std::rotate(ends.begin(), own, own + 1);
  if (ends.size() > kKeys.size())
    fail("the model has ", ends.size(), " ids that end a text (eos_token_id), but GGUF has keys for ", kKeys.size(),
         "; leave some out of config.json and generation_config.json");
  for (size_t i = 0; i < ends.size(); ++i)
    header.integer(kKeys[i], uint32_t(ends[i]));
  // Without this key readers look for tokens that end a turn by their names.
  if (ends.size() == 1)
    header.integer(kKeys[1], uint32_t(ends[0]));
}

void Writer::writeTemplates() {
  std::vector<std::string> names;
  for (const ChatTemplate &chat : data.chatTemplates)
    if (chat.name == "default") {
      header.text("tokenizer.chat_template", chat.text);
    } else {
      names.push_back(chat.name);
      header.text(concat("tokenizer.chat_template.", chat.name), chat.text);
    }
  if (!names.empty())
    header.texts("tokenizer.chat_templates", names);
}

void writeTokenizer(const frontend::Model &model, bool without, GgufHeader &header, std::vector<std::string> &notes) {
  Writer writer(model, header, notes);
  if (without || !model.tokenizer.data.exists()) {
    header.text("tokenizer.ggml.model", "none");
    if (!model.config.bosTokenIds.empty())
      header.integer("tokenizer.ggml.bos_token_id", uint32_t(model.config.bosTokenIds.front()));
    writer.writeEnds(kNoToken);
  } else {
    writer.write();
  }
  writer.writeTemplates();
}

} // namespace quipu::convert
