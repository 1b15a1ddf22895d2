//===- TokenizerFiles.cpp - The files of a Hugging Face tokenizer ------------------------===//

#include "frontends/hf/TokenizerFiles.h"

#include "frontends/common/Json.h"
#include "frontends/common/Vocabulary.h"
#include "frontends/hf/Fields.h"
#include "frontends/hf/Folder.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <charconv>
#include <map>

using nlohmann::json;
namespace fs = std::filesystem;

namespace quipu::frontend::hf {

static constexpr uint64_t kMaxJsonBytes = 64u << 20;

/// Roles that a config may give to tokens, in the order in which transformers adds those that have no id.
static constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                              "pad_token", "cls_token", "mask_token"};
/// Lists of tokens without a role (the second name is that of transformers 5).
static constexpr std::string_view kRoleLists[] = {"additional_special_tokens", "extra_special_tokens"};

/// Fields of tokenizer_config.json that do not change how a text becomes ids: chat, padding, bookkeeping.
static constexpr std::string_view kHarmless[] = {"_name_or_path",
                                                 "auto_map",
                                                 "backend",
                                                 "chat_template",
                                                 "from_slow",
                                                 "is_local",
                                                 "local_files_only",
                                                 "max_length",
                                                 "max_model_input_sizes",
                                                 "model_input_names",
                                                 "model_max_length",
                                                 "name_or_path",
                                                 "pad_to_multiple_of",
                                                 "pad_token_type_id",
                                                 "padding",
                                                 "padding_side",
                                                 "processor_class",
                                                 "return_token_type_ids",
                                                 "special_tokens_map_file",
                                                 "stride",
                                                 "tokenizer_file",
                                                 "truncation",
                                                 "truncation_side",
                                                 "truncation_strategy",
                                                 "trust_remote_code",
                                                 "use_default_system_prompt",
                                                 "use_fast",
                                                 "vocab_file"};
static_assert(std::ranges::is_sorted(kHarmless));

/// Classes that use a tokenizer.model as LlamaTokenizer does.
static constexpr std::string_view kClasses[] = {"CodeLlamaTokenizer", "CodeLlamaTokenizerFast",  "LlamaTokenizer",
                                                "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"};

namespace {

/// By role: the token, nothing for null.
using Roles = std::map<std::string, std::optional<AddedToken>, std::less<>>;

class Reader {
public:
  Reader(const fs::path &path, uint32_t vocabSize, std::vector<Note> &notes)
      : path(path), folder(path.parent_path()), vocabSize(vocabSize), notes(notes) {}

  ModelTokenizer read();

private:
  void note(std::string_view field, std::string text) {
    notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }
  void warn(std::string_view field, std::string text) {
    notes.push_back({Note::Kind::warning, std::string(field), std::move(text)});
  }

  json readObject(const char *file, const char *what) const;
  void readConfig();
  void readClass(Fields &fields);
  Roles readRoles(Fields &fields);
  std::vector<AddedToken> readRoleLists(Fields &fields) const;
  void readMap();
  void joinRole(const std::string &role, const std::optional<AddedToken> &ofMap);
  void readDecoder(const json &decoder, const std::string &path);
  void readAddedTokensJson();
  void readTokenizerJson();
  void readUnread(Fields &fields);
  AddedToken parseToken(const json &value, const std::string &place) const;
  void add(AddedToken token, const std::string &place);
  void giveIds();
  int32_t resolveRole(std::string_view role);
  void dropBeyondModel();

  const fs::path path;
  const fs::path folder;
  uint32_t vocabSize;
  std::vector<Note> &notes;
  ModelTokenizer result;
  std::unique_ptr<Vocabulary> model;
  Roles roles;
  std::vector<AddedToken> unnamed;
  /// Of the added tokens.
  std::map<std::string, int32_t, std::less<>> idOf;
  std::map<int32_t, std::string> contentOf;
  bool hasDecoder = false;
};

} // namespace

