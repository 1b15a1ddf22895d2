//===- TokenizerJsonTest.cpp - What is refused in files of BPE tokenizers -------------------===//

#include "Support.h"

#include "frontends/common/ByteLevelVocabulary.h"
#include "frontends/common/RankFile.h"
#include "frontends/hf/TokenizerFiles.h"
#include "runtime/text/Tokenizer.h"

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

/// A byte-level tokenizer of three letters.
json byteLevelFile() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
    "added_tokens": [{"id": 5, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4}, "merges": ["a b", "Ġ ab"]}})");
}

/// The same letters as characters.
json characterFile() {
  json file = byteLevelFile();
  file["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = json::parse(R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  file["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"▁", 2}, {"ab", 3}, {"▁ab", 4}, {"<unk>", 5}};
  file["model"]["merges"] = json::parse(R"([["a", "b"], ["▁", "ab"]])");
  file["model"]["unk_token"] = "<unk>";
  file["added_tokens"] = json::array();
  return file;
}

struct JsonFolder {
  TokenizerData open(const json &file, uint32_t vocabSize = 16) {
    std::string path = folder.write("tokenizer.json", file.is_string() ? file.get<std::string>() : file.dump());
    notes.clear();
    return hf::readTokenizer(path, vocabSize, notes, false).data;
  }
  std::string error(const json &file, uint32_t vocabSize = 16) {
    return errorOf([&] { (void)open(file, vocabSize); });
  }
  /// With one value of the byte-level file changed.
  std::string errorAt(const std::string &place, const json &value) {
    json file = byteLevelFile();
    file[json::json_pointer(place)] = value;
    return error(file);
  }
  bool hasNote(std::string_view field, Note::Kind kind) const {
    return std::ranges::any_of(notes, [&](const Note &note) { return note.field == field && note.kind == kind; });
  }

  TempFolder folder;
  std::vector<Note> notes;
};

std::vector<int32_t> idsOf(const TokenizerData &data, std::string_view text,
                           SpecialTokens special = SpecialTokens::asText) {
  return Tokenizer::fromData(data)->encode(text, special);
}

using Ids = std::vector<int32_t>;

} // namespace

TEST(TokenizerJson, ReadsBothKinds) {
  JsonFolder folder;
  EXPECT_EQ(idsOf(folder.open(byteLevelFile()), "ab ab<end>"), (Ids{3, 4}));
  EXPECT_EQ(idsOf(folder.open(byteLevelFile()), "ab<end>", SpecialTokens::asTokens), (Ids{3, 5}));
  // It has three bytes of 243, and leaves the others out.
  EXPECT_EQ(idsOf(folder.open(byteLevelFile()), "axb"), (Ids{3}));
  auto noted = std::ranges::find(folder.notes, "tokenizer", &Note::field);
  ASSERT_NE(noted, folder.notes.end());
  EXPECT_NE(noted->text.find("no piece for 240 of the 243 bytes"), std::string::npos) << noted->text;
  EXPECT_EQ(idsOf(folder.open(characterFile()), "ab abé"), (Ids{4, 4, 5}));
  EXPECT_FALSE(folder.hasNote("tokenizer", Note::Kind::provenance));
  EXPECT_EQ(Tokenizer::fromData(folder.open(characterFile()))->decode(Ids{4, 4}), "ab ab");
}

namespace {
struct BadTokenizer {
  const char *name;
  std::string bytes;
  std::vector<std::string> words;
  uint32_t vocabSize = 16;
  friend void PrintTo(const BadTokenizer &value, std::ostream *out) { *out << value.name; }
};
class TokenizerRefusal : public testing::TestWithParam<BadTokenizer> {};
} // namespace

// Test: files that are no tokenizer, or not a sound one.
TEST_P(TokenizerRefusal, NamesWhatIsWrong) {
  TempFolder folder;
  std::string path = folder.write("tokenizer.json", GetParam().bytes);
  std::vector<Note> notes;
  std::string message =
      errorOf([&] { (void)hf::readTokenizer(path, GetParam().vocabSize, notes, /*compiling=*/false); });
  expectWords(message, GetParam().words);
  EXPECT_TRUE(message.starts_with(path)) << message;
}

/// The byte-level file with one value changed.
static std::string with(const char *place, const json &value) {
  json file = byteLevelFile();
  file[json::json_pointer(place)] = value;
  return file.dump();
}

static std::string withoutText(std::string_view text, const std::string &instead) {
  std::string bytes = byteLevelFile().dump();
  return bytes.replace(bytes.find(text), text.size(), instead);
}

