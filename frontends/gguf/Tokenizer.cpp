//===- Tokenizer.cpp - The tokenizer in a GGUF file --------------------------------------===//
//
// Source of names and defaults: llama.cpp, src/llama-vocab.cpp.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/gguf/Tokenizer.h"

#include "frontends/common/Json.h"
#include "frontends/common/PieceModel.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace quipu::frontend::gguf {

static constexpr std::string_view kModelKey = "tokenizer.ggml.model", kTokensKey = "tokenizer.ggml.tokens",
                                  kTypesKey = "tokenizer.ggml.token_type", kScoresKey = "tokenizer.ggml.scores",
                                  kBosKey = "tokenizer.ggml.bos_token_id", kEosKey = "tokenizer.ggml.eos_token_id",
                                  kEotKey = "tokenizer.ggml.eot_token_id", kEomKey = "tokenizer.ggml.eom_token_id";

/// Tokens that end the turn of a speaker, which older files have no key for.
static constexpr std::string_view kTurnEnds[] = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>"};

namespace {

class TokenizerReader {
public:
  TokenizerReader(Metadata &metadata, ModelConfig &config) : metadata(metadata), config(config) {}

  ModelTokenizer read();

private:
  void readTokens();
  std::optional<int32_t> id(std::string_view key);
  void readEnds();
  void addEnd(int32_t token, std::string origin);
  void readSentencePieces();
  void findTokensFirst();
  void readChatTemplates();

  Metadata &metadata;
  ModelConfig &config;
  ModelTokenizer result;
  std::string_view modelName;
  std::vector<std::string_view> tokens;
  std::vector<int32_t> types;
};

} // namespace

/// What the list `key` must have: one entry for each token.
template <typename List>
static void checkLength(const Metadata &metadata, std::string_view key, const std::optional<List> &list,
                        size_t tokenCount) {
  if (!list)
    metadata.failMissing(key, "the tokenizer needs it; convert the model again");
  if (list->size() != tokenCount)
    metadata.fail(key, *metadata.peek(key),
                  concat("must have one entry for each of the ", tokenCount,
                         " tokens; the file is damaged, convert the "
                         "model again"));
}

void TokenizerReader::readTokens() {
  auto list = metadata.strings(kTokensKey);
  if (!list)
    metadata.failMissing(kTokensKey, "the tokenizer needs it; convert the model again");
  tokens = std::move(*list);
  if (tokens.size() > config.vocabSize)
    metadata.fail(kTokensKey, *metadata.peek(kTokensKey),
                  concat("the model has ", config.vocabSize, " ids; the file is damaged, convert the model again"));
  for (size_t i = 0; i < tokens.size(); ++i)
    if (firstInvalidByte(tokens[i]))
      metadata.fail(kTokensKey, *metadata.peek(kTokensKey),
                    concat("its element ", i, " is not UTF-8; the file is damaged, get it again"));
  auto typeList = metadata.integers(kTypesKey);
  checkLength(metadata, kTypesKey, typeList, tokens.size());
  types = std::move(*typeList);
  for (size_t i = 0; i < types.size(); ++i)
    if (types[i] < int32_t(PieceType::normal) || types[i] > int32_t(PieceType::byte))
      metadata.fail(kTypesKey, *metadata.peek(kTypesKey),
                    concat("its element ", i, " is ", types[i],
                           ", and types are 1 to 6; the file is damaged, convert "
                           "the model again"));
}

/// A token's id; -1, in 32 bits of any kind, stands for none.
std::optional<int32_t> TokenizerReader::id(std::string_view key) {
  const Value *value = metadata.find(key);
  if (!value)
    return std::nullopt;
  bool isNone = (value->type == ValueType::i32 && numberAt<int32_t>(value->bytes.data()) == -1) ||
                (value->type == ValueType::u32 && numberAt<uint32_t>(value->bytes.data()) == UINT32_MAX);
  if (isNone)
    return std::nullopt;
  return int32_t(*metadata.integer(key, 0, tokens.empty() ? config.vocabSize - 1 : tokens.size() - 1));
}

void TokenizerReader::addEnd(int32_t token, std::string origin) {
  auto known = std::ranges::find(config.eosTokenIds, token);
  if (known != config.eosTokenIds.end()) {
    config.eosOrigins[size_t(known - config.eosTokenIds.begin())] += "; " + origin;
    return;
  }
  config.eosTokenIds.push_back(token);
  config.eosOrigins.push_back(std::move(origin));
}

void TokenizerReader::readEnds() {
  if (std::optional<int32_t> bos = id(kBosKey))
    config.bosTokenIds = {*bos};
  for (std::string_view key : {kEosKey, kEotKey, kEomKey})
    if (std::optional<int32_t> end = id(key))
      addEnd(*end, std::string(key));
  if (metadata.peek(kEotKey))
    return;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (types[i] == int32_t(PieceType::control) && std::ranges::find(kTurnEnds, tokens[i]) != std::end(kTurnEnds))
      addEnd(int32_t(i), concat("the control token ", shownText(tokens[i])));
}

