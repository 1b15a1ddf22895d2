//===- FieldOrigin.h - Where the fields of a config stand ----------*- C++ -*-===//
//
// Every format has its own names for the fields of a config. Locations of ops, and `quipu inspect --origin`, go by
// those of Hugging Face and say what the file calls them. Part of QuipuConfig.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_FIELDORIGIN_H
#define QUIPU_FRONTENDS_COMMON_FIELDORIGIN_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quipu::frontend {

struct ModelConfig;

/// Where the value of a field comes from.
struct FieldOrigin {
  /// Hugging Face's name: "num_key_value_heads".
  std::string name;
  /// What the file calls it. Empty: the same.
  std::string key;
  std::string file;
  /// From 1. 0: the file has no lines, or not this field.
  uint32_t line = 0;
  /// Where the value comes from, if the file does not have it: "= num_attention_heads".
  std::string reason;
};

/// A name of Hugging Face, and a key of a file that holds the value.
struct FieldKey {
  std::string_view name;
  std::string key;
};

/// Writes where each field of `keys` stands into `config.origins`. Of several keys of one name the first counts that
/// the file has. `lineOf`: the line of a key, 0 if the file has no lines, nothing if it has not the key. What the notes
/// of `config` say of a missing key is the reason; `otherwise` is the reason of the rest.
void traceFields(ModelConfig &config, const std::string &file, std::span<const FieldKey> keys,
                 const std::function<std::optional<uint32_t>(const std::string &key)> &lineOf,
                 const std::string &otherwise);

/// The line of each key in a JSON text that was parsed before. Keys in objects have those around them in front:
/// "rope_parameters.rope_theta".
std::map<std::string, uint32_t> linesOfKeys(std::string_view json);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_FIELDORIGIN_H