static const BadTokenizer kBadTokenizers[] = {
    {"Empty", "", {"is empty"}},
    {"HalfJson", "{", {"JSON"}},
    {"KeyTwice", R"({"model": 1, "model": 2})", {"\"model\""}},
    {"NoObject", "[]", {"must hold a JSON object"}},
    {"NoModel", "{}", {"\"model\"", "BPE"}},
    {"Pointer", "version https://git-lfs.github.com/spec/v1\n", {"Git LFS pointer"}},
    {"NotUtf8", withoutText("<end>", "\xff"), {"UTF-8"}},
    {"DeeplyNested", std::string(100'000, '['), {"JSON"}},
    {"OtherModel", byteLevelFile().dump(), {"5 ids but the model has 4", "another model"}, 4},
    {"ModelOfNumber", with("/model", 3), {"\"model\" is 3"}},
    {"VocabOfList", with("/model/vocab", json::array()), {"\"model.vocab\"", "object from piece to id"}},
    {"VocabEmpty", with("/model/vocab", json::object()), {"\"model.vocab\"", "object from piece to id"}},
    {"IdNegative", with("/model/vocab/a", -1), {"\"model.vocab\", \"a\"", "id -1"}},
    {"IdOfText", with("/model/vocab/a", "0"), {"\"model.vocab\", \"a\"", "id \"0\""}},
    {"IdTwice", with("/model/vocab/a", 1), {"the id 1 is that of two pieces"}},
    {"IdHuge", with("/model/vocab/a", 4000000000), {"\"a\"", "id 4000000000"}},
    {"PieceEmpty", with("/model/vocab", {{"", 0}}), {"empty piece"}},
    {"MergesOfObject", with("/model/merges", json::object()), {"\"model.merges\"", "list of pairs"}},
    {"MergeOfNumber", with("/model/merges/0", 7), {"\"model.merges\" has 7"}},
    {"MergeOfThree", with("/model/merges/0", {"a", "b", "c"}), {"\"model.merges\" has [\"a\", \"b\", \"c\"]"}},
    {"MergeOfOne", with("/model/merges/0", "ab"), {"merge 0 is \"ab\"", "a space between"}},
    {"MergeOfThreeWords", with("/model/merges/0", "a b c"), {"merge 0 is \"a b c\""}},
    {"MergeOfUnknown", with("/model/merges/0", "a x"), {"merge 0", "\"x\" is no piece"}},
    {"MergeToUnknown", with("/model/merges/0", "b a"), {"merge 0", "\"ba\" is no piece"}},
    {"UnknownUnknown", with("/model/unk_token", "<unk>"), {"\"model.unk_token\" is \"<unk>\"", "piece of the vocab"}},
    {"AddedWithoutId", with("/added_tokens/0/id", nullptr), {"\"added_tokens\"", "id null"}},
    {"AddedWithoutText", with("/added_tokens/0/content", ""), {"\"added_tokens\"", "without text"}},
    {"AddedOdd", with("/added_tokens/0/odd", true), {"\"odd\""}},
    {"AddedTwice", with("/added_tokens/1", {{"id", 6}, {"content", "<end>"}}), {"\"<end>\" has the ids 5 and 6"}},
};
static_assert(std::size(kBadTokenizers) >= kMinBadTokenizers);

INSTANTIATE_TEST_SUITE_P(All, TokenizerRefusal, testing::ValuesIn(kBadTokenizers),
                         [](const auto &each) { return std::string(each.param.name); });

// Test: what is not supported is named, and what is there instead.
TEST(TokenizerJson, Unsupported) {
  JsonFolder folder;
  expectWords(folder.errorAt("/model/type", "Unigram"), {"\"model.type\" is \"Unigram\"", "only the model BPE"});
  expectWords(folder.errorAt("/model/type", "WordPiece"), {"\"model.type\" is \"WordPiece\""});
  expectWords(folder.errorAt("/model/dropout", 0.1), {"\"model.dropout\" is 0.1"});
  expectWords(folder.errorAt("/model/continuing_subword_prefix", "##"), {"\"model.continuing_subword_prefix\""});
  expectWords(folder.errorAt("/model/end_of_word_suffix", "</w>"), {"\"model.end_of_word_suffix\""});
  expectWords(folder.errorAt("/model/odd", 1), {"\"model.odd\" is 1", "not known"});
  expectWords(folder.errorAt("/odd", 1), {"\"odd\" is 1", "not known"});
  expectWords(folder.errorAt("/normalizer", {{"type", "BertNormalizer"}}),
              {"\"normalizer.type\" is \"BertNormalizer\"", "NFKC"});
  expectWords(folder.errorAt("/normalizer", {{"type", "NFC"}, {"odd", 1}}),
              {"\"normalizer.odd\"", "not known of a NFC"});
  expectWords(folder.errorAt("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}}),
              {"\"normalizer.normalizers[0].type\" is \"Nmt\""});
  expectWords(folder.errorAt("/normalizer", {{"type", "Sequence"}}), {"\"normalizer.normalizers\"", "list"});
  expectWords(folder.errorAt("/normalizer", {{"type", "Prepend"}}), {"\"normalizer.prepend\" is missing"});
  expectWords(folder.errorAt("/normalizer", "NFC"), {"\"normalizer\" is \"NFC\"", "object"});
  expectWords(folder.errorAt("/normalizer", json::object()), {"\"normalizer.type\" is missing"});
  expectWords(folder.errorAt("/pre_tokenizer", {{"type", "BertPreTokenizer"}}),
              {"\"pre_tokenizer.type\" is \"BertPreTokenizer\"", "Metaspace"});
  json split = {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Isolated"}, {"invert", false}};
  auto sequence = [&](const json &first, const json &second) {
    return json{{"type", "Sequence"}, {"pretokenizers", {first, second}}};
  };
  json byteLevel = byteLevelFile()["pre_tokenizer"];
  expectWords(folder.errorAt("/pre_tokenizer", sequence(byteLevel, split)), {"pretokenizers[1]", "behind ByteLevel"});
  auto splitBy = [&](const json &pattern, const char *behavior) {
    json changed = split;
    changed["pattern"] = pattern;
    changed["behavior"] = behavior;
    return folder.errorAt("/pre_tokenizer", sequence(changed, byteLevel));
  };
  EXPECT_EQ(splitBy({{"Regex", "a"}}, "Isolated"), "");
  expectWords(splitBy({{"Regex", "a"}}, "Random"), {"behavior\" is \"Random\"", "Contiguous"});
  expectWords(splitBy({{"Glob", "a"}}, "Isolated"), {"pattern\"", "Regex"});
  expectWords(splitBy("a", "Isolated"), {"pattern\"", "Regex"});
  expectWords(splitBy({{"String", ""}}, "Isolated"), {"pattern\"", "empty"});
  expectWords(splitBy({{"Regex", "(a"}}, "Isolated"), {"\"(a\" is not a regular expression", "parenthesis"});
  expectWords(splitBy({{"Regex", "[a&&b]"}}, "Isolated"), {"intersection of classes"});
  expectWords(splitBy({{"Regex", "\\h"}}, "Isolated"), {"\\h"});
  expectWords(folder.errorAt("/decoder", nullptr), {"\"decoder\" is missing"});
  expectWords(folder.errorAt("/decoder", {{"type", "WordPiece"}}), {"\"decoder.type\" is \"WordPiece\""});
  expectWords(folder.errorAt("/decoder", {{"type", "Fuse"}}), {"\"decoder\" is not ByteLevel"});
  expectWords(folder.errorAt("/post_processor", {{"type", "BertProcessing"}}), {"\"post_processor.type\""});
  json characters = characterFile();
  characters["model"]["byte_fallback"] = true;
  expectWords(folder.error(characters), {"lacks ByteFallback", "\"model.byte_fallback\" is true"});
  characters = characterFile();
  characters["decoder"]["decoders"][2]["start"] = 2;
  expectWords(folder.error(characters), {"start\" is 2", "one text at the beginning"});
}

// Test: what a template puts around a text counts, unless tokenizer_config.json says otherwise.
TEST(TokenizerJson, Templates) {
  JsonFolder folder;
  auto withTemplate = [](const json &single, const json &ids) {
    json file = byteLevelFile();
    file["post_processor"] = {{"type", "TemplateProcessing"},
                              {"single", single},
                              {"pair", json::array()},
                              {"special_tokens", {{"<end>", {{"id", "<end>"}, {"ids", ids}, {"tokens", {"<end>"}}}}}}};
    return file;
  };
  json token = {{"SpecialToken", {{"id", "<end>"}, {"type_id", 0}}}};
  json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  EXPECT_EQ(idsOf(folder.open(withTemplate(json::array({token, text}), json::array({5}))), "ab"), (Ids{5, 3}));
  EXPECT_EQ(idsOf(folder.open(withTemplate(json::array({text, token}), json::array({5}))), "ab"), (Ids{3, 5}));
  EXPECT_EQ(idsOf(folder.open(withTemplate(json::array({text}), json::array({5}))), "ab"), (Ids{3}));
  expectWords(folder.error(withTemplate(json::array({token, token, text}), json::array({5}))),
              {"\"post_processor\" puts 2 tokens"});
  expectWords(folder.error(withTemplate(json::array({token}), json::array({5}))), {"must have the sequence A"});
  expectWords(folder.error(withTemplate(json::array({text, text}), json::array({5}))), {"one sequence A"});
  expectWords(folder.error(withTemplate(json::array({token, text}), json::array({"5"}))),
              {"\"<end>\" has the id \"5\""});
  expectWords(folder.error(withTemplate(json::array({token, text}), json::array({-1}))), {"has the id -1"});
  expectWords(folder.error(withTemplate(json::array({{{"SpecialToken", {{"id", "<x>"}}}}, text}), json::array({5}))),
              {"\"<x>\"", "not in its special_tokens"});
  expectWords(folder.error(withTemplate(json::array({token, text}), json::array({9}))), {"BOS or EOS is token 9"});
  folder.folder.write("tokenizer_config.json", R"({"add_bos_token": false, "eos_token": "Ġ"})");
  EXPECT_EQ(idsOf(folder.open(withTemplate(json::array({token, text}), json::array({5}))), "ab"), (Ids{3}));
  expectWords(folder.error(withTemplate(json::array({text, token}), json::array({5}))),
              {"token 5", "eos_token is token 2"});
  folder.folder.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<end>"})");
  EXPECT_EQ(idsOf(folder.open(byteLevelFile()), "ab"), (Ids{5, 3}));
}

// Test: the files beside it: roles, added tokens, and how they are found.
TEST(TokenizerJson, FilesBesideIt) {
  JsonFolder folder;
  folder.folder.write("tokenizer_config.json", R"({"tokenizer_class": "Odd", "eos_token": "<end>", "pad_token": "<pad>",
    "add_prefix_space": true, "added_tokens_decoder": {"5": {"content": "<end>", "special": false, "rstrip": true}}})");
  TokenizerData data = folder.open(byteLevelFile());
  EXPECT_EQ(data.settings.eos, 5);
  EXPECT_EQ(data.settings.bos, kNoToken);
  // The role makes it special again.
  EXPECT_EQ(idsOf(data, "<end>  ab<pad>", SpecialTokens::asTokens), (Ids{5, 3, 6}));
  EXPECT_EQ(idsOf(data, "<end>ab<pad>"), (Ids{3, 0}));
  EXPECT_TRUE(folder.hasNote("add_prefix_space", Note::Kind::warning));
  EXPECT_TRUE(folder.hasNote("added_tokens_decoder", Note::Kind::provenance));
  folder.folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"6": {"content": "<end>"}}})");
  expectWords(folder.error(byteLevelFile()), {"\"<end>\" has the ids 5 and 6"});
}

