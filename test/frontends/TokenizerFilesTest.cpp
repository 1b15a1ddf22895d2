//===- TokenizerFilesTest.cpp - What the files of a tokenizer say ------------------------===//

#include "Support.h"

#include "frontends/hf/Config.h"
#include "runtime/text/Tokenizer.h"
#include "test/runtime/TestTokenizer.h"

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

/// A model directory with a tokenizer, to be bent.
struct TokenizerFolder {
  TokenizerFolder() {
    config["vocab_size"] = 320;
    std::vector<uint8_t> bytes = testTokenizerModel();
    folder.write("tokenizer.model", std::string(bytes.begin(), bytes.end()));
  }
  Model open() {
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", safetensorsFile(tensorsOf(hf::parseConfig(config.dump(), "config.json"))));
    return openModel(folder.path.string());
  }
  Model open(const json &tokenizerConfig) {
    folder.write("tokenizer_config.json", tokenizerConfig.dump());
    return open();
  }
  std::string error() {
    return errorOf([&] { open(); });
  }
  std::string error(const json &tokenizerConfig) {
    return errorOf([&] { open(tokenizerConfig); });
  }
  std::unique_ptr<Tokenizer> tokenizer(const Model &model) { return Tokenizer::fromData(model.tokenizer.data); }

  TempFolder folder;
  json config = smallConfig();
};

std::string noteOn(const Model &model, std::string_view field, Note::Kind kind) {
  std::string text;
  for (const Note &note : model.config.notes)
    if (note.field == field && note.kind == kind)
      text += note.text + "\n";
  return text;
}

json added(const std::string &content, bool special = true) {
  return {{"content", content}, {"special", special}, {"normalized", !special},
          {"lstrip", false},    {"rstrip", false},    {"single_word", false}};
}

} // namespace

TEST(TokenizerFiles, Defaults) {
  TokenizerFolder folder;
  Model model = folder.open();
  EXPECT_EQ(model.tokenizer.data.name, folder.folder.file("tokenizer.model"));
  EXPECT_TRUE(model.tokenizer.data.settings.addBos);
  EXPECT_FALSE(model.tokenizer.data.settings.addEos);
  EXPECT_FALSE(model.tokenizer.data.settings.legacy);
  EXPECT_FALSE(model.tokenizer.data.settings.addPrefixSpace);
  EXPECT_TRUE(model.tokenizer.data.settings.added.empty());
  EXPECT_EQ(model.tokenizer.end, kEosId);
}

TEST(TokenizerFiles, ReadsTheConfig) {
  TokenizerFolder folder;
  Model model = folder.open({{"add_bos_token", false},
                             {"add_eos_token", true},
                             {"legacy", true},
                             {"add_prefix_space", false},
                             {"chat_template", "{{ messages }}"},
                             {"model_max_length", 512},
                             {"tokenizer_class", "LlamaTokenizerFast"}});
  EXPECT_FALSE(model.tokenizer.data.settings.addBos);
  EXPECT_TRUE(model.tokenizer.data.settings.addEos);
  EXPECT_TRUE(model.tokenizer.data.settings.legacy);
  EXPECT_EQ(model.tokenizer.data.settings.addPrefixSpace, false);
  // What does not change ids is said where one asks, and no louder.
  EXPECT_EQ(noteOn(model, "tokenizer_config.json", Note::Kind::provenance),
            "not used, as they do not change ids: model_max_length\n");
  for (const Note &note : model.config.notes)
    EXPECT_EQ(note.kind, Note::Kind::provenance) << note.field << ": " << note.text;
}

