//===- ByteLevelVocabulary.cpp - Byte-level BPE as GGUF holds it --------------------------===//

#include "frontends/common/ByteLevelVocabulary.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <iterator>
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
/// Letters with upper and lower case, as the file of DeepSeek LLM lists them.
static constexpr const char *kDeepSeekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C})"
    R"(\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5})"
    R"(\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B})"
    R"(\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45})"
    R"(\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4})"
    R"(\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB})"
    R"(\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115})"
    R"(\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139})"
    R"(\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F})"
    R"(\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17})"
    R"(\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB})"
    R"(\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
/// At the beginning of a run of blanks alone: looking for the end of the text from each blank takes the square of time.
static constexpr const char *kBlanksAtTheEnd = R"((?<!\s)\s+$)";
static constexpr const char *kSeedCoderWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kMiniCpm5Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kUfakZekaWords =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";

/// The names of llama.cpp (llama-vocab.cpp), the patterns of the models' own files.
static std::span<const PreTokenizer> preTokenizers() {
  static const std::vector<PreTokenizer> table = {
      {{"default"}, {kPunctuation, kGpt2Words, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
       {kLlama3Words},
       /*ignoreMerges=*/true,
       /*addBos=*/true},
      {{"dbrx", "smaug-bpe", "chatglm-bpe"}, {kLlama3Words}},
      {{"glm4", "glm5"}, {kLlama3Words}, /*ignoreMerges=*/true},
      {{"minicpm5"}, {R"(\p{N}{1,3})", kMiniCpm5Words}, /*ignoreMerges=*/true},
      {{"seed-coder"}, {kSeedCoderWords}},
      {{"ufakzeka"}, {kUfakZekaWords}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
       {kDigit, kGpt2Words}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "trillion", "exaone4", "mellum", "a.x-4.0",
        "granite-docling"},
       {kGpt2Words}},
      {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2"}, {kQwen2Words}, false, false, /*nfc=*/true},
      {{"stablelm2", "hunyuan", "megrez", "grok-2", "solar-open"}, {kQwen2Words}},
      {{"tekken"}, {kTekkenWords}, /*ignoreMerges=*/true, /*addBos=*/true},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {kGpt4oWords}},
      {{"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Words, "[0-9][0-9][0-9]"}},
      {{"deepseek-llm"},
       {R"([\r\n])", kDeepSeekLetters, "\\s?[!-/:-~！-／：-～‘-‟　-。]+", kBlanksAtTheEnd, "[一-龥ࠀ-一가-퟿]+",
        R"(\p{N}+)"}},
      {{"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+", kDigit}},
      {{"deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm"},
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
  std::vector<uint32_t> neverFound;
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
      added.push_back({.id = int32_t(id), .content = token, .special = type == PieceType::control});
      continue;
    }
    neverFound.push_back(id);
    builder.data.pieces[id] = token;
  }
  // Those of other characters are unreachable already.
  std::vector<uint32_t> both;
  std::ranges::set_union(builder.data.unreachable, neverFound, std::back_inserter(both));
  builder.data.unreachable = std::move(both);
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
