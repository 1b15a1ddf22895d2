//===- TestTokenizer.cpp - A small tokenizer.model ---------------------------------------===//

#include "test/runtime/TestTokenizer.h"

#include "runtime/support/MappedFile.h"

#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>

namespace quipu::test {
namespace {

/// Writes protocol buffer fields, as far as a SentencePiece model needs them.
class Message {
public:
  void varint(int field, uint64_t value) {
    raw(uint64_t(field) << 3);
    raw(value);
  }
  void number(int field, float value) {
    raw(uint64_t(field) << 3 | 5);
    char bytes[4];
    memcpy(bytes, &value, 4);
    text.append(bytes, 4);
  }
  void string(int field, const std::string &value) {
    raw(uint64_t(field) << 3 | 2);
    raw(value.size());
    text += value;
  }

  std::string text;

private:
  void raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      text += char(value | 0x80);
    text += char(value);
  }
};

} // namespace

std::string modelPiece(const std::string &piece, float score, PieceType type) {
  Message message, model;
  message.string(1, piece);
  message.number(2, score);
  message.varint(3, type);
  model.string(1, message.text);
  return model.text;
}

std::string modelSelfTest(const std::string &text, const std::string &pieces) {
  Message sample, samples, model;
  sample.string(1, text);
  sample.string(2, pieces);
  samples.string(1, sample.text);
  model.string(4, samples.text);
  return model.text;
}

std::vector<uint8_t> testTokenizerModel() {
  Message model;
  model.text += modelPiece("<unk>", 0, unknownPiece);
  model.text += modelPiece("<s>", 0, controlPiece);
  model.text += modelPiece("</s>", 0, controlPiece);
  for (int value = 0; value < 256; ++value) {
    char name[8];
    snprintf(name, sizeof(name), "<0x%02X>", value);
    model.text += modelPiece(name, 0, bytePiece);
  }
  for (size_t i = 0; i < std::size(kWords); ++i)
    model.text += modelPiece(kWords[i], -float(i) - 1, normalPiece);
  Message trainer;
  trainer.varint(3, 2);  // model_type: BPE
  trainer.varint(35, 1); // byte_fallback
  model.string(2, trainer.text);
  Message normalizer;
  normalizer.string(1, "identity");
  normalizer.varint(3, 1); // add_dummy_prefix
  normalizer.varint(4, 0); // remove_extra_whitespaces
  normalizer.varint(5, 1); // escape_whitespaces
  model.string(3, normalizer.text);
  return std::vector<uint8_t>(model.text.begin(), model.text.end());
}

std::unique_ptr<Tokenizer> tokenizerOf(const std::string &path, const TokenizerSettings &settings) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path, "tokenizer");
  return Tokenizer::fromData({path, SentencePieceData{{file->span().begin(), file->span().end()}}, settings});
}

} // namespace quipu::test
