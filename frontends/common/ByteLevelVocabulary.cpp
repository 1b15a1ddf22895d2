//===- ByteLevelVocabulary.cpp - Byte-level BPE as GGUF holds it --------------------------===//

#include "frontends/common/ByteLevelVocabulary.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <span>

namespace quipu::frontend {

namespace {

/// How a family of tokenizers finds words: regular expressions, each of which divides what the one before has left.
struct PreTokenizer {
  std::vector<const char *> names;
  std::vector<const char *> patterns;
  bool ignoreMerges = false;
  bool addBos = false;
  /// The text is brought into Unicode's form C.
  bool nfc = false;
};

} // namespace

static constexpr const char *kDigit = R"(\p{N})";
static constexpr const char *kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kGpt4oWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";

/// The names of llama.cpp (llama-vocab.cpp), the patterns of the models' own files.
static std::span<const PreTokenizer> preTokenizers() {
  static const std::vector<PreTokenizer> table = {
      {{"default"}, {kPunctuation, kGpt2Words, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
       {kLlama3Words},
       /*ignoreMerges=*/true,
       /*addBos=*/true},
      {{"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"}, {kLlama3Words}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}, {kDigit, kGpt2Words}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "trillion", "exaone4", "mellum", "a.x-4.0"}, {kGpt2Words}},
      {{"qwen2", "deepseek-r1-qwen", "kormo"}, {kQwen2Words}, false, false, /*nfc=*/true},
      {{"stablelm2", "hunyuan", "megrez", "grok-2", "solar-open"}, {kQwen2Words}},
      {{"tekken"}, {kTekkenWords}, /*ignoreMerges=*/true, /*addBos=*/true},
      {{"gpt-4o", "llama4", "kanana2"}, {kGpt4oWords}},
      {{"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Words, "[0-9][0-9][0-9]"}},
      {{"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+", kDigit}},
      {{"deepseek-v3", "hunyuan-dense"},
       {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
        R"( ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {{"bloom", "poro-chat", "gpt3-finnish"}, {R"( ?[^(\s|.,!?…。，、।۔،)]+)"}},
      {{"viking"}, {R"( ?[^(\s|.,!?…。，、।۔،)]+)", kDigit}}};
  return table;
}

static const PreTokenizer *findPreTokenizer(std::string_view name) {
  for (const PreTokenizer &each : preTokenizers())
    if (std::ranges::find(each.names, name) != each.names.end())
      return &each;
  return nullptr;
}

/// The step of `add_space_prefix`.
static TextStep spacePrefix() {
  TextStep step = textStep(TextStep::Kind::prepend, "", " ");
  step.unlessThere = true;
  step.onlyAtStart = true;
  return step;
}

static std::vector<TextStep> normalizerOf(const PreTokenizer &pre) {
  TextStep step;
  step.kind = TextStep::Kind::nfc;
  return pre.nfc ? std::vector<TextStep>{step} : std::vector<TextStep>();
}

std::optional<std::string> preTokenizerName(const BpeData &data, bool &addsSpace) {
  addsSpace = !data.splitter.empty() && data.splitter.front() == spacePrefix();
  std::span<const TextStep> splits = std::span(data.splitter).subspan(addsSpace ? 1 : 0);
  for (const PreTokenizer &pre : preTokenizers()) {
    auto isSame = [](const TextStep &step, const char *pattern) { return step == isolatedSplit(pattern); };
    if (std::ranges::equal(splits, pre.patterns, isSame) && data.normalizer == normalizerOf(pre) &&
        data.ignoreMerges == pre.ignoreMerges)
      return pre.names.front();
  }
  return std::nullopt;
}

std::string knownPreTokenizers() {
  std::string list;
  for (const PreTokenizer &each : preTokenizers())
    for (const char *name : each.names)
      list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

/// The pieces, and added tokens of those that are not found by merging.
static void takeTokens(const ByteLevelVocabulary &vocabulary, const std::string &name, BpeBuilder &builder,
                       std::vector<AddedToken> &added) {
  const std::vector<PieceType> &types = vocabulary.types;
  if (!types.empty() && types.size() != vocabulary.tokens.size())
    fail(name, ": tokenizer.ggml.token_type has ", types.size(), " entries, but tokenizer.ggml.tokens has ",
         vocabulary.tokens.size(), "; get the file again");
  for (uint32_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string &token = vocabulary.tokens[id];
    PieceType type = types.empty() ? PieceType::normal : types[id];
    // An id without a token: nothing becomes it.
    if (token.empty())
      continue;
    builder.addPiece(id, token);
    if (type == PieceType::normal)
      continue;
    if (type == PieceType::control || type == PieceType::userDefined) {
      AddedToken &to = added.emplace_back();
      to.id = int32_t(id);
      to.content = token;
      to.special = type == PieceType::control;
    }
    if (std::ranges::find(builder.data.unreachable, id) == builder.data.unreachable.end() &&
        type != PieceType::userDefined && type != PieceType::control) {
      builder.data.unreachable.push_back(id);
      builder.data.pieces[id] = token;
    }
  }
}

static int32_t checkedId(std::optional<int32_t> id, const BpeData &data, const char *field, const std::string &name) {
  if (id && (*id < 0 || size_t(*id) >= data.pieces.size() || data.pieces[size_t(*id)].empty()))
    fail(name, ": ", field, " is ", *id, ", but the tokenizer has no token of that id (it has ", data.pieces.size(),
         "); get the file again");
  return id.value_or(kNoToken);
}

TokenizerData byteLevelTokenizerOf(const ByteLevelVocabulary &vocabulary, const std::string &name) {
  const PreTokenizer *pre = findPreTokenizer(vocabulary.pre);
  if (!pre)
    fail(name, ": tokenizer.ggml.pre is ", shownText(vocabulary.pre), ", but only ", knownPreTokenizers(),
         " are supported; use the model's tokenizer.json (--tokenizer FILE)");
  TokenizerData result;
  result.name = name;
  TokenizerSettings &settings = result.settings;
  BpeBuilder builder(name, /*byteLevel=*/true);
  takeTokens(vocabulary, name, builder, settings.added);
  for (const std::string &merge : vocabulary.merges)
    builder.addMerge(merge);
  BpeData data = std::move(builder.data);
  data.normalizer = normalizerOf(*pre);
  if (vocabulary.addSpacePrefix)
    data.splitter.push_back(spacePrefix());
  for (const char *pattern : pre->patterns)
    data.splitter.push_back(isolatedSplit(pattern));
  data.ignoreMerges = pre->ignoreMerges;
  settings.addBos = vocabulary.addBos.value_or(pre->addBos);
  settings.addEos = vocabulary.addEos.value_or(false);
  settings.bos = checkedId(vocabulary.bos, data, "tokenizer.ggml.bos_token_id", name);
  settings.eos = checkedId(vocabulary.eos, data, "tokenizer.ggml.eos_token_id", name);
  protectSpecialTokens(data, settings.added);
  checkBpe(data, name);
  checkSettings(settings, int32_t(data.pieces.size()), name);
  result.model = std::move(data);
  return result;
}

} // namespace quipu::frontend
