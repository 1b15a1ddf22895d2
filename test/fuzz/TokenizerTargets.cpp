//===- TokenizerTargets.cpp - Readers of tokenizers ----------------------------------------===//

#include "Scratch.h"
#include "Targets.h"
#include "UseTokenizer.h"

#include "frontends/common/ByteLevelVocabulary.h"
#include "frontends/common/RankFile.h"
#include "frontends/hf/TokenizerFiles.h"
#include "frontends/llama2c/TokenizerBin.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Tokenizer.h"

using namespace quipu;
using namespace quipu::frontend;

namespace quipu::test {

/// More ids than any seed has.
static constexpr uint32_t kVocabSize = 1000;

void useTokenizer(TokenizerData data) {
  auto tokenizer = Tokenizer::fromData(std::move(data));
  constexpr std::string_view kTexts[] = {"", " ", "The café, <s> <|eot_id|> 1234  \n\t x",
                                         "e\u0301\u0316 \U0001f44d\U0001f3fd \u200d ﬁ \u1100\u1161"};
  for (std::string_view text : kTexts)
    for (SpecialTokens special : {SpecialTokens::asText, SpecialTokens::asTokens}) {
      std::vector<int32_t> ids = tokenizer->encode(text, special);
      StreamDecoder stream(*tokenizer);
      std::string streamed;
      for (int32_t id : ids)
        streamed += stream.push(id);
      require(streamed + stream.finish() == tokenizer->decode(ids), "a text that streams is the text of all ids");
    }
  for (int32_t id = 0; id < std::min(tokenizer->size(), 300); ++id)
    if (tokenizer->has(id)) {
      (void)tokenizer->piece(id);
      (void)tokenizer->decode(std::span(&id, 1));
    }
  (void)tokenizer->find("<s>");
}

static void readAndUse(const std::string &path) {
  accepts([&] {
    std::vector<Note> notes;
    useTokenizer(hf::readTokenizer(path, kVocabSize, notes, /*isOptional=*/false).data);
  });
}

static std::span<const uint8_t> bytesOf(std::string_view input) {
  return {reinterpret_cast<const uint8_t *>(input.data()), input.size()};
}

static void tokenizerJson(std::string_view input) {
  static const Scratch scratch;
  readAndUse(scratch.write("tokenizer.json", input));
}

/// The files beside a tokenizer, with a small one.
static void tokenizerConfig(std::string_view input) {
  static const Scratch scratch;
  static const std::string path = scratch.write("tokenizer.json", R"({"version": "1.0", "added_tokens": [],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
  scratch.write("tokenizer_config.json", input);
  readAndUse(path);
}

/// A tokenizer.model, of SentencePiece or of ranks.
static void tokenizerModel(std::string_view input) {
  static const Scratch scratch;
  readAndUse(scratch.write("tokenizer.model", input));
}

static void ranks(std::string_view input) {
  accepts([&] { useTokenizer(llama3Tokenizer(bytesOf(input), "tokenizer.model", kVocabSize).data); });
}

static void tokenizerBin(std::string_view input) {
  accepts([&] { useTokenizer(llama2c::parseTokenizerBin(bytesOf(input), "tokenizer.bin", kVocabSize)); });
}

static std::string_view takeLine(std::string_view &text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

/// GGUF's two kinds, without the file around them. The first line is `llama` or the name of a pre-tokeniser. Each that
/// follows is a digit, the type, and a piece; behind an empty line come merges.
static void ggufTokenizer(std::string_view input) {
  std::string kind(takeLine(input));
  ByteLevelVocabulary vocabulary;
  std::vector<ScoredPiece> pieces;
  for (std::string_view line; !(line = takeLine(input)).empty() && pieces.size() < kVocabSize;) {
    auto type = PieceType(std::clamp(line[0] - '0', 1, 6));
    line.remove_prefix(1);
    vocabulary.tokens.emplace_back(line);
    vocabulary.types.push_back(type);
    pieces.push_back({std::string(line), -float(pieces.size()), type});
  }
  accepts([&] {
    if (kind == "llama") {
      TokenizerData data;
      data.name = "model.gguf";
      data.model = sentencePieceModelOf(pieces, PieceModelSettings(), data.name);
      return useTokenizer(std::move(data));
    }
    while (!input.empty())
      vocabulary.merges.emplace_back(takeLine(input));
    vocabulary.pre = kind;
    useTokenizer(byteLevelTokenizerOf(vocabulary, "model.gguf"));
  });
}

std::span<const FuzzTarget> tokenizerTargets() {
  static constexpr FuzzTarget kTargets[] = {{"tokenizer_json", tokenizerJson},   {"tokenizer_config", tokenizerConfig},
                                            {"tokenizer_model", tokenizerModel}, {"ranks", ranks},
                                            {"tokenizer_bin", tokenizerBin},     {"gguf_tokenizer", ggufTokenizer}};
  return kTargets;
}

} // namespace quipu::test
