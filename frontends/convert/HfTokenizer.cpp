//===- HfTokenizer.cpp - A tokenizer as files of a Hugging Face folder --------------------===//
//
// What frontends/hf/TokenizerJson.cpp and TokenizerSteps.cpp read, the other way round.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/convert/HfTokenizer.h"

#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "frontends/common/Vocabulary.h"
#include "frontends/convert/JsonMerges.h"
#include "frontends/convert/MergeOrder.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <iterator>

using json = nlohmann::ordered_json;

namespace quipu::convert {

namespace {

class JsonWriter {
public:
  JsonWriter(const BpeData &bpe, const TokenizerData &data) : bpe(bpe), data(data) {}

  json write() const;

private:
  json normalizer() const;
  json normalizerStep(const TextStep &step) const;
  json preTokenizer() const;
  json byteLevelSplitter() const;
  json metaspace() const;
  json decoder() const;
  json postProcessor() const;
  json model() const;
  json addedTokens() const;
  std::string contentOf(int32_t id) const;
  template <typename... Args> [[noreturn]] void refuse(const Args &...args) const {
    fail(data.name, ": ", args..., ", which a tokenizer.json cannot say; convert --without-tokenizer");
  }

  const BpeData &bpe;
  const TokenizerData &data;
};

} // namespace

static json patternOf(const TextStep &step) { return {{step.isRegex ? "Regex" : "String", step.pattern}}; }

/// One step as it is, several as a Sequence.
static json sequenceOf(std::vector<json> steps, const char *list) {
  if (steps.empty())
    return nullptr;
  if (steps.size() == 1)
    return steps.front();
  return {{"type", "Sequence"}, {list, steps}};
}

json JsonWriter::normalizerStep(const TextStep &step) const {
  switch (step.kind) {
  case TextStep::Kind::replace:
    return {{"type", "Replace"}, {"pattern", patternOf(step)}, {"content", step.content}};
  case TextStep::Kind::prepend:
    if (step.unlessThere || step.onlyAtStart)
      refuse("a text gets ", frontend::shownText(step.content), " in front only in some places");
    return {{"type", "Prepend"}, {"prepend", step.content}};
  case TextStep::Kind::strip:
    return {{"type", "Strip"}, {"strip_left", step.left}, {"strip_right", step.right}};
  case TextStep::Kind::lowercase:
    return {{"type", "Lowercase"}};
  case TextStep::Kind::nfc:
    return {{"type", "NFC"}};
  case TextStep::Kind::nfd:
    return {{"type", "NFD"}};
  case TextStep::Kind::nfkc:
    return {{"type", "NFKC"}};
  case TextStep::Kind::nfkd:
    return {{"type", "NFKD"}};
  case TextStep::Kind::split:
    refuse("a text is divided before it is normalised");
  }
  return nullptr;
}

json JsonWriter::normalizer() const {
  std::vector<json> steps;
  for (const TextStep &step : bpe.normalizer)
    steps.push_back(normalizerStep(step));
  return sequenceOf(std::move(steps), "normalizers");
}

static json splitOf(const TextStep &step) {
  static constexpr const char *kBehaviors[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                               "Contiguous"};
  static_assert(std::size(kBehaviors) == size_t(SplitBehavior::contiguous) + 1);
  return {{"type", "Split"},
          {"pattern", patternOf(step)},
          {"behavior", kBehaviors[size_t(step.behavior)]},
          {"invert", step.invert}};
}

/// Splits, and then bytes, perhaps with a space in front: of that ByteLevel knows one kind, before its own expression.
json JsonWriter::byteLevelSplitter() const {
  std::vector<json> steps;
  bool addsSpace = false, hasWords = false;
  for (const TextStep &step : bpe.splitter) {
    bool isSpace = step.kind == TextStep::Kind::prepend && step.content == " " && step.unlessThere && !step.onlyAtStart;
    if (addsSpace && !hasWords && step == frontend::isolatedSplit(frontend::kGpt2Words))
      hasWords = true;
    else if (!addsSpace && isSpace)
      addsSpace = true;
    else if (!addsSpace && step.kind == TextStep::Kind::split)
      steps.push_back(splitOf(step));
    else
      refuse("a space is put in front of a text, or words are found, in a way of its own");
  }
  steps.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", addsSpace}, {"trim_offsets", true}, {"use_regex", hasWords}});
  return sequenceOf(std::move(steps), "pretokenizers");
}

/// Marks in place of spaces, perhaps one in front, and words that begin with a mark.
json JsonWriter::metaspace() const {
  const std::vector<TextStep> &steps = bpe.splitter;
  auto isReplace = [&](const TextStep &step) {
    return step.kind == TextStep::Kind::replace && !step.isRegex && step.pattern == " ";
  };
  if (!isReplace(steps[0]))
    refuse("a text is changed while words are found");
  const std::string &mark = steps[0].content;
  size_t next = 1;
  const char *scheme = "never";
  if (next < steps.size() && steps[next].kind == TextStep::Kind::prepend && steps[next].content == mark &&
      steps[next].unlessThere)
    scheme = steps[next++].onlyAtStart ? "first" : "always";
  bool splits = next < steps.size() && steps[next].kind == TextStep::Kind::split && !steps[next].isRegex &&
                steps[next].pattern == mark && steps[next].behavior == SplitBehavior::mergedWithNext;
  if (next + (splits ? 1 : 0) != steps.size())
    refuse("a text is changed while words are found");
  return {{"type", "Metaspace"}, {"replacement", mark}, {"prepend_scheme", scheme}, {"split", splits}};
}

json JsonWriter::preTokenizer() const {
  if (bpe.byteLevel)
    return byteLevelSplitter();
  auto isSplit = [](const TextStep &step) { return step.kind == TextStep::Kind::split; };
  if (!std::ranges::all_of(bpe.splitter, isSplit))
    return metaspace();
  std::vector<json> steps;
  for (const TextStep &step : bpe.splitter)
    steps.push_back(splitOf(step));
  return sequenceOf(std::move(steps), "pretokenizers");
}

json JsonWriter::decoder() const {
  if (bpe.byteLevel)
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  std::vector<json> steps;
  for (const TextStep &step : bpe.decoder)
    steps.push_back({{"type", "Replace"}, {"pattern", patternOf(step)}, {"content", step.content}});
  if (bpe.byteFallback)
    steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (!bpe.strippedText.empty())
    steps.push_back({{"type", "Strip"}, {"content", bpe.strippedText}, {"start", 1}, {"stop", 0}});
  return sequenceOf(std::move(steps), "decoders");
}

std::string JsonWriter::contentOf(int32_t id) const {
  for (const AddedToken &token : data.settings.added)
    if (token.id == id)
      return token.content;
  return bpe.spelling(uint32_t(id));
}

/// What stands around a text.
json JsonWriter::postProcessor() const {
  const TokenizerSettings &settings = data.settings;
  json single = json::array(), pair = json::array(), special = json::object();
  auto add = [&](int32_t id) {
    std::string content = contentOf(id);
    single.push_back({{"SpecialToken", {{"id", content}, {"type_id", 0}}}});
    special[content] = {{"id", content}, {"ids", {id}}, {"tokens", {content}}};
  };
  if (settings.addBos && settings.bos >= 0)
    add(settings.bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (settings.addEos && settings.eos >= 0)
    add(settings.eos);
  if (special.empty())
    return bpe.byteLevel
               ? json{{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}}
               : json();
  pair = {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}};
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

json JsonWriter::model() const {
  json vocab = json::object(), merges = json::array();
  for (uint32_t id = 0; id < bpe.pieces.size(); ++id)
    if (!bpe.pieces[id].empty())
      vocab[bpe.spelling(id)] = id;
  for (const BpeMerge &merge : mergesInOrder(bpe))
    merges.push_back({bpe.spelling(merge.left), bpe.spelling(merge.right)});
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", bpe.unknown < 0 ? json() : json(bpe.spelling(uint32_t(bpe.unknown)))},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", bpe.fuseUnknown},
          {"byte_fallback", bpe.byteFallback},
          {"ignore_merges", bpe.ignoreMerges},
          {"vocab", vocab},
          {"merges", merges}};
}

