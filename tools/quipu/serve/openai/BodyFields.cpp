//===- BodyFields.cpp - Checked access to the fields of a request -------------------------===//

#include "tools/quipu/serve/openai/BodyFields.h"
#include "frontends/common/Json.h"
#include "runtime/support/Error.h"
#include "tools/quipu/serve/openai/ApiError.h"

#include <cmath>

using nlohmann::json;

namespace quipu::serve {

json parseBody(std::string_view body) {
  try {
    json value = frontend::parseJson(body, "the body", "send it anew");
    if (!value.is_object())
      throw ApiError(400, "the body is " + frontend::shown(value) + "; expected a JSON object");
    return value;
  } catch (const Error &error) {
    throw ApiError(400, error.what(), "", "invalid_json");
  }
}

BodyFields::BodyFields(const json &object, std::string prefix) : object(object), prefix(std::move(prefix)) {}

const json *BodyFields::find(std::string_view field) {
  known.emplace(field);
  auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

void BodyFields::fail(std::string_view field, const json &found, std::string_view expected) const {
  std::string name = concat(prefix, field);
  throw ApiError(400, concat(name, " is ", frontend::shown(found), "; expected ", expected), name);
}

void BodyFields::failMissing(std::string_view field, std::string_view expected) const {
  std::string name = concat(prefix, field);
  throw ApiError(400, concat(name, " is missing; expected ", expected), name);
}

std::optional<int64_t> BodyFields::integer(std::string_view field, int64_t least, int64_t most) {
  const json *value = find(field);
  if (!value)
    return std::nullopt;
  bool isTooLarge = value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX);
  if (!value->is_number_integer() || isTooLarge || value->get<int64_t>() < least || value->get<int64_t>() > most)
    fail(field, *value,
         most == INT64_MAX ? concat("a whole number from ", least)
                           : concat("a whole number from ", least, " to ", most));
  return value->get<int64_t>();
}

std::optional<double> BodyFields::number(std::string_view field, double least, double most) {
  const json *value = find(field);
  if (!value)
    return std::nullopt;
  if (!value->is_number() || !(value->get<double>() >= least && value->get<double>() <= most))
    fail(field, *value,
         std::isinf(most) ? concat("a number from ", least) : concat("a number from ", least, " to ", most));
  return value->get<double>();
}

bool BodyFields::boolean(std::string_view field, bool otherwise) {
  const json *value = find(field);
  if (!value)
    return otherwise;
  if (!value->is_boolean())
    fail(field, *value, "true or false");
  return value->get<bool>();
}

std::optional<std::string> BodyFields::text(std::string_view field) {
  const json *value = find(field);
  if (!value)
    return std::nullopt;
  if (!value->is_string())
    fail(field, *value, "a text");
  return value->get<std::string>();
}

void BodyFields::ignore(std::initializer_list<std::string_view> fields) {
  for (std::string_view field : fields)
    known.emplace(field);
}

void BodyFields::refuse(std::string_view field, std::string_view reason, const json &neutral) {
  const json *value = find(field);
  if (!value || *value == neutral || *value == false)
    return;
  if (value->is_string() ? value->get_ref<const std::string &>().empty() : value->is_structured() && value->empty())
    return;
  std::string name = concat(prefix, field);
  throw ApiError(400, concat(name, " is not supported: ", reason), name, "unsupported_parameter");
}

void BodyFields::requireKnown() const {
  for (const auto &[name, value] : object.items())
    if (!value.is_null() && !known.contains(name)) {
      std::string shown = prefix + name;
      throw ApiError(400,
                     concat("unknown field ", frontend::shownText(shown),
                            "; leave it out, as this server would answer as if it were not there"),
                     shown.size() <= 100 ? shown : "", "unknown_parameter");
    }
}

std::vector<std::string> readTexts(BodyFields &fields, std::string_view field, size_t most) {
  const json *value = fields.find(field);
  std::vector<std::string> texts;
  if (!value)
    return texts;
  std::string expected = concat("a text, or a list of at most ", most, " texts");
  if (value->is_string())
    return {value->get<std::string>()};
  if (!value->is_array() || value->size() > most)
    fields.fail(field, *value, expected);
  for (const json &item : *value) {
    if (!item.is_string())
      fields.fail(field, *value, expected);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

} // namespace quipu::serve
