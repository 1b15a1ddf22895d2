//===- Metadata.h - The keys and values of a GGUF file ----------------*- C++ -*-===//
//
// Values stay where they lie in the mapped file: a vocabulary has megabytes. Every accessor returns a value that has
// been checked, or nothing where there is no such key, or throws quipu::Error with the file, the key, what was found
// and what must be there.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GGUF_METADATA_H
#define QUIPU_FRONTENDS_GGUF_METADATA_H

#include "frontends/gguf/ByteReader.h"
#include "runtime/support/MappedFile.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::frontend::gguf {

/// The types of values; the numbers are those of the format.
enum class ValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
inline constexpr uint32_t kValueTypes = 13;
/// "u32", "bool", "string".
std::string_view name(ValueType type);

/// A value, as a view of the file.
struct Value {
  ValueType type;
  /// A number's bytes, a string's text, or the elements of an array one behind the other.
  std::span<const uint8_t> bytes;
  /// Of an array.
  ValueType element = ValueType::u8;
  uint64_t count = 0;

  std::string_view text() const { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }
};

/// A value as a message shows it: "12", "\"gemma\"", "an array of 32000 string".
std::string shown(const Value &value);

class Metadata {
public:
  /// `file` holds the values.
  explicit Metadata(std::shared_ptr<MappedFile> file) : file(std::move(file)) {}

  /// Reads a key and its value, and returns the key. Throws quipu::Error: a key twice, a type that there is not, an
  /// array that the file does not hold.
  std::string_view read(ByteReader &reader, uint64_t index);

  /// The value, or null. Marks the key as known.
  const Value *find(std::string_view key);
  /// The same without the mark.
  const Value *peek(std::string_view key) const;

  /// An integer of any type in [min, max].
  std::optional<uint64_t> integer(std::string_view key, uint64_t min, uint64_t max);
  /// The same where files may have an array with a value for each layer: these must all be equal.
  std::optional<uint64_t> integerOfLayers(std::string_view key, uint64_t min, uint64_t max);
  /// A finite number, also an integer.
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string_view> string(std::string_view key);
  /// Arrays. The texts are views of the file.
  std::optional<std::vector<std::string_view>> strings(std::string_view key);
  std::optional<std::vector<float>> floats(std::string_view key);
  std::optional<std::vector<int32_t>> integers(std::string_view key);

  /// Throws: `key` has the value `found`; `rest` says what must be and what to do ("must be ...; ...").
  [[noreturn]] void fail(std::string_view key, const Value &found, std::string_view rest) const;
  /// Throws: `key` is missing.
  [[noreturn]] void failMissing(std::string_view key, std::string_view rest) const;
  /// "model.gguf: key \"general.name\"": how messages begin.
  std::string place(std::string_view key) const;

  const std::string &path() const { return file->path(); }
  const std::map<std::string, Value, std::less<>> &all() const { return values; }
  /// Keys that no accessor has asked for, in the order of their names.
  std::vector<std::string> unknown() const;

private:
  Value readValue(ByteReader &reader, ValueType type, std::string_view key, unsigned depth) const;
  ValueType readType(ByteReader &reader, const char *what, std::string_view key) const;

  std::shared_ptr<MappedFile> file;
  std::map<std::string, Value, std::less<>> values;
  std::set<std::string, std::less<>> known;
};

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_METADATA_H
