//===- TokenizerSteps.cpp - The parts of a tokenizer.json -----------------------------------===//

#include "frontends/hf/TokenizerSteps.h"

#include "frontends/common/Fields.h"
#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <map>

using nlohmann::json;

namespace quipu::frontend::hf {

static constexpr const char *kAdvice = "use a tokenizer without it";

namespace {

/// One step: an object with its type. Steps of a Sequence are numbered in messages.
class Part {
public:
  Part(const json &value, const std::string &path, const std::string &place)
      : path(path), place(place), fields(checked(value, path, place), path, place + ".") {
    std::optional<std::string> found = fields.optionalString("type");
    if (!found)
      fields.failMissing("type", "a step is nothing without it; get the file again");
    type = *found;
  }

  /// The steps of a Sequence, else the step itself.
  template <typename Take> void forEach(const char *list, Take take) {
    if (type != "Sequence") {
      take(*this);
      close();
      return;
    }
    const json *steps = fields.find(list);
    if (!steps || !steps->is_array())
      fields.fail(list, steps ? *steps : json(), "must be the list of the steps; get the file again");
    for (size_t i = 0; i < steps->size(); ++i)
      Part((*steps)[i], path, concat(place, ".", list, "[", i, "]")).forEach(list, take);
    close();
  }

  [[noreturn]] void refuseType(std::string_view supported) const {
    fields.fail("type", type, concat("only ", supported, " are supported; ", kAdvice));
  }

  std::string string(std::string_view field) {
    std::optional<std::string> found = fields.optionalString(field);
    if (!found)
      fields.failMissing(field, "it must be a text; get the file again");
    return *found;
  }

  /// {"String": "▁"} or {"Regex": "\\s+"}.
  void readPattern(TextStep &step) {
    const json *pattern = fields.find("pattern");
    bool isObject = pattern && pattern->is_object() && pattern->size() == 1 && pattern->begin()->is_string();
    std::string kind = isObject ? pattern->begin().key() : "";
    if (kind != "String" && kind != "Regex")
      fields.fail("pattern", pattern ? *pattern : json(),
                  R"(must be {"String": a text} or {"Regex": a regular expression}; get the file again)");
    step.isRegex = kind == "Regex";
    step.pattern = pattern->begin()->get<std::string>();
    if (step.pattern.empty())
      fields.fail("pattern", *pattern, concat("must not be empty; ", kAdvice));
  }