/// The kind "llama".
void TokenizerReader::readSentencePieces() {
  auto scores = metadata.floats(kScoresKey);
  checkLength(metadata, kScoresKey, scores, tokens.size());
  std::vector<ScoredPiece> pieces;
  for (size_t i = 0; i < tokens.size(); ++i)
    pieces.push_back({std::string(tokens[i]), (*scores)[i], PieceType(types[i])});
  PieceModelSettings settings;
  settings.addSpacePrefix = metadata.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  settings.bos = id(kBosKey);
  settings.eos = id(kEosKey);
  result.data.model = sentencePieceModelOf(pieces, settings, concat(metadata.path(), ": tokenizer.ggml"));
}

/// Tokens that are found before pieces are. A text behind one begins as a whole text does.
void TokenizerReader::findTokensFirst() {
  TokenizerSettings &settings = result.data.settings;
  settings.legacy = true;
  for (size_t i = 0; i < tokens.size(); ++i) {
    auto type = PieceType(types[i]);
    bool isSpecial = type == PieceType::control || type == PieceType::unknown;
    bool takesSpace = takesSpaceToItsRight(modelName, tokens[i]);
    // The model finds special tokens by itself.
    if (type == PieceType::userDefined || (isSpecial && takesSpace))
      settings.added.push_back({.id = int32_t(i), .content = std::string(tokens[i]), .special = isSpecial});
  }
}

/// The template of all files, and those that have a name in the key.
void TokenizerReader::readChatTemplates() {
  constexpr std::string_view kKey = "tokenizer.chat_template", kNamesKey = "tokenizer.chat_templates";
  auto add = [&](std::string_view name, const std::string &key, std::string_view text) {
    if (firstInvalidByte(text))
      fail(metadata.place(key), " is not UTF-8; the file is damaged, get it again");
    result.data.chatTemplates.push_back({std::string(name), std::string(text), key});
  };
  if (std::optional<std::string_view> text = metadata.string(kKey))
    add("default", std::string(kKey), *text);
  for (std::string_view name : metadata.strings(kNamesKey).value_or(std::vector<std::string_view>()))
    if (std::string key = concat(kKey, ".", name); std::optional<std::string_view> text = metadata.string(key))
      add(name, key, *text);
}

ModelTokenizer TokenizerReader::read() {
  readChatTemplates();
  std::string_view model = metadata.string(kModelKey).value_or("none");
  constexpr std::array<std::string_view, 2> kNone = {"none", "no_vocab"};
  if (std::ranges::find(kNone, model) != kNone.end()) {
    readEnds();
    config.notes.push_back(
        {Note::Kind::provenance, std::string(kModelKey),
         "the file has no tokenizer: the plan takes --prompt-tokens, and text with --tokenizer FILE"});
    return std::move(result);
  }
  if (model != "llama" && model != "gpt2")
    metadata.fail(kModelKey, *metadata.peek(kModelKey),
                  "only the tokenizers llama (SentencePiece) and gpt2 (byte-level BPE), and none, are supported; use "
                  "another model");
  readTokens();
  readEnds();
  modelName = metadata.string("general.name").value_or("");
  result.data.name = metadata.path();
  TokenizerSettings &settings = result.data.settings;
  settings.bos = id(kBosKey).value_or(kNoToken);
  settings.eos = id(kEosKey).value_or(kNoToken);
  settings.addBos = metadata.boolean("tokenizer.ggml.add_bos_token").value_or(model == "llama");
  settings.addEos = metadata.boolean("tokenizer.ggml.add_eos_token").value_or(false);
  if (model == "llama") {
    readSentencePieces();
    findTokensFirst();
  } else {
    readBytePairs(metadata, tokens, types, result, config.notes);
  }
  if (!result.data.exists())
    return std::move(result);
  for (AddedToken &token : settings.added)
    token.rstrip = takesSpaceToItsRight(modelName, token.content);
  checkSettings(settings, int32_t(tokens.size()), result.data.name);
  if (settings.eos != kNoToken) {
    result.end = settings.eos;
    result.endOrigin = kEosKey;
  }
  return std::move(result);
}

bool takesSpaceToItsRight(std::string_view modelName, std::string_view token) {
  static constexpr std::string_view kModels[] = {"phi-3", "phi3"}, kOthers[] = {"<unk>", "<s>", "<|endoftext|>"};
  std::string name;
  for (char c : modelName)
    name += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  bool isPhi3 = std::ranges::any_of(kModels, [&](std::string_view model) { return name.find(model) != name.npos; });
  return isPhi3 && std::ranges::find(kOthers, token) == std::end(kOthers);
}

ModelTokenizer readTokenizer(Metadata &metadata, ModelConfig &config) {
  return TokenizerReader(metadata, config).read();
}

} // namespace quipu::frontend::gguf