// Test: chat templates: a text, named ones, files before the field; not what is neither.
TEST(TokenizerFiles, KeepsChatTemplates) {
  TokenizerFolder folder;
  auto templates = [&](const json &field) {
    return folder.open({{"chat_template", field}}).tokenizer.data.chatTemplates;
  };
  using Templates = std::vector<ChatTemplate>;
  const char *origin = "tokenizer_config.json: chat_template";
  EXPECT_TRUE(folder.open().tokenizer.data.chatTemplates.empty());
  EXPECT_TRUE(templates(nullptr).empty());
  EXPECT_EQ(templates("{{ messages }}"), (Templates{{"default", "{{ messages }}", origin}}));
  EXPECT_EQ(templates({{{"name", "default"}, {"template", "A"}}, {{"name", "tool_use"}, {"template", "B"}}}),
            (Templates{{"default", "A", origin}, {"tool_use", "B", origin}}));
  expectWords(folder.error({{"chat_template", 3}}),
              {"tokenizer_config.json", "\"chat_template\" is 3", "must be a text"});
  expectWords(folder.error({{"chat_template", {{{"name", "default"}}}}}), {"\"chat_template\"", "must be a text"});
  folder.folder.write("chat_template.jinja", "C\n");
  EXPECT_EQ(templates("A"), (Templates{{"default", "C\n", "chat_template.jinja"}}));
  std::filesystem::create_directory(folder.folder.path / "additional_chat_templates");
  folder.folder.write("additional_chat_templates/rag.jinja", "D");
  EXPECT_EQ(templates("A"), (Templates{{"default", "C\n", "chat_template.jinja"}, {"rag", "D", "rag.jinja"}}));
  folder.folder.write("chat_template.jinja", "\xff");
  expectWords(folder.error({{"chat_template", "A"}}), {"chat_template.jinja", "not UTF-8"});
}

TEST(TokenizerFiles, RefusesByName) {
  TokenizerFolder folder;
  expectWords(folder.error({{"add_bos_token", 1}}),
              {"tokenizer_config.json", "\"add_bos_token\" is 1", "true or false"});
  expectWords(folder.error({{"do_lower_case", true}}), {"\"do_lower_case\" is true", "not supported"});
  expectWords(folder.error({{"split_special_tokens", true}}), {"\"split_special_tokens\" is true"});
  expectWords(folder.error({{"sp_model_kwargs", {{"enable_sampling", true}}}}), {"\"sp_model_kwargs\"", "random"});
  expectWords(folder.error({{"added_tokens_decoder", json::array()}}), {"\"added_tokens_decoder\"", "object"});
  expectWords(folder.error({{"added_tokens_decoder", {{"x", added("a")}}}}), {"\"x\"", "token id"});
  expectWords(folder.error({{"added_tokens_decoder", {{"300", {{"special", true}}}}}}),
              {"\"300\"", "\"content\" is missing"});
  expectWords(folder.error({{"added_tokens_decoder", {{"300", {{"content", "a"}, {"odd", 1}}}}}}), {"\"odd\""});
  expectWords(folder.error({{"added_tokens_decoder", {{"300", added("a")}, {"301", added("a")}}}}),
              {"\"a\" has the ids 300 and 301"});
  expectWords(folder.error({{"added_tokens_decoder", {{"2147483647", added("a")}}}}),
              {"\"2147483647\"", "a token id is a number from 0 to 67108863"});
  expectWords(folder.error({{"added_tokens_decoder", {{"300", added("")}}}}), {"\"300\"", "without text"});
  expectWords(folder.error(json::array()), {"tokenizer_config.json", "JSON object"});
  folder.open(json::object());
  folder.folder.write("added_tokens.json", R"({"a": -1})");
  expectWords(folder.error(), {"added_tokens.json", "\"a\" has the id -1"});
  folder.folder.write("added_tokens.json", R"({"a": 300, "b": 300})");
  expectWords(folder.error(), {"added_tokens.json", "the id 300 is that of \"a\" and of \"b\""});
  folder.folder.write("added_tokens.json", R"({"a": 2147483647})");
  expectWords(folder.error(), {"added_tokens.json", "\"a\" has the id 2147483647"});
  std::filesystem::remove(folder.folder.path / "added_tokens.json");
  folder.folder.write("tokenizer.json", R"({"added_tokens": {"a": 300}})");
  expectWords(folder.error(), {"tokenizer.json", "\"added_tokens\"", "must be a list"});
}