  /// When to put `content` in front: always, first or never; older files say add_prefix_space.
  std::optional<TextStep> readPrefix(std::string content) {
    bool always = fields.boolean("add_prefix_space", true);
    std::string scheme = fields.optionalString("prepend_scheme").value_or(always ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      fields.fail("prepend_scheme", scheme, concat("only always, first and never are supported; ", kAdvice));
    if (scheme == "never")
      return std::nullopt;
    TextStep step = textStep(TextStep::Kind::prepend, "", std::move(content));
    step.unlessThere = true;
    step.onlyAtStart = scheme == "first";
    return step;
  }

  std::string path, place;
  Fields fields;
  std::string type;

private:
  static const json &checked(const json &value, const std::string &path, const std::string &place) {
    if (!value.is_object())
      fail(path, ": \"", place, "\" is ", shown(value), " but must be an object with a \"type\"; get the file again");
    return value;
  }

  /// A field that was not read may change the meaning.
  void close() const {
    for (const std::string &field : fields.unknown())
      if (!fields.object().at(field).is_null())
        fields.fail(field, fields.object().at(field), concat("is not known of a ", type, "; ", kAdvice));
  }
};

} // namespace

static TextStep normalizerStep(Part &part) {
  TextStep step;
  static const std::map<std::string, TextStep::Kind, std::less<>> kPlain = {{"NFC", TextStep::Kind::nfc},
                                                                            {"NFD", TextStep::Kind::nfd},
                                                                            {"NFKC", TextStep::Kind::nfkc},
                                                                            {"NFKD", TextStep::Kind::nfkd},
                                                                            {"Lowercase", TextStep::Kind::lowercase}};
  if (auto plain = kPlain.find(part.type); plain != kPlain.end()) {
    step.kind = plain->second;
  } else if (part.type == "Prepend") {
    step.kind = TextStep::Kind::prepend;
    step.content = part.string("prepend");
  } else if (part.type == "Replace") {
    step.kind = TextStep::Kind::replace;
    part.readPattern(step);
    step.content = part.string("content");
  } else if (part.type == "Strip") {
    step.kind = TextStep::Kind::strip;
    step.left = part.fields.boolean("strip_left", true);
    step.right = part.fields.boolean("strip_right", true);
  } else {
    part.refuseType("the normalisers Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Strip and Lowercase");
  }
  return step;
}

std::vector<TextStep> readNormalizer(const json &value, const std::string &path) {
  std::vector<TextStep> steps;
  if (!value.is_null())
    Part(value, path, "normalizer").forEach("normalizers", [&](Part &part) { steps.push_back(normalizerStep(part)); });
  return steps;
}

static SplitBehavior readBehavior(Part &part) {
  static const std::map<std::string, SplitBehavior, std::less<>> kBehaviors = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
      {"MergedWithNext", SplitBehavior::mergedWithNext},
      {"Contiguous", SplitBehavior::contiguous}};
  std::string name = part.string("behavior");
  auto found = kBehaviors.find(name);
  if (found == kBehaviors.end())
    part.fields.fail(
        "behavior", name,
        concat("only Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous are supported; ", kAdvice));
  return found->second;
}

static void readMetaspace(Part &part, BpeData &data) {
  std::string mark = part.fields.optionalString("str_rep").value_or(part.string("replacement"));
  data.splitter.push_back(textStep(TextStep::Kind::replace, " ", mark));
  if (std::optional<TextStep> prefix = part.readPrefix(mark))
    data.splitter.push_back(*prefix);
  if (!part.fields.boolean("split", true))
    return;
  TextStep split = textStep(TextStep::Kind::split, mark, "");
  split.behavior = SplitBehavior::mergedWithNext;
  data.splitter.push_back(split);
}

static void readByteLevel(Part &part, BpeData &data) {
  // Where a piece lies in the text is not asked for.
  part.fields.boolean("trim_offsets", true);
  if (part.fields.boolean("add_prefix_space", true)) {
    TextStep step = textStep(TextStep::Kind::prepend, "", " ");
    step.unlessThere = true;
    data.splitter.push_back(step);
  }
  if (part.fields.boolean("use_regex", true))
    data.splitter.push_back(isolatedSplit(kGpt2Words));
  data.byteLevel = true;
}

void readPreTokenizer(const json &value, const std::string &path, BpeData &data) {
  if (value.is_null())
    return;
  Part(value, path, "pre_tokenizer").forEach("pretokenizers", [&](Part &part) {
    if (data.byteLevel)
      part.fields.fail("type", part.type,
                       concat("nothing may come behind ByteLevel, which makes bytes of the text; ", kAdvice));
    if (part.type == "Split") {
      TextStep step;
      step.kind = TextStep::Kind::split;
      part.readPattern(step);
      step.behavior = readBehavior(part);
      step.invert = part.fields.boolean("invert", false);
      data.splitter.push_back(step);
    } else if (part.type == "Digits") {
      TextStep step = isolatedSplit(R"(\p{N})");
      step.behavior =
          part.fields.boolean("individual_digits", false) ? SplitBehavior::isolated : SplitBehavior::contiguous;
      data.splitter.push_back(step);
    } else if (part.type == "Metaspace") {
      readMetaspace(part, data);
    } else if (part.type == "ByteLevel") {
      readByteLevel(part, data);
    } else {
      part.refuseType("the pre-tokenisers Sequence, Split, Digits, ByteLevel and Metaspace");
    }
  });
}

namespace {

/// A decoder's steps in their order. Those behind Fuse work on the whole text, which comes piece by piece here.
struct DecoderReader {
  explicit DecoderReader(BpeData &data) : data(data) {}

  void take(Part &part) {
    if (part.type == "ByteLevel") {
      part.fields.boolean("add_prefix_space", true);
      part.fields.boolean("trim_offsets", true);
      part.fields.boolean("use_regex", true);
      byteLevel = true;
    } else if (part.type == "ByteFallback") {
      byteFallback = true;
    } else if (part.type == "Fuse") {
      isFused = true;
    } else if (part.type == "Replace") {
      takeReplace(part);
    } else if (part.type == "Strip") {
      takeStrip(part);
    } else if (part.type == "Metaspace") {
      std::string mark = part.fields.optionalString("str_rep").value_or(part.string("replacement"));
      part.fields.boolean("split", true);
      data.decoder.push_back(textStep(TextStep::Kind::replace, mark, " "));
      if (part.readPrefix(mark))
        data.strippedText = " ";
    } else {
      part.refuseType("the decoders Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip and Metaspace");
    }
  }