// Test: a special token is no piece for merging: a text that merges to it stays text.
TEST(TokenizerJson, SpecialPiecesAreNotReached) {
  JsonFolder folder;
  for (bool ignoreMerges : {false, true}) {
    json file = byteLevelFile();
    file["model"]["ignore_merges"] = ignoreMerges;
    file["added_tokens"][0] = {{"id", 3}, {"content", "ab"}, {"special", true}, {"normalized", false}};
    EXPECT_EQ(idsOf(folder.open(file), "ab"), (Ids{0, 1})) << ignoreMerges;
    EXPECT_EQ(idsOf(folder.open(file), "ab", SpecialTokens::asTokens), (Ids{3})) << ignoreMerges;
  }
}

//===----------------------------------------------------------------------===//
// Ranks in base64
//===----------------------------------------------------------------------===//

namespace {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? uint8_t(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
  }
  return text;
}

std::string rankFile(const std::vector<std::string> &more = {}) {
  std::string text;
  int rank = 0;
  for (int byte = 0; byte < 256; ++byte)
    text += base64(std::string(1, char(byte))) + " " + std::to_string(rank++) + "\n";
  for (const std::string &token : more)
    text += base64(token) + " " + std::to_string(rank++) + "\n";
  return text;
}

std::string rankError(const std::string &text, uint32_t vocabSize = 1000) {
  return errorOf([&] {
    (void)llama3Tokenizer({reinterpret_cast<const uint8_t *>(text.data()), text.size()}, "r.model", vocabSize);
  });
}

} // namespace

