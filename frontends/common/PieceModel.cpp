//===- PieceModel.cpp - A SentencePiece model of a list of pieces --------------------------===//

#include "frontends/common/PieceModel.h"

#include "frontends/common/Json.h"
#include "runtime/abi/SentencePieceModel.h"
#include "runtime/support/Error.h"

#include <builtin_pb/sentencepiece_model.pb.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <unordered_map>

namespace quipu::frontend {

namespace {

/// What is wrong with a list of pieces is said here in the words of the file; the library would only say "unk is not
/// defined".
class PieceCheck {
public:
  PieceCheck(const std::vector<ScoredPiece> &pieces, const std::string &name) : pieces(pieces), name(name) {}

  /// The id of the unknown token.
  int32_t run() {
    if (pieces.empty())
      fail(name, ": the tokenizer has no pieces; get the file again");
    for (size_t id = 0; id < pieces.size(); ++id)
      check(id);
    if (!unknown)
      fail(name, ": no piece has the type unknown (", int(PieceType::unknown),
           "), which a SentencePiece tokenizer must have once; get the file again");
    if (bytes != 0 && bytes != 256)
      fail(name, ": the tokenizer has ", bytes, " of the 256 byte pieces (<0x00> to <0xFF>); get the file again");
    return *unknown;
  }

private:
  void check(size_t id) {
    const ScoredPiece &piece = pieces[id];
    if (piece.text.empty())
      fail(name, ": piece ", id, " is empty; get the file again");
    if (!std::isfinite(piece.score))
      fail(name, ": piece ", id, " has the score ", piece.score, "; get the file again");
    auto [before, isNew] = ids.emplace(piece.text, id);
    if (!isNew)
      fail(name, ": the pieces ", before->second, " and ", id, " are both ", shownText(piece.text),
           "; a piece must be there once, get the file again");
    if (piece.type == PieceType::unknown) {
      if (unknown)
        fail(name, ": the pieces ", *unknown, " and ", id, " both have the type unknown; get the file again");
      unknown = int32_t(id);
    }
    if (piece.type == PieceType::byte)
      checkByte(id);
  }

  /// The library finds the value by the spelling, of which it knows one.
  void checkByte(size_t id) {
    unsigned value = 0;
    std::array<char, 8> spelling{};
    bool isByte = sscanf(pieces[id].text.c_str(), "<0x%2X>", &value) == 1;
    snprintf(spelling.data(), spelling.size(), "<0x%02X>", value);
    if (!isByte || pieces[id].text != spelling.data())
      fail(name, ": piece ", id, " has the type byte but is ", shownText(pieces[id].text),
           "; a byte is written as \"<0x0A>\", get the file again");
    ++bytes;
  }

  const std::vector<ScoredPiece> &pieces;
  const std::string &name;
  std::unordered_map<std::string_view, size_t> ids;
  std::optional<int32_t> unknown;
  size_t bytes = 0;
};

} // namespace

static int32_t checkedId(std::optional<int32_t> id, size_t pieces, const char *what, const std::string &name) {
  if (id && (*id < 0 || size_t(*id) >= pieces))
    fail(name, ": ", what, " is token ", *id, " but the tokenizer has ", pieces, " pieces; get the file again");
  return id.value_or(-1);
}

SentencePieceData sentencePieceModelOf(const std::vector<ScoredPiece> &pieces, const PieceModelSettings &settings,
                                       const std::string &name) {
  int32_t unknown = PieceCheck(pieces, name).run();
  sentencepiece::ModelProto model;
  bool hasBytes = false;
  for (const ScoredPiece &piece : pieces) {
    auto *to = model.add_pieces();
    to->set_piece(piece.text);
    to->set_score(piece.score);
    to->set_type(sentencepiece::ModelProto::SentencePiece::Type(piece.type));
    hasBytes |= piece.type == PieceType::byte;
  }
  sentencepiece::TrainerSpec &trainer = *model.mutable_trainer_spec();
  trainer.set_model_type(settings.algorithm == PieceModelSettings::Algorithm::bpe
                             ? sentencepiece::TrainerSpec::BPE
                             : sentencepiece::TrainerSpec::UNIGRAM);
  trainer.set_byte_fallback(hasBytes);
  trainer.set_vocab_size(int32_t(pieces.size()));
  trainer.set_unk_id(unknown);
  trainer.set_unk_piece(pieces[size_t(unknown)].text);
  // The library looks for BOS and EOS by their spelling, and takes them where they are control pieces.
  int32_t bos = checkedId(settings.bos, pieces.size(), "BOS", name);
  int32_t eos = checkedId(settings.eos, pieces.size(), "EOS", name);
  trainer.set_bos_id(bos);
  trainer.set_eos_id(eos);
  trainer.set_pad_id(-1);
  if (bos >= 0)
    trainer.set_bos_piece(pieces[size_t(bos)].text);
  if (eos >= 0)
    trainer.set_eos_piece(pieces[size_t(eos)].text);
  sentencepiece::NormalizerSpec &normalizer = *model.mutable_normalizer_spec();
  normalizer.set_name(settings.characterMap.empty() ? "identity" : "user_defined");
  normalizer.set_precompiled_charsmap(settings.characterMap);
  normalizer.set_add_dummy_prefix(settings.addSpacePrefix);
  normalizer.set_remove_extra_whitespaces(settings.removeExtraSpaces);
  normalizer.set_escape_whitespaces(true);
  SentencePieceData data;
  data.bytes.resize(model.ByteSizeLong());
  model.SerializeToArray(data.bytes.data(), int(data.bytes.size()));
  return data;
}

PieceModel piecesOf(const SentencePieceData &data, const std::string &name) {
  std::unique_ptr<sentencepiece::ModelProto> model = readSentencePieceModel(data.bytes, name);
  PieceModel result;
  for (const auto &piece : model->pieces())
    result.pieces.push_back({piece.piece(), piece.score(), PieceType(piece.type())});
  const sentencepiece::TrainerSpec &trainer = model->trainer_spec();
  if (trainer.model_type() != sentencepiece::TrainerSpec::BPE &&
      trainer.model_type() != sentencepiece::TrainerSpec::UNIGRAM)
    fail(name, ": the SentencePiece model is neither BPE nor unigram; use another tokenizer");
  PieceModelSettings &settings = result.settings;
  settings.algorithm = trainer.model_type() == sentencepiece::TrainerSpec::BPE ? PieceModelSettings::Algorithm::bpe
                                                                               : PieceModelSettings::Algorithm::unigram;
  const sentencepiece::NormalizerSpec &normalizer = model->normalizer_spec();
  settings.addSpacePrefix = normalizer.add_dummy_prefix();
  settings.removeExtraSpaces = normalizer.remove_extra_whitespaces();
  settings.characterMap = normalizer.precompiled_charsmap();
  return result;
}

} // namespace quipu::frontend
