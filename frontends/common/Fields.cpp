//===- Fields.cpp - Typed, checked access to the fields of a JSON object -----------------===//

#include "frontends/common/Fields.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <cmath>

using nlohmann::json;

namespace quipu::frontend {

Fields::Fields(const json &object, std::string path, std::string prefix)
    : value(object), filePath(std::move(path)), prefix(std::move(prefix)) {}

const json *Fields::find(std::string_view field) {
  known.emplace(field);
  auto it = value.find(field);
  return it == value.end() || it->is_null() ? nullptr : &*it;
}

std::string Fields::place(std::string_view field) const { return concat(filePath, ": \"", prefix, field, "\""); }

void Fields::fail(std::string_view field, const json &found, std::string_view rest) const {
  quipu::fail(place(field), " is ", shown(found), " but ", rest);
}

void Fields::failMissing(std::string_view field, std::string_view rest) const {
  quipu::fail(place(field), " is missing; ", rest);
}

uint32_t Fields::positive(std::string_view field, uint32_t max) {
  if (std::optional<uint32_t> found = optionalPositive(field, max))
    return *found;
  failMissing(field, concat("it must be an integer from 1 to ", max, "; add it, or export the model again"));
}

std::optional<uint32_t> Fields::optionalInteger(std::string_view field, uint32_t min, uint32_t max) {
  const json *found = find(field);
  if (!found)
    return std::nullopt;
  // The parser stores non-negative integers as unsigned numbers, and integers of more than 64 bits as floats.
  if (found->is_number_unsigned()) {
    uint64_t number = found->get<uint64_t>();
    if (number >= min && number <= max)
      return uint32_t(number);
  }
  fail(field, *found, concat("must be an integer from ", min, " to ", max, "; correct it, or export the model again"));
}

std::optional<double> Fields::optionalNumber(std::string_view field) {
  const json *found = find(field);
  if (!found)
    return std::nullopt;
  if (found->is_number())
    if (double number = found->get<double>(); std::isfinite(number))
      return number;
  fail(field, *found, "must be a number; correct it, or export the model again");
}

bool Fields::boolean(std::string_view field, bool otherwise) {
  const json *found = find(field);
  if (!found)
    return otherwise;
  if (found->is_boolean())
    return found->get<bool>();
  fail(field, *found, "must be true or false; correct it");
}

std::optional<std::string> Fields::optionalString(std::string_view field) {
  const json *found = find(field);
  if (!found)
    return std::nullopt;
  if (found->is_string())
    return found->get<std::string>();
  fail(field, *found, "must be a string; correct it");
}

std::vector<std::string> Fields::unknown() const {
  std::vector<std::string> names;
  for (const auto &item : value.items())
    if (!known.contains(item.key()))
      names.push_back(item.key());
  return names;
}

} // namespace quipu::frontend