static json addedToken(const AddedToken &token) {
  return {{"content", token.content}, {"single_word", token.singleWord}, {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},   {"normalized", token.normalized},  {"special", token.special}};
}

json JsonWriter::addedTokens() const {
  json list = json::array();
  for (const AddedToken &token : data.settings.added) {
    json item = {{"id", token.id}};
    item.update(addedToken(token));
    list.push_back(item);
  }
  return list;
}

json JsonWriter::write() const {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", addedTokens()},
          {"normalizer", normalizer()},
          {"pre_tokenizer", preTokenizer()},
          {"post_processor", postProcessor()},
          {"decoder", decoder()},
          {"model", model()}};
}

/// The spelling of a role's token; null: there is none.
static json roleOf(int32_t id, std::optional<int32_t> own, const frontend::Vocabulary &vocabulary,
                   const TokenizerSettings &settings) {
  if (id == kModelsOwnToken)
    id = own.value_or(kNoToken);
  if (id == kNoToken)
    return nullptr;
  auto added = std::ranges::find(settings.added, id, &AddedToken::id);
  return added == settings.added.end() ? vocabulary.piece(id) : added->content;
}

static json templatesOf(const std::vector<ChatTemplate> &templates) {
  if (templates.size() == 1 && templates.front().name == "default")
    return templates.front().text;
  json list = json::array();
  for (const ChatTemplate &chat : templates)
    list.push_back({{"name", chat.name}, {"template", chat.text}});
  return list;
}