json Reader::readObject(const char *file, const char *what) const {
  std::string path = (folder / file).string();
  json object = parseJson(readTextFile(path, what, kMaxJsonBytes), path);
  if (!object.is_object())
    fail(path, ": holds ", shown(object), " but must hold a JSON object");
  return object;
}

/// A token is its text, or an object with the text and how it is found.
AddedToken Reader::parseToken(const json &value, const std::string &place) const {
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
    bool special = fields.boolean("special", false);
    token.normalized = fields.boolean("normalized", !special);
    fields.find("__type");
    fields.find("id");
    for (const std::string &field : fields.unknown())
      fields.fail(field, value.at(field),
                  "only content, single_word, lstrip, rstrip, normalized and special are known");
  } else {
    fail(place, " is ", shown(value), " but must be a string, or an object with \"content\"");
  }
  if (token.content.empty() || token.content.find('\0') != std::string::npos)
    fail(place, " is an added token without text, or with a zero byte in it; remove it");
  return token;
}

void Reader::add(AddedToken token, const std::string &place) {
  auto [byContent, isNewContent] = idOf.emplace(token.content, token.id);
  if (!isNewContent && byContent->second != token.id)
    fail(place, ": the added token ", shownText(token.content), " has the ids ", byContent->second, " and ", token.id,
         "; remove one of them");
  auto [byId, isNewId] = contentOf.emplace(token.id, token.content);
  if (!isNewId && byId->second != token.content)
    fail(place, ": the id ", token.id, " is that of ", shownText(byId->second), " and of ", shownText(token.content),
         "; remove one of them");
  if (isNewContent)
    result.data.settings.added.push_back(std::move(token));
}

static int32_t parseId(const json &value, const std::string &place) {
  // No model has more ids, and one more than the largest is an id still.
  constexpr uint64_t kLargest = kMaxVocab - 1;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= kLargest)
    return int32_t(value.get<uint64_t>());
  fail(place, " has the id ", shown(value), " but a token id is a number from 0 to ", kLargest, "; correct it");
}

void Reader::readDecoder(const json &decoder, const std::string &path) {
  for (auto item = decoder.begin(); item != decoder.end(); ++item) {
    const std::string &key = item.key();
    std::string place = concat(path, ": \"added_tokens_decoder\", ", shownText(key));
    AddedToken token = parseToken(item.value(), place);
    uint64_t id = 0;
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    bool isNumber = error == std::errc() && end == key.data() + key.size();
    token.id = parseId(isNumber ? json(id) : json(key), place);
    add(std::move(token), place);
  }
}

void Reader::readAddedTokensJson() {
  if (!isThere(folder / "added_tokens.json"))
    return;
  std::string path = (folder / "added_tokens.json").string();
  json tokens = readObject("added_tokens.json", "list of added tokens");
  for (auto item = tokens.begin(); item != tokens.end(); ++item) {
    std::string place = concat(path, ": ", shownText(item.key()));
    AddedToken token = parseToken(item.key(), place);
    token.id = parseId(item.value(), place);
    if (hasDecoder && !idOf.contains(token.content))
      note("added_tokens.json", concat(shownText(token.content), " is not in \"added_tokens_decoder\" of "
                                                                 "tokenizer_config.json; it is added"));
    add(std::move(token), place);
  }
}

void Reader::readTokenizerJson() {
  if (!isThere(folder / "tokenizer.json"))
    return;
  if (hasDecoder || !result.data.settings.added.empty())
    return note("tokenizer.json", "not read: tokenizer.model beside it is the same tokenizer");
  note("tokenizer.json", "only its added_tokens are read: tokenizer.model beside it is the same tokenizer");
  std::string path = (folder / "tokenizer.json").string();
  json object = readObject("tokenizer.json", "tokenizer");
  Fields fields(object, path);
  const json *tokens = fields.find("added_tokens");
  if (!tokens)
    return;
  if (!tokens->is_array())
    fields.fail("added_tokens", *tokens, "must be a list of tokens; correct it, or get the file again");
  for (const json &item : *tokens) {
    std::string place = fields.place("added_tokens");
    AddedToken token = parseToken(item, place);
    token.id = parseId(item.is_object() && item.contains("id") ? item["id"] : json(), place);
    add(std::move(token), place);
  }
}