TEST(RankFile, Malformed) {
  EXPECT_EQ(rankError(rankFile({"ab", "abc"})), "");
  expectWords(rankError(rankFile() + "YWI=\n"), {"r.model: line 257 is \"YWI=\"", "a space and its rank"});
  expectWords(rankError(rankFile() + "YWI 256\n"), {"line 257", "\"YWI\"", "no base64"});
  expectWords(rankError(rankFile() + "Y*I= 256\n"), {"line 257", "no base64"});
  expectWords(rankError(rankFile() + "==== 256\n"), {"line 257", "no base64"});
  expectWords(rankError(rankFile() + " 256\n"), {"line 257", "no base64"});
  expectWords(rankError(rankFile() + "YWI= 300\n"), {"line 257 has the rank \"300\"", "must be 256"});
  expectWords(rankError(rankFile() + "YWI= -1\n"), {"line 257 has the rank \"-1\""});
  expectWords(rankError(rankFile() + "YWI= 4294967552\n"), {"line 257 has the rank \"4294967552\""});
  expectWords(rankError(rankFile({"a"})), {"the ranks 97 and 256 have the same token"});
  expectWords(rankError("AA== 0\nAQ== 1\n"), {"no token is the byte 2 alone"});
  expectWords(rankError(rankFile(), 511), {"256 ids and 256 of special tokens", "the model has 511"});
  expectWords(rankError("version https://git-lfs.github.com/spec/v1\n"), {"Git LFS pointer"});
}

