//===- TokenizerJson.cpp - Hugging Face's tokenizer.json ----------------------------------===//

#include "frontends/hf/TokenizerJson.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

using nlohmann::json;

namespace quipu::frontend::hf {

AddedToken parseAddedToken(const json &value, const std::string &place) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
  } else if (value.is_object()) {
    Fields fields(value, place);
    std::optional<std::string> content = fields.optionalString("content");
    if (!content)
      fields.failMissing("content", "an added token is nothing without it; get the file again");
    token.content = *content;
    token.lstrip = fields.boolean("lstrip", false);
    token.rstrip = fields.boolean("rstrip", false);
    token.singleWord = fields.boolean("single_word", false);
    token.special = fields.boolean("special", false);
    token.normalized = fields.boolean("normalized", !token.special);
    fields.find("__type");
    fields.find("id");
    for (const std::string &field : fields.unknown())
      fields.fail(field, value.at(field),
                  "only content, single_word, lstrip, rstrip, normalized and special are known; remove it");
  } else {
    fail(place, " is ", shown(value), " but must be a string, or an object with \"content\"");
  }
  if (token.content.empty() || token.content.find('\0') != std::string::npos)
    fail(place, " is an added token without text, or with a zero byte in it; remove it");
  return token;
}

int32_t parseTokenId(const json &value, const std::string &place) {
  // No model has more ids, and one more than the largest is an id still.
  constexpr uint64_t kLargest = kMaxVocab - 1;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= kLargest)
    return int32_t(value.get<uint64_t>());
  fail(place, " has the id ", shown(value), " but a token id is a number from 0 to ", kLargest, "; correct it");
}

std::vector<AddedToken> readAddedTokens(const json &file, const std::string &path) {
  Fields fields(file, path);
  std::vector<AddedToken> added;
  const json *tokens = fields.find("added_tokens");
  if (!tokens)
    return added;
  if (!tokens->is_array())
    fields.fail("added_tokens", *tokens, "must be a list of tokens; correct it, or get the file again");
  for (const json &item : *tokens) {
    std::string place = fields.place("added_tokens");
    AddedToken token = parseAddedToken(item, place);
    token.id = parseTokenId(item.is_object() && item.contains("id") ? item["id"] : json(), place);
    added.push_back(std::move(token));
  }
  return added;
}

namespace {

/// The field "model".
class ModelReader {
public:
  ModelReader(const json &value, const std::string &path) : path(path), fields(value, path, "model.") {}

  /// `parts` has what the other fields of the file say already.
  BpeData read(BpeData parts) {
    checkType();
    BpeBuilder builder(path, parts.byteLevel);
    readVocab(builder);
    readMerges(builder);
    refuseUnlessEmpty("continuing_subword_prefix");
    refuseUnlessEmpty("end_of_word_suffix");
    if (fields.optionalNumber("dropout").value_or(0) != 0)
      fields.fail("dropout", fields.object()["dropout"], "merges left out at random are not supported; set it to null");
    parts.pieces = std::move(builder.data.pieces);
    parts.merges = std::move(builder.data.merges);
    parts.unreachable = std::move(builder.data.unreachable);
    std::ranges::sort(parts.unreachable);
    // The decoder was held against it.
    fields.find("byte_fallback");
    parts.ignoreMerges = fields.boolean("ignore_merges", false);
    parts.fuseUnknown = fields.boolean("fuse_unk", false);
    if (std::optional<std::string> unknown = fields.optionalString("unk_token")) {
      std::optional<uint32_t> id = builder.find(*unknown);
      if (!id)
        fields.fail("unk_token", *unknown, "must be a piece of the vocab; get the file again");
      parts.unknown = int32_t(*id);
    }
    for (const std::string &field : fields.unknown())
      fields.fail(field, fields.object().at(field), "is not known of a BPE model; use a tokenizer without it");
    return parts;
  }

private:
  void checkType() {
    // Early files do not say it.
    bool looksLikeBpe = fields.object().contains("vocab") && fields.object().contains("merges");
    std::optional<std::string> type = fields.optionalString("type");
    if (!type && !looksLikeBpe)
      fields.failMissing("type", "only the model BPE is supported; use the tokenizer's tokenizer.model");
    if (type && *type != "BPE")
      fields.fail("type", *type, "only the model BPE is supported; use the tokenizer's tokenizer.model");
  }

  void readVocab(BpeBuilder &builder) {
    const json *vocab = fields.find("vocab");
    if (!vocab || !vocab->is_object() || vocab->empty())
      fields.fail("vocab", vocab ? *vocab : json(), "must be an object from piece to id; get the file again");
    for (auto item = vocab->begin(); item != vocab->end(); ++item) {
      if (item.key().empty())
        fail(fields.place("vocab"), " has an empty piece; get the file again");
      builder.addPiece(uint32_t(parseTokenId(item.value(), concat(fields.place("vocab"), ", ", shownText(item.key())))),
                       item.key());
    }
  }

  void readMerges(BpeBuilder &builder) {
    const json *merges = fields.find("merges");
    if (!merges || !merges->is_array())
      fields.fail("merges", merges ? *merges : json(), "must be a list of pairs of pieces; get the file again");
    for (const json &merge : *merges) {
      if (merge.is_string())
        builder.addMerge(merge.get_ref<const std::string &>());
      else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
        builder.addMerge(merge[0].get_ref<const std::string &>(), merge[1].get_ref<const std::string &>());
      else
        fail(fields.place("merges"), " has ", shown(merge),
             " but a merge is \"left right\" or [\"left\", \"right\"]; get the file again");
    }
  }

  void refuseUnlessEmpty(const char *field) {
    if (std::optional<std::string> text = fields.optionalString(field); text && !text->empty())
      fields.fail(field, *text,
                  "pieces that are spelled differently inside of a word are not supported; use another "
                  "tokenizer");
  }

  const std::string &path;
  Fields fields;
};

} // namespace

TokenizerJson readTokenizerJson(const json &file, const std::string &path, std::vector<Note> &notes) {
  if (!file.is_object())
    fail(path, ": holds ", shown(file), " but must hold a JSON object; get the file again");
  Fields fields(file, path);
  fields.find("version");
  auto part = [&](const char *field) {
    const json *value = fields.find(field);
    return value ? *value : json();
  };
  const json *model = fields.find("model");
  if (!model || !model->is_object())
    fields.fail("model", model ? *model : json(), "must be an object with \"type\": \"BPE\"; get the file again");
  TokenizerJson result;
  BpeData data;
  data.normalizer = readNormalizer(part("normalizer"), path);
  readPreTokenizer(part("pre_tokenizer"), path, data);
  data.byteFallback = Fields(*model, path, "model.").boolean("byte_fallback", false);
  readDecoder(part("decoder"), path, data);
  result.around = readPostProcessor(part("post_processor"), path);
  fields.find("added_tokens");
  result.added = readAddedTokens(file, path);
  result.model = ModelReader(*model, path).read(std::move(data));
  for (const char *field : {"truncation", "padding"})
    if (fields.find(field))
      notes.push_back(
          {Note::Kind::provenance, concat("tokenizer.json: ", field), "not used: texts are neither cut nor filled up"});
  for (const std::string &field : fields.unknown())
    fields.fail(field, file.at(field), "is not known of a tokenizer.json; use a tokenizer without it");
  return result;
}

} // namespace quipu::frontend::hf