/// `hasJson`: whether there is a tokenizer.json, which the class for it uses as it is.
static json tokenizerConfig(const TokenizerData &data, bool hasJson) {
  const TokenizerSettings &settings = data.settings;
  bool isSentencePiece = std::holds_alternative<SentencePieceData>(data.model);
  json config = {{"tokenizer_class", hasJson ? "PreTrainedTokenizerFast" : "LlamaTokenizer"},
                 {"clean_up_tokenization_spaces", false}};
  if (data.exists()) {
    frontend::Vocabulary vocabulary(data);
    config["bos_token"] = roleOf(settings.bos, vocabulary.bos(), vocabulary, settings);
    config["eos_token"] = roleOf(settings.eos, vocabulary.eos(), vocabulary, settings);
    config["add_bos_token"] = settings.addBos;
    config["add_eos_token"] = settings.addEos;
    config["added_tokens_decoder"] = json::object();
    for (const AddedToken &token : settings.added)
      config["added_tokens_decoder"][std::to_string(token.id)] = addedToken(token);
  }
  if (isSentencePiece) {
    config["legacy"] = settings.legacy;
    if (settings.addPrefixSpace)
      config["add_prefix_space"] = *settings.addPrefixSpace;
  }
  if (!data.chatTemplates.empty())
    config["chat_template"] = templatesOf(data.chatTemplates);
  return config;
}

/// The same tokenizer as a tokenizer.json. Nothing where that cannot say it.
static std::optional<std::string> jsonOf(const SentencePieceData &sentencePiece, TokenizerData data,
                                         std::vector<std::string> &notes) {
  frontend::PieceModel pieces = frontend::piecesOf(sentencePiece, data.name);
  frontend::Vocabulary vocabulary(data);
  TokenizerSettings settings = data.settings;
  bool addsSpace = settings.addPrefixSpace.value_or(pieces.settings.addSpacePrefix);
  std::string reason;
  std::optional<BpeData> bpe = jsonModelOf(sentencePiece, data.name, settings.added, addsSpace, reason);
  if (!bpe) {
    notes.push_back(concat("no tokenizer.json is written: of the tokenizer, ", reason,
                           "; other programs make ids by tokenizer.model, in which they may differ"));
    return std::nullopt;
  }
  if (addsSpace && !settings.legacy)
    notes.push_back("the tokenizer puts no space before a text behind a special token, which a tokenizer.json cannot "
                    "say: programs that read it put one there");
  settings.added = withOwnTokens(pieces, std::move(settings.added));
  for (auto [role, own] : {std::pair(&settings.bos, vocabulary.bos()), std::pair(&settings.eos, vocabulary.eos())})
    if (*role == kModelsOwnToken)
      *role = own.value_or(kNoToken);
  data.settings = std::move(settings);
  return JsonWriter(*bpe, data).write().dump(1);
}

TextFiles tokenizerFiles(const frontend::Model &model, std::vector<std::string> &notes) {
  const TokenizerData &data = model.tokenizer.data;
  TextFiles files;
  std::optional<std::string> inJson;
  if (const auto *sentencePiece = std::get_if<SentencePieceData>(&data.model)) {
    files.emplace_back("tokenizer.model", std::string(sentencePiece->bytes.begin(), sentencePiece->bytes.end()));
    inJson = jsonOf(*sentencePiece, data, notes);
  } else if (const auto *bpe = std::get_if<BpeData>(&data.model)) {
    inJson = JsonWriter(*bpe, data).write().dump(1);
  }
  if (inJson)
    files.emplace_back("tokenizer.json", *inJson);
  if (data.exists() || !data.chatTemplates.empty())
    files.emplace_back("tokenizer_config.json", tokenizerConfig(data, inJson.has_value()).dump(2) + "\n");
  return files;
}

} // namespace quipu::convert
