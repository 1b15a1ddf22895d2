//===- Fields.h - Typed, checked access to the fields of a JSON object -*- C++ -*-===//
//
// Every accessor either returns a value that has been checked or throws quipu::Error with the file, the field, what was
// found, what is supported and what to do. A JSON null counts as absent, as it does for transformers.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_FIELDS_H
#define QUIPU_FRONTENDS_COMMON_FIELDS_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend {

class Fields {
public:
  /// `object` must be a JSON object and outlive this. `prefix` stands before field names in messages
  /// ("rope_scaling.").
  Fields(const nlohmann::json &object, std::string path, std::string prefix = "");

  /// The value of the field. Null if it is absent or JSON null. Marks the field as known.
  const nlohmann::json *find(std::string_view field);

  /// An integer in [1, max].
  uint32_t positive(std::string_view field, uint32_t max);
  std::optional<uint32_t> optionalPositive(std::string_view field, uint32_t max) {
    return optionalInteger(field, 1, max);
  }
  /// An integer in [min, max].
  std::optional<uint32_t> optionalInteger(std::string_view field, uint32_t min, uint32_t max);
  /// A finite number; it need not be an integer.
  std::optional<double> optionalNumber(std::string_view field);
  bool boolean(std::string_view field, bool otherwise);
  std::optional<std::string> optionalString(std::string_view field);

  /// Throws the Error that `field` is `found`. `rest` says what is expected and what to do ("must be ...; ...").
  [[noreturn]] void fail(std::string_view field, const nlohmann::json &found, std::string_view rest) const;
  /// Throws the Error that `field` is missing.
  [[noreturn]] void failMissing(std::string_view field, std::string_view rest) const;

  /// "config.json: "hidden_size"": how messages begin.
  std::string place(std::string_view field) const;

  const std::string &path() const { return filePath; }
  const nlohmann::json &object() const { return value; }

  /// Fields that no accessor has asked for, in the order of their names.
  std::vector<std::string> unknown() const;

private:
  const nlohmann::json &value;
  std::string filePath;
  std::string prefix;
  std::set<std::string, std::less<>> known;
};

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_FIELDS_H