  BpeData &data;
  bool byteLevel = false, byteFallback = false, isFused = false;

private:
  void takeReplace(Part &part) {
    TextStep step;
    part.readPattern(step);
    step.content = part.string("content");
    if (step.isRegex || (isFused && step.pattern.size() != characterLength(step.pattern)))
      part.fields.fail("pattern", step.pattern,
                       concat("a decoder may replace only plain texts, behind Fuse only characters; ", kAdvice));
    data.decoder.push_back(step);
  }

  void takeStrip(Part &part) {
    std::string content = part.string("content");
    uint32_t start = part.fields.optionalInteger("start", 0, 1 << 20).value_or(0);
    uint32_t stop = part.fields.optionalInteger("stop", 0, 1 << 20).value_or(0);
    if (!isFused || start > 1 || stop != 0 || content.empty())
      part.fields.fail("start", start,
                       concat("only one text at the beginning (start 1, stop 0, behind Fuse) can be "
                              "left out; ",
                              kAdvice));
    if (start == 1)
      data.strippedText = content;
  }
};

} // namespace

void readDecoder(const json &value, const std::string &path, BpeData &data) {
  DecoderReader reader(data);
  if (!value.is_null())
    Part(value, path, "decoder").forEach("decoders", [&](Part &part) { reader.take(part); });
  if (value.is_null())
    fail(path, ": \"decoder\" is missing, so pieces cannot become text; get the file again");
  if (reader.byteLevel != data.byteLevel)
    fail(path, ": \"decoder\" is ", reader.byteLevel ? "" : "not ", "ByteLevel, but \"pre_tokenizer\" is ",
         data.byteLevel ? "" : "not ", "ByteLevel, so text and pieces do not belong together; get the file again");
  if (reader.byteFallback != data.byteFallback)
    fail(path, ": \"decoder\" ", reader.byteFallback ? "has" : "lacks",
         " ByteFallback, but \"model.byte_fallback\" is ", data.byteFallback ? "true" : "false", "; ", kAdvice);
}

/// The ids of a special token of a template.
static std::vector<int32_t> idsOfSpecial(const json &tokens, const std::string &name, const std::string &place) {
  auto token = tokens.find(name);
  if (token == tokens.end() || !token->is_object() || !token->contains("ids") || !(*token)["ids"].is_array())
    fail(place, " has ", shownText(name), " in its template, but not in its special_tokens; get the file again");
  std::vector<int32_t> ids;
  for (const json &id : (*token)["ids"]) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      fail(place, ": the special token ", shownText(name), " has the id ", shown(id),
           " but an id is a number from 0 on; get the file again");
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

static void readTemplate(Part &part, TokensAround &around) {
  const json *single = part.fields.find("single");
  const json *tokens = part.fields.find("special_tokens");
  // Of two texts; there is one here.
  part.fields.find("pair");
  if (!single || !single->is_array())
    part.fields.fail("single", single ? *single : json(), "must be the list of a template; get the file again");
  bool isBehind = false;
  for (const json &item : *single) {
    bool isObject = item.is_object() && item.size() == 1 && item.begin()->is_object();
    std::string kind = isObject ? item.begin().key() : "";
    std::string id = isObject && item.begin()->contains("id") && (*item.begin())["id"].is_string()
                         ? (*item.begin())["id"].get<std::string>()
                         : "";
    if (kind == "Sequence" && id == "A" && !isBehind) {
      isBehind = true;
    } else if (kind == "SpecialToken") {
      std::vector<int32_t> ids = idsOfSpecial(tokens ? *tokens : json::object(), id, part.fields.place("single"));
      std::vector<int32_t> &to = isBehind ? around.behind : around.before;
      to.insert(to.end(), ids.begin(), ids.end());
    } else {
      part.fields.fail("single", item, concat("only special tokens and one sequence A are supported; ", kAdvice));
    }
  }
  if (!isBehind)
    part.fields.fail("single", *single, concat("must have the sequence A; ", kAdvice));
}

TokensAround readPostProcessor(const json &value, const std::string &path) {
  TokensAround around;
  if (value.is_null())
    return around;
  Part(value, path, "post_processor").forEach("processors", [&](Part &part) {
    if (part.type == "TemplateProcessing") {
      readTemplate(part, around);
    } else if (part.type == "ByteLevel") {
      // It changes where pieces lie in the text, no ids.
      for (const char *field : {"add_prefix_space", "trim_offsets", "use_regex"})
        part.fields.boolean(field, true);
    } else {
      part.refuseType("the post-processors Sequence, TemplateProcessing and ByteLevel");
    }
  });
  return around;
}

} // namespace quipu::frontend::hf
