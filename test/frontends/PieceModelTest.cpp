//===- PieceModelTest.cpp - SentencePiece models made of pieces ---------------------------===//

#include "Support.h"

#include "frontends/common/PieceModel.h"
#include "frontends/llama2c/TokenizerBin.h"
#include "runtime/text/Tokenizer.h"

#include <cmath>
#include <cstring>

using namespace quipu;
using namespace quipu::frontend;
using quipu::test::errorOf;
using quipu::test::expectWords;

namespace {

std::vector<ScoredPiece> smallPieces(bool bytes) {
  std::vector<ScoredPiece> pieces = {
      {"<unk>", 0, PieceType::unknown}, {"<s>", 0, PieceType::control}, {"</s>", 0, PieceType::control}};
  for (int value = 0; bytes && value < 256; ++value) {
    char name[8];
    snprintf(name, sizeof(name), "<0x%02X>", value);
    pieces.push_back({name, 0, PieceType::byte});
  }
  float score = 0;
  for (const char *text : {"▁a", "▁ab", "ab", "a", "b", "▁"})
    pieces.push_back({text, --score, PieceType::normal});
  return pieces;
}

std::vector<int32_t> idsOf(const std::vector<ScoredPiece> &pieces, const PieceModelSettings &settings,
                           std::string_view text) {
  auto tokenizer = Tokenizer::fromData({"t", sentencePieceModelOf(pieces, settings, "t"), TokenizerSettings()});
  return tokenizer->encode(text);
}

std::string errorWith(const std::vector<ScoredPiece> &pieces, const PieceModelSettings &settings = {}) {
  return errorOf([&] { (void)sentencePieceModelOf(pieces, settings, "file: tokens"); });
}

/// A tokenizer.bin.
struct Binary {
  template <typename Number> void put(Number value) { bytes.append(reinterpret_cast<char *>(&value), sizeof(value)); }
  void piece(float score, const std::string &text) {
    put(score);
    put(int32_t(text.size()));
    bytes += text;
  }
  explicit Binary(int32_t longest = 8) {
    put(longest);
    piece(0, "<unk>");
    piece(0, "\n<s>\n");
    piece(0, "\n</s>\n");
    for (const ScoredPiece &each : smallPieces(true))
      if (each.type == PieceType::byte)
        piece(0, each.text);
    piece(-1, " a");
    piece(-2, "ab");
    piece(-3, " ");
    piece(-4, "a");
    piece(-5, "b");
  }
  TokenizerData parse(uint32_t vocabSize = 264) const {
    return llama2c::parseTokenizerBin({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, "t.bin",
                                      vocabSize);
  }
  std::string error(uint32_t vocabSize = 264) const {
    return errorOf([&] { (void)parse(vocabSize); });
  }

  std::string bytes;
};

} // namespace

// Test: text becomes the pieces of the best scores, and bytes where there is no piece.
TEST(PieceModel, Encodes) {
  PieceModelSettings settings;
  settings.bos = 1;
  settings.eos = 2;
  EXPECT_EQ(idsOf(smallPieces(true), settings, "ab"), (std::vector<int32_t>{1, 3 + 257}));
  EXPECT_EQ(idsOf(smallPieces(true), settings, "aé"), (std::vector<int32_t>{1, 3 + 256, 3 + 0xc3, 3 + 0xa9}));
  settings.addSpacePrefix = false;
  EXPECT_EQ(idsOf(smallPieces(false), settings, "aab"), (std::vector<int32_t>{1, 6, 5}));
  EXPECT_EQ(idsOf(smallPieces(false), settings, "é"), (std::vector<int32_t>{1, 0}));
  settings.algorithm = PieceModelSettings::Algorithm::unigram;
  // -5 for "ab", -9 for "a", "b".
  EXPECT_EQ(idsOf(smallPieces(false), settings, "ab"), (std::vector<int32_t>{1, 5}));
}

TEST(PieceModel, Refusals) {
  using Pieces = std::vector<ScoredPiece>;
  auto with = [](ScoredPiece piece) {
    Pieces pieces = smallPieces(true);
    pieces.push_back(std::move(piece));
    return pieces;
  };
  expectWords(errorWith({}), {"file: tokens: ", "no pieces"});
  expectWords(errorWith({{"a", 0, PieceType::normal}}), {"no piece has the type unknown (2)"});
  expectWords(errorWith(with({"x", 0, PieceType::unknown})), {"pieces 0 and 265", "type unknown"});
  expectWords(errorWith(with({"ab", 0, PieceType::normal})), {"pieces 261 and 265 are both \"ab\""});
  expectWords(errorWith(with({"", 0, PieceType::normal})), {"piece 265 is empty"});
  expectWords(errorWith(with({"x", NAN, PieceType::normal})), {"piece 265 has the score nan"});
  expectWords(errorWith(with({"<0x-1>", 0, PieceType::byte})), {"piece 265", "type byte", "\"<0x-1>\""});
  expectWords(errorWith(with({"<0x0a>", 0, PieceType::byte})), {"piece 265", "type byte"});
  Pieces few = smallPieces(true);
  few.erase(few.begin() + 20);
  expectWords(errorWith(few), {"255 of the 256 byte pieces"});
  PieceModelSettings settings;
  settings.eos = 265;
  expectWords(errorWith(smallPieces(true), settings), {"EOS is token 265", "265 pieces"});
}

TEST(TokenizerBin, Encodes) {
  auto tokenizer = Tokenizer::fromData(Binary().parse());
  EXPECT_EQ(tokenizer->encode("a ab"), (std::vector<int32_t>{1, 259, 259, 263}));
  EXPECT_EQ(tokenizer->encode("é"), (std::vector<int32_t>{1, 261, 3 + 0xc3, 3 + 0xa9}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" a é\n")), " a é\n");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->piece(2), "</s>");
}

// Test: each way in which the file can be damaged is an error of its own.
TEST(TokenizerBin, Refusals) {
  Binary cut;
  cut.bytes.resize(3);
  expectWords(cut.error(), {"t.bin: ", "ends in the length of the longest piece"});
  expectWords(Binary(0).error(), {"the longest piece has 0 bytes"});
  expectWords(Binary(1 << 20).error(), {"the longest piece has 1048576 bytes"});
  expectWords(Binary(4).error(), {"piece 0 has 5 bytes, but the longest has 4"});
  for (int32_t length : {-1, 0, INT32_MAX}) {
    Binary binary;
    binary.put(-1.0f);
    binary.put(length);
    expectWords(binary.error(265), {"piece 264 has ", "bytes, but the longest has 8"});
  }
  Binary inScore;
  inScore.bytes += "ab";
  expectWords(inScore.error(265), {"ends in the score of piece 264"});
  Binary inLength;
  inLength.put(-1.0f);
  expectWords(inLength.error(265), {"ends in the length of piece 264"});
  Binary inText;
  inText.piece(-1, "abcd");
  inText.bytes.pop_back();
  expectWords(inText.error(265), {"ends in the bytes of piece 264"});
  Binary other;
  other.piece(-1, "x\xff");
  expectWords(other.error(265), {"piece 264 is not UTF-8"});
  Binary twice;
  twice.piece(-1, "ab");
  expectWords(twice.error(265), {"are both \"ab\""});
  expectWords(Binary().error(263), {"more than 263 pieces", "vocab_size"});
  Binary few(8);
  few.bytes.resize(4 + 8 + 5);
  expectWords(few.error(), {"it has 1 pieces"});
  Binary json;
  json.bytes = "version https://git-lfs.github.com/spec/v1\noid sha256:00";
  expectWords(json.error(), {"Git LFS pointer"});
}
