//===- RankFile.cpp - Tokens in base64 and their ranks ------------------------------------===//

#include "frontends/common/RankFile.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Number.h"

#include <algorithm>
#include <array>
#include <map>

namespace quipu::frontend {

static constexpr uint32_t kSpecialTokens = 256;
static constexpr const char *kAdvice = "get the file again";

/// By their place behind the ranks; names are those of Llama 3.1, which gave some reserved ones a use. The others are
/// reserved, numbered from 0.
static const std::map<uint32_t, const char *> kNamed = {
    {0, "<|begin_of_text|>"},   {1, "<|end_of_text|>"},   {4, "<|finetune_right_pad_id|>"},
    {6, "<|start_header_id|>"}, {7, "<|end_header_id|>"}, {8, "<|eom_id|>"},
    {9, "<|eot_id|>"},          {10, "<|python_tag|>"}};

/// Nothing when the text is no base64 (RFC 4648, with the padding).
static std::optional<std::string> fromBase64(std::string_view text) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0)
    return std::nullopt;
  size_t padding = text.size() - (text.empty() ? 0 : text.find_last_not_of('=') + 1);
  if (padding > 2)
    return std::nullopt;
  std::string bytes;
  uint32_t bits = 0, count = 0;
  for (char c : text.substr(0, text.size() - padding)) {
    size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos)
      return std::nullopt;
    bits = bits << 6 | uint32_t(value);
    count += 6;
    if (count < 8)
      continue;
    count -= 8;
    bytes += char(bits >> count & 0xff);
  }
  return bytes;
}

/// The token of each rank.
static std::vector<std::string> parseRanks(std::span<const uint8_t> bytes, const std::string &name) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (std::string kind = describePlaceholder(text.substr(0, kFileKindBytes)); !kind.empty())
    fail(name, ": the tokenizer ", kind);
  std::vector<std::string> tokens;
  for (size_t line = 1; !text.empty(); ++line) {
    std::string_view entry = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    if (entry.ends_with('\r'))
      entry.remove_suffix(1);
    if (entry.empty())
      continue;
    size_t space = entry.find(' ');
    auto bad = [&](const auto &...what) { fail(name, ": line ", line, what..., "; ", kAdvice); };
    if (space == std::string_view::npos)
      bad(" is ", shownText(entry), " but must be a token in base64, a space and its rank");
    std::optional<std::string> token = fromBase64(entry.substr(0, space));
    if (!token || token->empty())
      bad(" has the token ", shownText(entry.substr(0, space)), ", which is no base64, or nothing");
    std::optional<uint32_t> rank = parseNumber<uint32_t>(entry.substr(space + 1));
    // Ids behind the ranks are counted, so none may be missing.
    if (!rank || *rank != tokens.size())
      bad(" has the rank ", shownText(entry.substr(space + 1)), " but ranks count from 0, so it must be ",
          tokens.size());
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

/// Any two tokens whose bytes, joined, are a token may become it; its rank is its id.
static void addMerges(BpeData &data, const std::string &name) {
  std::unordered_map<std::string_view, uint32_t> ids;
  for (uint32_t id = 0; id < data.pieces.size(); ++id)
    if (auto [before, isNew] = ids.emplace(data.pieces[id], id); !isNew)
      fail(name, ": the ranks ", before->second, " and ", id, " have the same token; ", kAdvice);
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!ids.contains(std::string(1, char(byte))))
      fail(name, ": no token is the byte ", byte, " alone, so not every text has tokens; ", kAdvice);
  for (uint32_t id = 0; id < data.pieces.size(); ++id) {
    std::string_view piece = data.pieces[id];
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      auto left = ids.find(piece.substr(0, cut));
      auto right = left == ids.end() ? ids.end() : ids.find(piece.substr(cut));
      if (right != ids.end())
        data.merges.push_back({left->second, right->second, id});
    }
  }
}

static std::vector<AddedToken> specialTokens(uint32_t first) {
  std::vector<AddedToken> tokens;
  uint32_t reserved = 0;
  for (uint32_t place = 0; place < kSpecialTokens; ++place) {
    auto named = kNamed.find(place);
    AddedToken &token = tokens.emplace_back();
    token.id = int32_t(first + place);
    token.content = named == kNamed.end() ? concat("<|reserved_special_token_", reserved++, "|>") : named->second;
    token.special = true;
  }
  return tokens;
}

uint32_t llama3VocabSize(std::span<const uint8_t> bytes, const std::string &name) {
  return uint32_t(parseRanks(bytes, name).size()) + kSpecialTokens;
}

std::optional<int32_t> addedToken(const TokenizerSettings &settings, std::string_view content) {
  auto found = std::ranges::find(settings.added, content, &AddedToken::content);
  return found == settings.added.end() ? std::nullopt : std::optional(found->id);
}

ModelTokenizer llama3Tokenizer(std::span<const uint8_t> bytes, const std::string &name, uint32_t vocabSize) {
  BpeData data;
  data.byteLevel = true;
  data.pieces = parseRanks(bytes, name);
  if (data.pieces.size() + kSpecialTokens > vocabSize)
    fail(name, ": the tokenizer has ", data.pieces.size(), " ids and ", kSpecialTokens,
         " of special tokens, but the model has ", vocabSize,
         " (vocab_size): it belongs to another model; get the right one");
  addMerges(data, name);
  data.rankedByResult = true;
  data.ignoreMerges = true;
  data.splitter = {isolatedSplit(kLlama3Words)};
  ModelTokenizer tokenizer;
  TokenizerSettings &settings = tokenizer.data.settings;
  settings.added = specialTokens(uint32_t(data.pieces.size()));
  settings.bos = settings.added[0].id;
  settings.eos = settings.added[1].id;
  tokenizer.data.name = name;
  tokenizer.data.model = std::move(data);
  tokenizer.end = settings.eos;
  tokenizer.endOrigin = "tokenizer.model: <|end_of_text|>";
  return tokenizer;
}

ModelTokenizer readLlama3Tokenizer(const std::string &path, uint32_t vocabSize) {
  return llama3Tokenizer(MappedFile::open(path, "tokenizer")->span(), path, vocabSize);
}

} // namespace quipu::frontend
