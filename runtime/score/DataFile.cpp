//===- DataFile.cpp - The lines of a data file ---------------------------------------------===//

#include "runtime/score/DataFile.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace quipu {

using nlohmann::json;

std::string lineName(const std::string &name, size_t number) { return concat(name, ": line ", number); }

static constexpr const char *kKinds =
    R"(a line is {"prompt", "response"}, {"messages"} or {"context", "choices", "answer"})";

namespace {
/// The fields that make a kind of line.
struct Kind {
  const char *name;
  std::vector<std::string_view> fields;
};
} // namespace

static const std::array<Kind, 3> &kinds() {
  static const std::array<Kind, 3> all = {{{"a pair", {"prompt", "response"}},
                                           {"a conversation", {"messages"}},
                                           {"a question", {"context", "choices", "answer"}}}};
  return all;
}

/// Fields that other programs put into the text. Without them another text would be scored than the author means.
static constexpr std::string_view kUnsupported[] = {
    "chat_template_kwargs", "documents", "functions", "images", "system", "tools"};

/// A value for a message, cut when it is long.
static std::string shown(const json &value) {
  constexpr size_t kLimit = 60;
  // Their text may be nested deeper than a recursion can follow.
  if (value.is_structured())
    return value.is_array() ? "a list" : "an object";
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kLimit)
    return text;
  size_t length = kLimit;
  while ((uint8_t(text[length]) & 0xc0) == 0x80)
    --length;
  return text.substr(0, length) + "...";
}

static std::string fieldNames(const json &object) {
  std::string names;
  for (auto it = object.begin(); it != object.end(); ++it)
    names += (names.empty() ? "" : ", ") + shown(json(it.key()));
  return names.empty() ? "no fields" : names;
}

namespace {
/// Looks for a key that an object has twice. The value of one of them would be ignored.
class RepeatedKey : public nlohmann::json_sax<json> {
public:
  explicit RepeatedKey(const std::string &where) : where(where) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  // What is wrong with the line is said by who reads its values.
  bool parse_error(size_t, const std::string &, const nlohmann::detail::exception &) override { return false; }

  bool start_object(size_t) override {
    keys.emplace_back();
    return true;
  }
  bool end_object() override {
    keys.pop_back();
    return true;
  }
  bool key(string_t &name) override {
    if (!keys.back().insert(name).second)
      fail(where, ": the key ", shown(json(name)), " appears twice in one object; remove one of them");
    return true;
  }

private:
  const std::string &where;
  /// Of the open objects, the innermost last.
  std::vector<std::unordered_set<std::string>> keys;
};
} // namespace

static json parseLine(std::string_view line, const std::string &where) {
  if (std::optional<size_t> byte = firstInvalidByte(line))
    fail(where, ": not UTF-8 at byte ", *byte + 1, " of the line; write the file as UTF-8");
  // The parser takes this byte as the end.
  if (size_t byte = line.find('\0'); byte != std::string_view::npos)
    fail(where, ", column ", byte + 1,
         ": not valid JSON: a byte of the value 0; write it as \\u0000 in a text, or "
         "remove it");
  try {
    json value = json::parse(line);
    RepeatedKey search(where);
    json::sax_parse(line, &search);
    return value;
  } catch (const json::parse_error &error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 7: what is wrong".
    std::string_view message = error.what();
    if (size_t begin = message.find("column "); begin != std::string_view::npos)
      if (size_t colon = message.find(": ", begin); colon != std::string_view::npos)
        message.remove_prefix(colon + 2);
    fail(where, ", column ", error.byte, ": not valid JSON: ", message.substr(0, 200), "; ", kKinds,
         ", whole on one line");
  } catch (const json::out_of_range &) {
    // A number too large for a double.
    fail(where, ": not valid JSON: a number is too large; ", kKinds);
  }
}

static const std::string &textField(const json &object, const char *field, const std::string &where) {
  const json &value = object.at(field);
  if (!value.is_string())
    fail(where, ": \"", field, "\" is ", shown(value), ", which is no text; expected a string");
  return value.get_ref<const std::string &>();
}

static Pair readPair(const json &object, const std::string &where) {
  Pair pair = {textField(object, "prompt", where), textField(object, "response", where)};
  if (pair.response.empty())
    fail(where, ": \"response\" is empty, so there is nothing to score; remove the line");
  return pair;
}

