//===- TokenizerFiles.cpp - The files of a Hugging Face tokenizer ------------------------===//

#include "frontends/hf/TokenizerFiles.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "frontends/common/RankFile.h"
#include "frontends/common/Vocabulary.h"
#include "frontends/hf/ChatTemplates.h"
#include "frontends/hf/Folder.h"
#include "frontends/hf/TokenizerJson.h"
#include "frontends/llama2c/TokenizerBin.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
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
static constexpr std::string_view kHarmlessFields[] = {"_name_or_path",
                                                       "auto_map",
                                                       "backend",
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
static_assert(std::ranges::is_sorted(kHarmlessFields));

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

  /// Where the pieces are from: "tokenizer.model", "tokenizer.json".
  const std::string &fileName() const { return modelFile; }

private:
  void note(std::string_view field, std::string text) {
    notes.push_back({Note::Kind::provenance, std::string(field), std::move(text)});
  }
  void warn(std::string_view field, std::string text) {
    notes.push_back({Note::Kind::warning, std::string(field), std::move(text)});
  }

  fs::path chooseFile();
  void readModel(const fs::path &file);
  void readJsonModel(const std::string &file);
  json readObject(const char *file, const char *what) const;
  void readConfig();
  void readEnds(Fields &fields);
  void readPrefixSpace(Fields &fields);
  void readClass(Fields &fields);
  Roles readRoles(Fields &fields);
  std::vector<AddedToken> readRoleLists(Fields &fields) const;
  void readMap();
  void joinRole(const std::string &role, const std::optional<AddedToken> &ofMap);
  void readDecoder(const json &decoder, const std::string &path);
  void readAddedTokensJson();
  void readAddedBeside();
  void readUnread(Fields &fields);
  void add(AddedToken token, const std::string &place);
  AddedToken *findAdded(std::string_view content);
  void giveIds();
  int32_t resolveRole(std::string_view role);
  void resolveEnds();
  void resolveAround(const std::vector<int32_t> &ids, bool isExplicit, bool &adds, int32_t &end, const char *role);
  void dropBeyondModel();
  void nameEnd();

  const fs::path path;
  const fs::path folder;
  uint32_t vocabSize;
  std::vector<Note> &notes;
  ModelTokenizer result;
  std::string modelFile = "tokenizer.model";
  /// Of a tokenizer.json: what it puts around a text, and whether tokenizer_config.json says otherwise.
  bool isJson = false;
  TokensAround around;
  bool saysBos = false, saysEos = false;
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
    fail(path, ": holds ", shown(object), " but must hold a JSON object; get the file again");
  return object;
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

AddedToken *Reader::findAdded(std::string_view content) {
  std::vector<AddedToken> &added = result.data.settings.added;
  auto it = std::ranges::find(added, content, &AddedToken::content);
  return it == added.end() ? nullptr : &*it;
}

void Reader::readDecoder(const json &decoder, const std::string &path) {
  for (auto item = decoder.begin(); item != decoder.end(); ++item) {
    const std::string &key = item.key();
    std::string place = concat(path, ": \"added_tokens_decoder\", ", shownText(key));
    AddedToken token = parseAddedToken(item.value(), place);
    uint64_t id = 0;
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    bool isNumber = error == std::errc() && end == key.data() + key.size();
    token.id = parseTokenId(isNumber ? json(id) : json(key), place);
    // Where tokenizer.json has the token too, the config has the last word on how it is found, as in transformers.
    AddedToken *known = isJson ? findAdded(token.content) : nullptr;
    if (known && known->id == token.id && *known != token) {
      note("added_tokens_decoder", concat(shownText(token.content), " is found as tokenizer_config.json says, which "
                                                                    "differs from tokenizer.json"));
      *known = token;
    }
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
    AddedToken token = parseAddedToken(item.key(), place);
    token.id = parseTokenId(item.value(), place);
    if (hasDecoder && !idOf.contains(token.content))
      note("added_tokens.json", concat(shownText(token.content), " is not in \"added_tokens_decoder\" of "
                                                                 "tokenizer_config.json; it is added"));
    add(std::move(token), place);
  }
}

/// Beside a tokenizer.model.
void Reader::readAddedBeside() {
  if (isJson || !isThere(folder / "tokenizer.json"))
    return;
  if (hasDecoder || !result.data.settings.added.empty())
    return note("tokenizer.json", "not read: tokenizer.model beside it is the same tokenizer");
  note("tokenizer.json", "only its added_tokens are read: tokenizer.model beside it is the same tokenizer");
  std::string path = (folder / "tokenizer.json").string();
  for (AddedToken &token : readAddedTokens(readObject("tokenizer.json", "tokenizer"), path))
    add(std::move(token), concat(path, ": \"added_tokens\""));
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
                        ": taken as missing, so that the tokenizer's own token is used where it has one"));
    else
      found.emplace(role, value->is_null() ? std::nullopt
                                           : std::optional<AddedToken>(parseAddedToken(*value, fields.place(role))));
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
        found.push_back(parseAddedToken(token, fields.place(list)));
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
  // A tokenizer.json says all by itself.
  if (name && !isJson && std::ranges::find(kClasses, std::string_view(*name)) == std::end(kClasses))
    warn("tokenizer_class", concat("is ", shownText(*name),
                                   "; tokenizer.model is used as LlamaTokenizer does, check "
                                   "that ids agree"));
}