/// Early conversions of LLaMA 1 name their special tokens so.
static bool isEmptyName(const json &value) {
  const json &content = value.is_object() && value.contains("content") ? value["content"] : value;
  return content.is_string() && content.get_ref<const std::string &>().empty();
}

/// The tokens of the roles that the file names.
Roles Reader::readRoles(Fields &fields) {
  Roles found;
  for (std::string_view role : kRoles) {
    fields.find(role);
    auto value = fields.object().find(role);
    if (value == fields.object().end())
      continue;
    if (isEmptyName(*value))
      note(role, concat("is empty in ", fs::path(fields.path()).filename().string(),
                        ": taken as missing, so that tokenizer.model's own token is used where it has one"));
    else
      found.emplace(role, value->is_null() ? std::nullopt
                                           : std::optional<AddedToken>(parseToken(*value, fields.place(role))));
  }
  return found;
}

std::vector<AddedToken> Reader::readRoleLists(Fields &fields) const {
  std::vector<AddedToken> found;
  for (std::string_view list : kRoleLists)
    if (const json *tokens = fields.find(list)) {
      // transformers 5 has an object of named tokens here, which are no different.
      if (!tokens->is_array() && !tokens->is_object())
        fields.fail(list, *tokens, "must be a list of tokens; correct it");
      for (const json &token : *tokens)
        found.push_back(parseToken(token, fields.place(list)));
    }
  return found;
}

/// Joins what special_tokens_map.json says of a role: where the config has added_tokens_decoder nothing, else the last
/// word.
void Reader::joinRole(const std::string &role, const std::optional<AddedToken> &ofMap) {
  auto text = [](const std::optional<AddedToken> &token) {
    return token ? shownText(token->content) : std::string("null");
  };
  auto warnOf = [&](const auto &...rest) {
    warn(concat("special_tokens_map.json: ", role), concat("is ", text(ofMap), rest...));
  };
  auto ofConfig = roles.find(role);
  bool isNamed = ofConfig != roles.end();
  bool differs = isNamed && text(ofConfig->second) != text(ofMap);
  if (!hasDecoder) {
    if (differs)
      warnOf(", which is used: tokenizer_config.json says ", text(ofConfig->second),
             ", but it has no added_tokens_decoder, so the map has the last word as in transformers");
    roles.insert_or_assign(role, ofMap);
    return;
  }
  if (differs)
    return warnOf(", but tokenizer_config.json says ", text(ofConfig->second), ", which is used");
  std::optional<int32_t> own = role == "bos_token" ? model->bos() : role == "eos_token" ? model->eos() : std::nullopt;
  bool isOwn = ofMap && own && model->piece(*own) == ofMap->content;
  bool isAdded = !own && ofMap && idOf.contains(ofMap->content);
  if (!isNamed && !isOwn && !isAdded)
    warnOf(", but is not used: tokenizer_config.json has added_tokens_decoder, so its roles are the ones that count, "
           "and it does not have this one");
}

/// transformers' older file of roles.
void Reader::readMap() {
  if (!isThere(folder / "special_tokens_map.json"))
    return;
  json map = readObject("special_tokens_map.json", "map of special tokens");
  Fields fields(map, (folder / "special_tokens_map.json").string());
  for (const auto &[role, token] : readRoles(fields))
    joinRole(role, token);
  for (AddedToken &token : readRoleLists(fields)) {
    if (!hasDecoder)
      unnamed.push_back(std::move(token));
    else if (!idOf.contains(token.content))
      warn("special_tokens_map.json", concat(shownText(token.content), " is not used: tokenizer_config.json has "
                                                                       "added_tokens_decoder, which does not have it"));
  }
  for (const std::string &field : fields.unknown())
    warn("special_tokens_map.json", concat("unknown field ", shownText(field), "; it is ignored"));
}