static ChatMessage readMessage(const json &message, const std::string &where) {
  if (!message.is_object())
    fail(where, " is ", shown(message), R"(; expected {"role", "content"})");
  for (const char *field : {"role", "content"})
    if (!message.contains(field))
      fail(where, " has no \"", field, "\" (it has ", fieldNames(message), R"(); expected {"role", "content"})");
  for (auto it = message.begin(); it != message.end(); ++it)
    if (it.key() != "role" && it.key() != "content")
      fail(where, " has ", shown(json(it.key())),
           R"(, which is not supported; a message has "role" and "content" alone)");
  return {textField(message, "role", where), textField(message, "content", where)};
}

static Conversation readConversation(const json &object, const std::string &where) {
  const json &messages = object.at("messages");
  if (!messages.is_array())
    fail(where, ": \"messages\" is ", shown(messages), R"(; expected a list of {"role", "content"})");
  Conversation conversation;
  bool hasAnswer = false;
  for (const json &message : messages) {
    std::string place = concat(where, ": \"messages\"[", conversation.messages.size(), "]");
    conversation.messages.push_back(readMessage(message, place));
    if (conversation.messages.back().role != "assistant")
      continue;
    hasAnswer = true;
    // Templates leave blanks at the ends of a text out, with what follows them.
    if (conversation.messages.back().content.find_first_not_of(" \t\r\n") == std::string::npos)
      fail(place, ": the assistant's \"content\" is blank, so there is nothing to score; remove the message");
  }
  if (!hasAnswer)
    fail(where,
         ": \"messages\" has no message of the role \"assistant\", so there is nothing to score; remove the line");
  return conversation;
}

static Question readQuestion(const json &object, const std::string &where) {
  Question question;
  question.context = textField(object, "context", where);
  const json &choices = object.at("choices");
  if (!choices.is_array())
    fail(where, ": \"choices\" is ", shown(choices), "; expected a list of texts");
  for (const json &choice : choices) {
    if (!choice.is_string() || choice.get_ref<const std::string &>().empty())
      fail(where, ": \"choices\"[", question.choices.size(), "] is ", shown(choice),
           "; expected a text of at least one character");
    question.choices.push_back(choice.get<std::string>());
  }
  if (question.choices.size() < 2)
    fail(where, ": \"choices\" has ", question.choices.size(), question.choices.size() == 1 ? " text" : " texts",
         "; a question needs two or more");
  const json &answer = object.at("answer");
  if (!answer.is_number_integer() || answer < 0 || answer >= question.choices.size())
    fail(where, ": \"answer\" is ", shown(answer), "; expected the number of the right choice, from 0 to ",
         question.choices.size() - 1);
  question.answer = answer.get<size_t>();
  return question;
}

/// The kind of the line. Throws Error if its fields are those of no kind, or of several.
static const Kind &kindOf(const json &object, const std::string &where) {
  const Kind *kind = nullptr;
  for (const Kind &each : kinds()) {
    auto isThere = [&](std::string_view field) { return object.contains(field); };
    if (std::ranges::none_of(each.fields, isThere))
      continue;
    if (kind)
      fail(where, ": has fields of ", kind->name, " and of ", each.name, " (", fieldNames(object), "); ", kKinds);
    kind = &each;
  }
  if (!kind)
    fail(where, ": no kind of line has these fields: ", fieldNames(object), "; ", kKinds);
  for (std::string_view field : kind->fields)
    if (!object.contains(field))
      fail(where, ": ", kind->name, " without \"", field, "\" (it has ", fieldNames(object), "); ", kKinds);
  for (std::string_view field : kUnsupported)
    if (object.contains(field))
      fail(where, ": \"", field,
           "\" would change the text, and is not supported; put what it says into the texts, "
           "or remove it");
  return *kind;
}

static DataLine readLine(std::string_view line, size_t number, const std::string &name) {
  std::string where = lineName(name, number);
  json object = parseLine(line, where);
  if (!object.is_object())
    fail(where, ": is ", shown(object), "; expected an object; ", kKinds);
  const Kind &kind = kindOf(object, where);
  if (&kind == &kinds()[0])
    return {number, readPair(object, where)};
  if (&kind == &kinds()[1])
    return {number, readConversation(object, where)};
  return {number, readQuestion(object, where)};
}

std::vector<DataLine> readDataLines(std::string_view text, const std::string &name) {
  std::vector<DataLine> lines;
  size_t number = 0;
  while (!text.empty()) {
    size_t length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    lines.push_back(readLine(line, number, name));
    if (std::holds_alternative<Question>(lines.back().content) != std::holds_alternative<Question>(lines[0].content))
      fail(lineName(name, number), ": questions (\"choices\") and texts to score in one file (line ", lines[0].number,
           " is of the other kind); the result is either accuracies or a loss, so put them into two files");
  }
  if (lines.empty())
    fail(name, ": has no lines; ", kKinds);
  return lines;
}

} // namespace quipu