TEST(TokenizerFiles, WarnsOfWhatItDoesNotDo) {
  TokenizerFolder folder;
  Model model = folder.open({{"clean_up_tokenization_spaces", true},
                             {"spaces_between_special_tokens", true},
                             {"tokenizer_class", "GemmaTokenizer"},
                             {"of_tomorrow", 1}});
  for (const char *field : {"clean_up_tokenization_spaces", "spaces_between_special_tokens", "tokenizer_class"})
    EXPECT_NE(noteOn(model, field, Note::Kind::warning), "") << field;
  EXPECT_NE(noteOn(model, "tokenizer_config.json", Note::Kind::warning).find("\"of_tomorrow\""), std::string::npos);
}

// Test: empty names of special tokens, as early conversions of LLaMA 1 have them, are missing ones.
TEST(TokenizerFiles, EmptyNames) {
  TokenizerFolder folder;
  folder.folder.write("special_tokens_map.json", R"({"eos_token": {"content": ""}})");
  Model model = folder.open({{"bos_token", ""},
                             {"eos_token", {{"content", ""}, {"lstrip", false}}},
                             {"unk_token", ""},
                             {"tokenizer_class", "LLaMATokenizer"}});
  EXPECT_EQ(folder.tokenizer(model)->bos(), kBosId);
  EXPECT_EQ(model.tokenizer.end, kEosId);
  EXPECT_NE(noteOn(model, "bos_token", Note::Kind::provenance).find("is empty in tokenizer_config.json"),
            std::string::npos);
  EXPECT_NE(noteOn(model, "eos_token", Note::Kind::provenance).find("is empty in special_tokens_map.json"),
            std::string::npos);
}

// Test: control pieces that a role or the list of added tokens names are found where special tokens are asked for.
TEST(TokenizerFiles, NamedControlPieces) {
  TokenizerFolder folder;
  std::vector<uint8_t> bytes = testTokenizerModel();
  folder.folder.write("tokenizer.model", std::string(bytes.begin(), bytes.end()) +
                                             modelPiece("[INST]", 0, controlPiece) +
                                             modelPiece("[PAD]", 0, controlPiece));
  Model model = folder.open({{"added_tokens_decoder", {{"1", added("<s>")}, {"288", added("[INST]")}}},
                             {"bos_token", "<s>"},
                             {"pad_token", "[PAD]"}});
  auto asTokens = [&](std::string_view text) {
    return folder.tokenizer(model)->encodePlain(text, SpecialTokens::asTokens);
  };
  EXPECT_EQ(asTokens("[INST]<s>[PAD]"), (std::vector<int32_t>{288, kBosId, 289}));
  EXPECT_EQ(folder.tokenizer(model)->encodePlain("[INST]").size(), 7u);
  EXPECT_EQ(folder.tokenizer(model)->encodePlain("<s>").size(), 4u);
}

// Test: added tokens of each of the files are found in a text, special ones where they are asked for.
TEST(TokenizerFiles, AddedTokens) {
  {
    TokenizerFolder folder;
    Model model = folder.open(
        {{"added_tokens_decoder", {{"1", added("<s>")}, {"300", added("<|im_start|>")}}}, {"eos_token", "</s>"}});
    EXPECT_EQ(folder.tokenizer(model)->encodePlain("<|im_start|>the", SpecialTokens::asTokens).front(), 300);
    EXPECT_NE(folder.tokenizer(model)->encodePlain("<|im_start|>the").front(), 300);
  }
  {
    TokenizerFolder folder;
    folder.folder.write("added_tokens.json", R"({"<|im_start|>": 288, "<|im_end|>": 289})");
    Model model = folder.open();
    EXPECT_EQ(folder.tokenizer(model)->encodePlain("<|im_start|>the<|im_end|>").front(), 288);
    EXPECT_EQ(folder.tokenizer(model)->encodePlain("<|im_start|>the<|im_end|>").back(), 289);
    EXPECT_EQ(folder.tokenizer(model)->decode(std::vector<int32_t>{288, 289}), "<|im_start|><|im_end|>");
  }
  {
    TokenizerFolder folder;
    json token = added("<x>");
    token["id"] = 290;
    folder.folder.write("tokenizer.json", json{{"added_tokens", {token}}}.dump());
    Model model = folder.open();
    EXPECT_EQ(folder.tokenizer(model)->encodePlain("<x>", SpecialTokens::asTokens), std::vector<int32_t>{290});
    EXPECT_NE(noteOn(model, "tokenizer.json", Note::Kind::provenance).find("only its added_tokens are read"),
              std::string::npos);
    model = folder.open({{"added_tokens_decoder", json::object()}});
    EXPECT_NE(noteOn(model, "tokenizer.json", Note::Kind::provenance).find("not read"), std::string::npos);
    EXPECT_TRUE(model.tokenizer.data.settings.added.empty());
  }
  {
    // Without an id: the next ones, in the order of the roles.
    TokenizerFolder folder;
    folder.folder.write("special_tokens_map.json",
                        R"({"pad_token": {"content": "[PAD]", "rstrip": true}, "additional_special_tokens": ["<u>"]})");
    Model model = folder.open();
    EXPECT_EQ(folder.tokenizer(model)->encodePlain("[PAD]  <u>", SpecialTokens::asTokens),
              (std::vector<int32_t>{288, 289}));
  }
  {
    // Beyond the model.
    TokenizerFolder folder;
    folder.config["vocab_size"] = 288;
    Model model = folder.open({{"pad_token", "[PAD]"}});
    EXPECT_TRUE(model.tokenizer.data.settings.added.empty());
    EXPECT_NE(noteOn(model, "added tokens", Note::Kind::warning).find("\"[PAD]\" with id 288"), std::string::npos);
  }
}