void Reader::readClass(Fields &fields) {
  std::optional<std::string> name = fields.optionalString("tokenizer_class");
  if (name && std::ranges::find(kClasses, std::string_view(*name)) == std::end(kClasses))
    warn("tokenizer_class", concat("is ", shownText(*name),
                                   "; tokenizer.model is used as LlamaTokenizer does, check "
                                   "that ids agree"));
}

/// Fields that change ids or text and that only have one value here.
void Reader::readUnread(Fields &fields) {
  if (fields.boolean("split_special_tokens", false))
    fields.fail("split_special_tokens", true, "special tokens are always found in a text; remove it");
  if (fields.boolean("do_lower_case", false))
    fields.fail("do_lower_case", true, "text in lower case is not supported; use a tokenizer without it");
  if (const json *arguments = fields.find("sp_model_kwargs"); arguments && !arguments->empty())
    if (!arguments->is_object() || arguments->value("enable_sampling", json(false)) != false)
      fields.fail("sp_model_kwargs", *arguments, "pieces drawn at random are not supported; remove it");
  if (fields.boolean("clean_up_tokenization_spaces", false))
    warn("clean_up_tokenization_spaces", "is true, but spaces before punctuation are kept as the model writes them");
  if (fields.boolean("spaces_between_special_tokens", false))
    warn("spaces_between_special_tokens", "is true, but no spaces are put between added tokens");
  std::string harmless;
  for (const std::string &field : fields.unknown()) {
    if (fields.object().at(field).is_null())
      continue;
    if (std::ranges::binary_search(kHarmless, std::string_view(field)))
      harmless += (harmless.empty() ? "" : ", ") + field;
    else
      warn("tokenizer_config.json",
           concat("unknown field ", shownText(field), " with the value ", shown(fields.object().at(field)),
                  "; it is ignored, check that it does not change ids"));
  }
  if (!harmless.empty())
    note("tokenizer_config.json", concat("not used, as they do not change ids: ", harmless));
}

void Reader::readConfig() {
  json config = json::object();
  std::string path = (folder / "tokenizer_config.json").string();
  if (isThere(folder / "tokenizer_config.json"))
    config = readObject("tokenizer_config.json", "tokenizer config");
  Fields fields(config, path);
  TokenizerSettings &settings = result.data.settings;
  readClass(fields);
  settings.addBos = fields.boolean("add_bos_token", settings.addBos);
  settings.addEos = fields.boolean("add_eos_token", settings.addEos);
  settings.legacy = fields.boolean("legacy", false);
  if (!fields.find("legacy"))
    note("legacy", "default false: text behind an added token begins without a space");
  if (fields.find("add_prefix_space"))
    settings.addPrefixSpace = fields.boolean("add_prefix_space", true);
  if (const json *decoder = fields.find("added_tokens_decoder")) {
    if (!decoder->is_object())
      fields.fail("added_tokens_decoder", *decoder, "must be an object from id to token; correct it");
    hasDecoder = true;
    readDecoder(*decoder, path);
  }
  roles = readRoles(fields);
  unnamed = readRoleLists(fields);
  readUnread(fields);
  readAddedTokensJson();
  readTokenizerJson();
  readMap();
}