/// Fields that change ids or text and that only have one value here.
void Reader::readUnread(Fields &fields) {
  if (fields.boolean("split_special_tokens", false))
    fields.fail("split_special_tokens", true,
                "whether special tokens are found is said where a text is given (--parse-special); remove it");
  if (fields.boolean("do_lower_case", false))
    fields.fail("do_lower_case", true, "text in lower case is not supported; use a tokenizer without it");
  if (const json *arguments = fields.find("sp_model_kwargs"); arguments && !arguments->empty())
    if (!arguments->is_object() || arguments->value("enable_sampling", json(false)) != false)
      fields.fail("sp_model_kwargs", *arguments, "pieces drawn at random are not supported; remove it");
  if (fields.boolean("clean_up_tokenization_spaces", false))
    warn("clean_up_tokenization_spaces", "is true, but spaces before punctuation are kept as the model writes them");
  if (fields.boolean("spaces_between_special_tokens", false))
    warn("spaces_between_special_tokens", "is true, but no spaces are put between added tokens");
  // ChatTemplates.cpp reads it.
  fields.find("chat_template");
  std::string harmless;
  for (const std::string &field : fields.unknown()) {
    if (fields.object().at(field).is_null())
      continue;
    if (std::ranges::binary_search(kHarmlessFields, std::string_view(field)))
      harmless += (harmless.empty() ? "" : ", ") + field;
    else
      warn("tokenizer_config.json",
           concat("unknown field ", shownText(field), " with the value ", shown(fields.object().at(field)),
                  "; it is ignored, check that it does not change ids"));
  }
  if (!harmless.empty())
    note("tokenizer_config.json", concat("not used, as they do not change ids: ", harmless));
}

void Reader::readEnds(Fields &fields) {
  TokenizerSettings &settings = result.data.settings;
  saysBos = fields.find("add_bos_token");
  saysEos = fields.find("add_eos_token");
  settings.addBos = fields.boolean("add_bos_token", settings.addBos);
  settings.addEos = fields.boolean("add_eos_token", settings.addEos);
}

void Reader::readPrefixSpace(Fields &fields) {
  if (!fields.find("add_prefix_space"))
    return;
  bool isWanted = fields.boolean("add_prefix_space", true);
  if (!isJson) {
    result.data.settings.addPrefixSpace = isWanted;
    return;
  }
  const BpeData &bpe = std::get<BpeData>(result.data.model);
  auto prepends = [](const TextStep &step) { return step.kind == TextStep::Kind::prepend; };
  bool isThere = std::ranges::any_of(bpe.normalizer, prepends) || std::ranges::any_of(bpe.splitter, prepends);
  if (isWanted != isThere)
    warn("add_prefix_space", concat("is ", isWanted, " in tokenizer_config.json, but tokenizer.json puts ",
                                    isThere ? "a space" : "no space", " before a text, and counts"));
}

void Reader::readConfig() {
  json config = json::object();
  std::string path = (folder / "tokenizer_config.json").string();
  if (isThere(folder / "tokenizer_config.json"))
    config = readObject("tokenizer_config.json", "tokenizer config");
  Fields fields(config, path);
  TokenizerSettings &settings = result.data.settings;
  readClass(fields);
  readEnds(fields);
  settings.legacy = fields.boolean("legacy", false);
  if (!isJson && !fields.find("legacy"))
    note("legacy", "default false: text behind an added token begins without a space");
  readPrefixSpace(fields);
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
  readAddedBeside();
  readMap();
}