TEST(TokenizerFiles, TheMapOfSpecialTokens) {
  TokenizerFolder folder;
  folder.folder.write("special_tokens_map.json", R"({"eos_token": "▁cat", "odd": 1})");
  Model model = folder.open({{"eos_token", "</s>"}, {"added_tokens_decoder", {{"2", added("</s>")}}}});
  EXPECT_EQ(model.tokenizer.end, kEosId);
  EXPECT_NE(noteOn(model, "special_tokens_map.json: eos_token", Note::Kind::warning), "");
  EXPECT_NE(noteOn(model, "special_tokens_map.json", Note::Kind::warning).find("\"odd\""), std::string::npos);
  // Also where the config does not name the token.
  model = folder.open({{"added_tokens_decoder", json::object()}});
  EXPECT_EQ(model.tokenizer.end, kEosId);
  EXPECT_NE(noteOn(model, "special_tokens_map.json: eos_token", Note::Kind::warning).find("is not used"),
            std::string::npos);
  model = folder.open({{"eos_token", nullptr}, {"added_tokens_decoder", json::object()}});
  EXPECT_EQ(model.tokenizer.end, std::nullopt);
  EXPECT_NE(noteOn(model, "special_tokens_map.json: eos_token", Note::Kind::warning).find("says null, which is used"),
            std::string::npos);
  // Without added_tokens_decoder the map has the last word, and it is said.
  for (const json &name : {json("</s>"), json()}) {
    model = folder.open({{"eos_token", name}});
    EXPECT_EQ(folder.tokenizer(model)->piece(*model.tokenizer.end), "▁cat");
    EXPECT_NE(noteOn(model, "special_tokens_map.json: eos_token", Note::Kind::warning).find("\"▁cat\", which is used"),
              std::string::npos);
  }
  folder.folder.write("special_tokens_map.json", R"({"eos_token": null})");
  model = folder.open({{"eos_token", "</s>"}});
  EXPECT_EQ(model.tokenizer.end, std::nullopt);
  // No difference, no warning.
  folder.folder.write("special_tokens_map.json", R"({"eos_token": {"content": "</s>"}})");
  for (const json &config : {json{{"eos_token", "</s>"}}, json{{"added_tokens_decoder", json::object()}}}) {
    model = folder.open(config);
    EXPECT_EQ(model.tokenizer.end, kEosId);
    EXPECT_EQ(noteOn(model, "special_tokens_map.json: eos_token", Note::Kind::warning), "");
  }
}