/// Gives ids to special tokens that have none, as transformers does: the next ones.
void Reader::giveIds() {
  int32_t next = std::max(model->size(), contentOf.empty() ? 0 : contentOf.rbegin()->first + 1);
  auto give = [&](AddedToken token, std::string_view role) {
    if (idOf.contains(token.content))
      return;
    std::optional<int32_t> piece = model->find(token.content);
    // These two are never read out of a text.
    if (piece && (piece == model->bos() || piece == model->eos()))
      return;
    if (!piece)
      note(role, concat(shownText(token.content), " is no piece of tokenizer.model; it is token ", next));
    token.id = piece ? *piece : next++;
    token.normalized = false;
    add(std::move(token), concat((folder / "tokenizer_config.json").string(), ": \"", role, "\""));
  };
  for (std::string_view role : kRoles)
    if (auto it = roles.find(role); it != roles.end() && it->second)
      give(*it->second, role);
  for (const AddedToken &token : unnamed)
    give(token, "additional_special_tokens");
}

/// An added token that the model has no embedding for can be in no prompt.
void Reader::dropBeyondModel() {
  size_t count = 0;
  std::string first;
  std::erase_if(result.data.settings.added, [&](const AddedToken &token) {
    if (uint32_t(token.id) < vocabSize)
      return false;
    if (count++ == 0)
      first = concat(shownText(token.content), " with id ", token.id);
    return true;
  });
  if (count)
    warn("added tokens", concat(first, count > 1 ? concat(" and ", count - 1, " more") : "",
                                " left out: the model has ", vocabSize, " ids (vocab_size)"));
}

/// The id of BOS or EOS.
int32_t Reader::resolveRole(std::string_view role) {
  auto it = roles.find(role);
  if (it == roles.end())
    return kModelsOwnToken;
  if (!it->second)
    return kNoToken;
  if (auto added = idOf.find(it->second->content); added != idOf.end())
    return uint32_t(added->second) < vocabSize ? added->second : kNoToken;
  std::optional<int32_t> piece = model->find(it->second->content);
  return piece ? *piece : kNoToken;
}

ModelTokenizer Reader::read() {
  if (!isThere(path)) {
    if (isThere(folder / "tokenizer.json"))
      warn("tokenizer.json", "is not supported, only SentencePiece's tokenizer.model is; without it the plan takes "
                             "--prompt-tokens, and text with --tokenizer FILE");
    return std::move(result);
  }
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  result.data.name = error ? path.string() : absolute.lexically_normal().string();
  std::shared_ptr<MappedFile> file = MappedFile::open(result.data.name, "tokenizer");
  result.data.model = SentencePieceData{{file->span().begin(), file->span().end()}};
  model = std::make_unique<Vocabulary>(result.data);
  if (uint32_t(model->size()) > vocabSize)
    fail(path.string(), ": the tokenizer has ", model->size(), " ids but the model has ", vocabSize,
         " (vocab_size): it belongs to another model; get the right one");
  readConfig();
  giveIds();
  dropBeyondModel();
  result.data.settings.bos = resolveRole("bos_token");
  result.data.settings.eos = resolveRole("eos_token");
  // Now that all is known: whether it works together.
  checkSettings(result.data.settings, model->size(), result.data.name);
  bool isOwn = result.data.settings.eos == kModelsOwnToken;
  std::optional<int32_t> eos = isOwn ? model->eos() : result.data.settings.eos;
  if (eos && *eos != kNoToken) {
    auto added = contentOf.find(*eos);
    result.end = *eos;
    result.endOrigin = isOwn ? "tokenizer.model"
                             : concat("tokenizer: eos_token ",
                                      shownText(added == contentOf.end() ? model->piece(*eos) : added->second));
  }
  return std::move(result);
}

ModelTokenizer readTokenizer(const fs::path &path, uint32_t vocabSize, std::vector<Note> &notes,
                             const std::string &otherwise) {
  try {
    return Reader(path, vocabSize, notes).read();
  } catch (const Error &error) {
    if (otherwise.empty())
      throw;
    fail(error.what(), "; or ", otherwise);
  }
}

} // namespace quipu::frontend::hf