/// Gives ids to special tokens that have none, as transformers does: the next ones.
void Reader::giveIds() {
  int32_t next = std::max(model->size(), contentOf.empty() ? 0 : contentOf.rbegin()->first + 1);
  auto give = [&](AddedToken token, std::string_view role) {
    if (AddedToken *known = findAdded(token.content)) {
      known->special = true;
      return;
    }
    std::optional<int32_t> piece = model->find(token.content);
    // These two are never read out of a text.
    if (piece && (piece == model->bos() || piece == model->eos()))
      return;
    if (!piece)
      note(role, concat(shownText(token.content), " is no piece of ", modelFile, "; it is token ", next));
    token.id = piece ? *piece : next++;
    token.normalized = false;
    token.special = true;
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

/// What stands around a text is one token, of which only whether it is there can be said.
void Reader::resolveAround(const std::vector<int32_t> &ids, bool isExplicit, bool &adds, int32_t &end,
                           const char *role) {
  std::string place = concat((folder / modelFile).string(), ": \"post_processor\"");
  if (ids.size() > 1)
    fail(place, " puts ", ids.size(), " tokens at one end of a text, but only one is supported; use another tokenizer");
  if (end < 0)
    end = ids.empty() || isExplicit ? kNoToken : ids[0];
  if (!isExplicit && !ids.empty() && ids[0] != end)
    fail(place, " puts the token ", ids[0], " at one end of a text, but ", role, " is token ", end,
         "; correct one of them");
  if (!isExplicit)
    adds = !ids.empty();
}

void Reader::resolveEnds() {
  TokenizerSettings &settings = result.data.settings;
  settings.bos = resolveRole("bos_token");
  settings.eos = resolveRole("eos_token");
  if (!isJson)
    return;
  resolveAround(around.before, saysBos, settings.addBos, settings.bos, "bos_token");
  resolveAround(around.behind, saysEos, settings.addEos, settings.eos, "eos_token");
}

/// The tokenizer.model, or the tokenizer.json beside it where there is none; nothing where there is none of both.
fs::path Reader::chooseFile() {
  fs::path beside = folder / "tokenizer.json";
  if (!isThere(path))
    return isThere(beside) ? beside : fs::path();
  if (path.filename() == "tokenizer.json" || !isThere(beside))
    return path;
  std::shared_ptr<MappedFile> file = MappedFile::open(path.string(), "tokenizer");
  std::string_view head(reinterpret_cast<const char *>(file->data()), std::min(file->size(), kFileKindBytes));
  if (!isTokenRanks(head))
    return path;
  note("tokenizer.model", "not read: it has ranks alone, and tokenizer.json beside it says all");
  return beside;
}

void Reader::readJsonModel(const std::string &file) {
  isJson = true;
  TokenizerJson parsed =
      readTokenizerJson(parseJson(readTextFile(file, "tokenizer", kMaxJsonBytes), file), file, notes);
  for (AddedToken &token : parsed.added)
    add(std::move(token), concat(file, ": \"added_tokens\""));
  around = parsed.around;
  result.data.model = std::move(parsed.model);
}

void Reader::readModel(const fs::path &file) {
  modelFile = file.filename().string();
  std::error_code error;
  fs::path absolute = fs::absolute(file, error);
  result.data.name = error ? file.string() : absolute.lexically_normal().string();
  std::shared_ptr<MappedFile> mapped = MappedFile::open(result.data.name, "tokenizer");
  std::string_view head(reinterpret_cast<const char *>(mapped->data()), std::min(mapped->size(), kFileKindBytes));
  if (isJsonText(head) || file.extension() == ".json")
    readJsonModel(result.data.name);
  else if (file.extension() == ".bin")
    result.data = llama2c::parseTokenizerBin(mapped->span(), result.data.name, vocabSize);
  else
    result.data.model = SentencePieceData{{mapped->span().begin(), mapped->span().end()}};
  model = std::make_unique<Vocabulary>(result.data);
  if (uint32_t(model->size()) > vocabSize)
    fail(result.data.name, ": the tokenizer has ", model->size(), " ids but the model has ", vocabSize,
         " (vocab_size): it belongs to another model; get the right one");
}

/// Which token ends a text, and what says so.
void Reader::nameEnd() {
  bool isOwn = result.data.settings.eos == kModelsOwnToken;
  std::optional<int32_t> eos = isOwn ? model->eos() : result.data.settings.eos;
  if (!eos || *eos == kNoToken)
    return;
  auto added = contentOf.find(*eos);
  result.end = *eos;
  result.endOrigin =
      isOwn ? modelFile
            : concat("tokenizer: eos_token ", shownText(added == contentOf.end() ? model->piece(*eos) : added->second));
}

ModelTokenizer Reader::read() {
  fs::path file = chooseFile();
  if (file.empty())
    return std::move(result);
  std::shared_ptr<MappedFile> mapped = MappedFile::open(file.string(), "tokenizer");
  std::string_view head(reinterpret_cast<const char *>(mapped->data()), std::min(mapped->size(), kFileKindBytes));
  if (isTokenRanks(head))
    return llama3Tokenizer(mapped->span(), fs::absolute(file).lexically_normal().string(), vocabSize);
  readModel(file);
  readConfig();
  giveIds();
  dropBeyondModel();
  resolveEnds();
  if (auto *bpe = std::get_if<BpeData>(&result.data.model))
    protectSpecialTokens(*bpe, result.data.settings.added);
  // Now that all is known: whether it works together.
  checkSettings(result.data.settings, model->size(), result.data.name);
  if (const auto *bpe = std::get_if<BpeData>(&result.data.model)) {
    checkBpe(*bpe, result.data.name);
    noteMissingBytes(*bpe, notes);
  }
  nameEnd();
  return std::move(result);
}

ModelTokenizer readTokenizer(const fs::path &path, uint32_t vocabSize, std::vector<Note> &notes, bool isOptional) {
  Reader reader(path, vocabSize, notes);
  try {
    ModelTokenizer tokenizer = reader.read();
    tokenizer.data.chatTemplates = readChatTemplates(path.parent_path());
    return tokenizer;
  } catch (const Error &error) {
    if (!isOptional)
      throw;
    fail(error.what(), "; or move ", reader.fileName(), " away to compile without a tokenizer");
  }
}

} // namespace quipu::frontend::hf