// Test: what ends a text, from which file, and in which order.
TEST(TokenizerFiles, EndsOfText) {
  auto ends = [](const Model &model) { return model.config.eosTokenIds; };
  TokenizerFolder folder;
  folder.config["eos_token_id"] = 7;
  json tokenizer = {{"eos_token", "<end>"}, {"added_tokens_decoder", {{"300", added("<end>")}}}};
  Model model = folder.open(tokenizer);
  EXPECT_EQ(ends(model), (std::vector<int32_t>{7, 300}));
  EXPECT_EQ(model.config.eosOrigins[0], "config.json: eos_token_id");
  EXPECT_EQ(model.config.eosOrigins[1], "tokenizer: eos_token \"<end>\"");
  EXPECT_EQ(noteOn(model, "end of text", Note::Kind::provenance),
            "id 7 (config.json: eos_token_id)\nid 300 (tokenizer: eos_token \"<end>\")\n");
  // As generate() does: the ids of generation_config.json instead of those of config.json.
  folder.folder.write("generation_config.json", R"({"eos_token_id": [300, 9]})");
  model = folder.open(tokenizer);
  EXPECT_EQ(ends(model), (std::vector<int32_t>{300, 9}));
  EXPECT_EQ(model.config.eosOrigins[0], "generation_config.json: eos_token_id; tokenizer: eos_token \"<end>\"");
  folder.folder.write("generation_config.json", R"({"eos_token_id": null})");
  EXPECT_EQ(ends(folder.open(tokenizer)), (std::vector<int32_t>{7, 300}));
  // Null: none, whatever the tokenizer has.
  folder.config["eos_token_id"] = nullptr;
  model = folder.open(tokenizer);
  EXPECT_TRUE(ends(model).empty());
  EXPECT_NE(noteOn(model, "end of text", Note::Kind::provenance), "");
  // Missing: the default of transformers.
  folder.config.erase("eos_token_id");
  model = folder.open(tokenizer);
  EXPECT_EQ(ends(model), (std::vector<int32_t>{2, 300}));
  EXPECT_NE(model.config.eosOrigins[0].find("default"), std::string::npos);
  // An id that is none: the tokenizer's.
  folder.config["eos_token_id"] = -1;
  EXPECT_EQ(ends(folder.open(tokenizer)), std::vector<int32_t>{300});
}

// Test: a tokenizer that is none, or of another model, is refused when the model is opened.
TEST(TokenizerFiles, FilesThatAreNoTokenizers) {
  TokenizerFolder folder;
  folder.config["vocab_size"] = 64;
  expectWords(folder.error(), {"tokenizer.model", "288 ids but the model has 64", "another model",
                               "or move tokenizer.model away to compile without a tokenizer"});
  folder.config["vocab_size"] = 320;
  folder.folder.write("tokenizer.model", "AA== 0\nAQ== 1\n");
  expectWords(folder.error(), {"tokenizer.model", "no token is the byte 2 alone", "compile without a tokenizer"});
  // Where nothing is compiled, compiling is no advice.
  std::vector<Note> notes;
  std::string running = errorOf([&] { openTokenizer(folder.folder.file("tokenizer.model"), 320, notes); });
  expectWords(running, {"tokenizer.model", "no token is the byte 2 alone"});
  EXPECT_EQ(running.find("compile"), std::string::npos) << running;
  folder.folder.write("tokenizer.model", "version https://git-lfs.github.com/spec/v1\n");
  expectWords(folder.error(), {"tokenizer.model", "Git LFS pointer"});
  folder.folder.write("tokenizer.model", "{}");
  expectWords(folder.error(), {"tokenizer.model", "\"model\"", "BPE"});
  std::filesystem::remove(folder.folder.path / "tokenizer.model");
  std::filesystem::create_symlink("../../blobs/0123", folder.folder.path / "tokenizer.model");
  expectWords(folder.error(), {"tokenizer.model", "../../blobs/0123, which is not there"});
  // tokenizer.json alone is the tokenizer.
  std::filesystem::remove(folder.folder.path / "tokenizer.model");
  folder.folder.write("tokenizer.json", "{}");
  expectWords(folder.error(),
              {"tokenizer.json: \"model\"", "or move tokenizer.json away to compile without a tokenizer"});
  std::filesystem::remove(folder.folder.path / "tokenizer.json");
  EXPECT_FALSE(folder.open().tokenizer.data.exists());
}