// Test: a merge counts by the rank of what comes out, and a word that is a token is that token.
TEST(RankFile, Merges) {
  std::string text = rankFile({"bc", "ab", "abcd", "aa"});
  auto tokenizer = Tokenizer::fromData(
      llama3Tokenizer({reinterpret_cast<const uint8_t *>(text.data()), text.size()}, "r.model", 1000).data);
  EXPECT_EQ(tokenizer->encode("abc"), (Ids{260, 'a', 256}));
  EXPECT_EQ(tokenizer->encodePlain("abcd"), (Ids{258}));
  EXPECT_EQ(tokenizer->encodePlain("aaa"), (Ids{259, 'a'}));
  EXPECT_EQ(tokenizer->encodePlain("<|eot_id|>", SpecialTokens::asTokens), (Ids{269}));
}

//===----------------------------------------------------------------------===//
// GGUF's gpt2
//===----------------------------------------------------------------------===//

TEST(ByteLevelVocabulary, Refusals) {
  ByteLevelVocabulary good;
  good.tokens = {"a", "b", "ab", "<end>", "spare", "user"};
  good.merges = {"a b"};
  good.types = {PieceType::normal,  PieceType::normal, PieceType::normal,
                PieceType::control, PieceType::unused, PieceType::userDefined};
  good.pre = "gpt-2";
  EXPECT_EQ(idsOf(byteLevelTokenizerOf(good, "g"), "abspare<end>user", SpecialTokens::asTokens), (Ids{2, 0, 3, 5}));
  EXPECT_EQ(idsOf(byteLevelTokenizerOf(good, "g"), "ab<end>user"), (Ids{2, 5}));
  auto error = [&](auto change) {
    ByteLevelVocabulary bad = good;
    change(bad);
    return errorOf([&] { (void)byteLevelTokenizerOf(bad, "g.gguf"); });
  };
  expectWords(error([](auto &bad) { bad.pre = "of-tomorrow"; }),
              {"g.gguf: tokenizer.ggml.pre is \"of-tomorrow\"", "llama-bpe", "tokenizer.json"});
  expectWords(error([](auto &bad) { bad.types.pop_back(); }), {"token_type has 5 entries", "tokens has 6"});
  expectWords(error([](auto &bad) { bad.tokens[1] = "a"; }), {"pieces 0 and 1 are both \"a\""});
  expectWords(error([](auto &bad) { bad.tokens[1] = "\xff"; }), {"piece 1 is not UTF-8"});
  expectWords(error([](auto &bad) { bad.merges = {"a"}; }), {"merge 0 is \"a\""});
  expectWords(error([](auto &bad) { bad.merges = {"b a"}; }), {"\"ba\" is no piece"});
  expectWords(error([](auto &bad) { bad.bos = 6; }), {"bos_token_id is 6", "no token of that id"});
  expectWords(error([](auto &bad) { bad.eos = -1; }), {"eos_token_id is -1"});
  expectWords(error([](auto &bad) { bad.tokens.clear(), bad.types.clear(); }), {"g.gguf"});
}
