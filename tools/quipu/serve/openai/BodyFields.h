//===- BodyFields.h - Checked access to the fields of a request ---------------*- C++ -*-===//
//
// A field that is not read would change the answer without a word. So each field is read, or accepted by name because
// it changes nothing, or refused by name. A JSON null counts as absent, as for OpenAI.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_BODYFIELDS_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_BODYFIELDS_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::serve {

/// The JSON of a body. Throws ApiError.
nlohmann::json parseBody(std::string_view body);

/// Every function throws ApiError that names the field.
class BodyFields {
public:
  /// `object` must outlive this. `prefix` stands before names in messages ("stream_options.").
  explicit BodyFields(const nlohmann::json &object, std::string prefix = "");

  /// Null if it is absent or null. The field counts as known.
  const nlohmann::json *find(std::string_view field);

  std::optional<int64_t> integer(std::string_view field, int64_t least, int64_t most);
  std::optional<double> number(std::string_view field, double least, double most);
  bool boolean(std::string_view field, bool otherwise);
  std::optional<std::string> text(std::string_view field);

  /// Fields that change nothing here.
  void ignore(std::initializer_list<std::string_view> fields);
  /// A field that may be there with a value that asks for nothing (false, "", [], {}, or `neutral`); any other is
  /// refused: "tools is not supported" and `reason`.
  void refuse(std::string_view field, std::string_view reason, const nlohmann::json &neutral = nullptr);
  /// Refuses the fields that nothing has asked for.
  void requireKnown() const;

  /// Throws that the field is wrong: "max_tokens is "x"; expected " and so on.
  [[noreturn]] void fail(std::string_view field, const nlohmann::json &found, std::string_view expected) const;
  [[noreturn]] void failMissing(std::string_view field, std::string_view expected) const;

private:
  const nlohmann::json &object;
  std::string prefix;
  std::set<std::string, std::less<>> known;
};

/// A text, or a list of at most `most` texts. An empty list if the field is absent.
std::vector<std::string> readTexts(BodyFields &fields, std::string_view field, size_t most);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_BODYFIELDS_H
