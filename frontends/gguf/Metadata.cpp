//===- Metadata.cpp - The keys and values of a GGUF file ---------------------------------===//

#include "frontends/gguf/Metadata.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <array>
#include <cmath>
#include <iterator>

namespace quipu::frontend::gguf {

/// What the format allows.
static constexpr uint64_t kMaxKeyBytes = 65535;
/// Arrays in arrays: no key that is known has more than one level.
static constexpr unsigned kMaxDepth = 4;

std::string_view name(ValueType type) {
  static constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                "bool", "string", "array", "u64", "i64", "f64"};
  static_assert(std::size(kNames) == kValueTypes);
  return kNames[size_t(type)];
}

/// Bytes of a number; nothing for what has a length of its own.
static std::optional<uint64_t> sizeOf(ValueType type) {
  switch (type) {
  case ValueType::u8:
  case ValueType::i8:
  case ValueType::boolean:
    return 1;
  case ValueType::u16:
  case ValueType::i16:
    return 2;
  case ValueType::u32:
  case ValueType::i32:
  case ValueType::f32:
    return 4;
  case ValueType::u64:
  case ValueType::i64:
  case ValueType::f64:
    return 8;
  case ValueType::string:
  case ValueType::array:
    return std::nullopt;
  }
  __builtin_unreachable();
}

static std::optional<double> numberOf(ValueType type, const uint8_t *bytes) {
  switch (type) {
  case ValueType::u8:
    return *bytes;
  case ValueType::i8:
    return numberAt<int8_t>(bytes);
  case ValueType::u16:
    return numberAt<uint16_t>(bytes);
  case ValueType::i16:
    return numberAt<int16_t>(bytes);
  case ValueType::u32:
    return numberAt<uint32_t>(bytes);
  case ValueType::i32:
    return numberAt<int32_t>(bytes);
  case ValueType::u64:
    return double(numberAt<uint64_t>(bytes));
  case ValueType::i64:
    return double(numberAt<int64_t>(bytes));
  case ValueType::f32:
    return numberAt<float>(bytes);
  case ValueType::f64:
    return numberAt<double>(bytes);
  case ValueType::boolean:
  case ValueType::string:
  case ValueType::array:
    return std::nullopt;
  }
  __builtin_unreachable();
}

static bool isInteger(ValueType type) {
  return type != ValueType::f32 && type != ValueType::f64 && numberOf(type, std::array<uint8_t, 8>{}.data());
}

/// Of an integer's type. Numbers above the largest of i64 are no value of any key.
static std::optional<int64_t> integerOf(ValueType type, const uint8_t *bytes) {
  if (!isInteger(type))
    return std::nullopt;
  if (type == ValueType::i64)
    return numberAt<int64_t>(bytes);
  if (type != ValueType::u64)
    return int64_t(*numberOf(type, bytes));
  auto number = numberAt<uint64_t>(bytes);
  return number <= uint64_t(INT64_MAX) ? std::optional(int64_t(number)) : std::nullopt;
}

std::string shown(const Value &value) {
  if (value.type == ValueType::array)
    return concat("an array of ", value.count, " ", name(value.element));
  if (value.type == ValueType::string)
    return shownText(value.text());
  if (value.type == ValueType::boolean)
    return value.bytes[0] ? "true" : "false";
  if (value.type == ValueType::u64)
    return std::to_string(numberAt<uint64_t>(value.bytes.data()));
  if (std::optional<int64_t> integer = integerOf(value.type, value.bytes.data()))
    return std::to_string(*integer);
  double number = *numberOf(value.type, value.bytes.data());
  // Not to be taken for an integer, which it may have to be.
  return concat(number, number == std::floor(number) ? concat(" (", name(value.type), ")") : "");
}

ValueType Metadata::readType(ByteReader &reader, const char *what, std::string_view key) const {
  auto type = reader.number<uint32_t>(what);
  if (type >= kValueTypes)
    quipu::fail(place(key), " has ", what, " number ", type, ", but the format has 0 to ", kValueTypes - 1,
                "; the file is damaged, get it again");
  return ValueType(type);
}

Value Metadata::readValue(ByteReader &reader, ValueType type, std::string_view key, unsigned depth) const {
  if (std::optional<uint64_t> size = sizeOf(type)) {
    Value value{type, reader.take(*size, "its value")};
    if (type == ValueType::boolean && value.bytes[0] > 1)
      quipu::fail(place(key), " is a bool of the byte ", int(value.bytes[0]),
                  ", but it must be 0 or 1; the file is damaged, get it again");
    return value;
  }
  if (type == ValueType::string) {
    std::string_view text = reader.string("its text");
    return {type, {reinterpret_cast<const uint8_t *>(text.data()), text.size()}};
  }
  if (depth >= kMaxDepth)
    quipu::fail(place(key), " has arrays in arrays more than ", kMaxDepth, " levels deep; the file is damaged");
  Value value{type, {}};
  value.element = readType(reader, "an element type", key);
  value.count = reader.number<uint64_t>("the length of its array");
  uint64_t begin = reader.offset();
  if (std::optional<uint64_t> size = sizeOf(value.element)) {
    // A division, since the product may overflow.
    if (value.count > reader.left() / *size)
      quipu::fail(place(key), " is ", shown(value), ", more than the ", reader.left(),
                  " bytes that follow; the file is truncated or damaged, get it again");
    value.bytes = reader.take(value.count * *size, "its array");
    return value;
  }
  // Each element takes at least the bytes of its length, so a count without end ends with the file.
  const uint8_t *first = file->data() + begin;
  for (uint64_t i = 0; i < value.count; ++i)
    (void)readValue(reader, value.element, key, depth + 1);
  value.bytes = {first, reader.offset() - begin};
  return value;
}

std::string_view Metadata::read(ByteReader &reader, uint64_t index) {
  reader.enter(concat("key number ", index));
  std::string_view key = reader.string("its name");
  if (key.empty() || key.size() > kMaxKeyBytes || firstInvalidByte(key))
    quipu::fail(path(), ": key number ", index, " has a name of ", key.size(), " bytes, but it must be UTF-8 of 1 to ",
                kMaxKeyBytes, " bytes; the file is damaged, get it again");
  reader.enter(concat("key ", shownText(key)));
  ValueType type = readType(reader, "a value type", key);
  auto [entry, isNew] = values.try_emplace(std::string(key));
  if (!isNew)
    quipu::fail(place(key), " is there twice, so its value is not known; the file is damaged, get it again");
  entry->second = readValue(reader, type, key, 0);
  return key;
}

const Value *Metadata::peek(std::string_view key) const {
  auto it = values.find(key);
  return it == values.end() ? nullptr : &it->second;
}

const Value *Metadata::find(std::string_view key) {
  known.emplace(key);
  return peek(key);
}

std::string Metadata::place(std::string_view key) const { return concat(path(), ": key ", shownText(key)); }

void Metadata::fail(std::string_view key, const Value &found, std::string_view rest) const {
  quipu::fail(place(key), " is ", shown(found), " but ", rest);
}

void Metadata::failMissing(std::string_view key, std::string_view rest) const {
  quipu::fail(place(key), " is missing; ", rest);
}

std::optional<uint64_t> Metadata::integer(std::string_view key, uint64_t min, uint64_t max) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> number;
  if (value->type != ValueType::array && value->type != ValueType::string)
    number = integerOf(value->type, value->bytes.data());
  if (!number || *number < 0 || uint64_t(*number) < min || uint64_t(*number) > max)
    fail(key, *value,
         concat("must be an integer from ", min, " to ", max,
                "; the file is damaged, convert the model "
                "again"));
  return uint64_t(*number);
}

std::optional<uint64_t> Metadata::integerOfLayers(std::string_view key, uint64_t min, uint64_t max) {
  const Value *value = peek(key);
  if (!value || value->type != ValueType::array)
    return integer(key, min, max);
  std::vector<int32_t> list = *integers(key);
  for (int32_t number : list) {
    if (number != list.front())
      fail(key, *value,
           concat("it differs from layer to layer (", list.front(), ", ", number,
                  "), which is not supported; use a model with equal layers"));
    if (number < 0 || uint64_t(number) < min || uint64_t(number) > max)
      fail(key, *value, concat("its values must be integers from ", min, " to ", max, "; convert the model again"));
  }
  if (list.empty())
    fail(key, *value, "must not be empty; convert the model again");
  return uint64_t(list.front());
}

std::optional<double> Metadata::number(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number;
  if (value->type != ValueType::array && value->type != ValueType::string)
    number = numberOf(value->type, value->bytes.data());
  if (!number || !std::isfinite(*number))
    fail(key, *value, "must be a finite number; convert the model again");
  return number;
}

std::optional<bool> Metadata::boolean(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->type != ValueType::boolean)
    fail(key, *value, "must be a bool; convert the model again");
  return value->bytes[0] != 0;
}

std::optional<std::string_view> Metadata::string(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->type != ValueType::string)
    fail(key, *value, "must be a string; convert the model again");
  return value->text();
}

std::optional<std::vector<std::string_view>> Metadata::strings(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->type != ValueType::array || value->element != ValueType::string)
    fail(key, *value, "must be an array of strings; convert the model again");
  std::vector<std::string_view> texts;
  texts.reserve(value->count);
  ByteReader reader(value->bytes, path());
  for (uint64_t i = 0; i < value->count; ++i)
    texts.push_back(reader.string("an element"));
  return texts;
}

std::optional<std::vector<float>> Metadata::floats(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->type != ValueType::array || value->element != ValueType::f32)
    fail(key, *value, "must be an array of f32; convert the model again");
  std::vector<float> numbers(value->count);
  if (!numbers.empty())
    memcpy(numbers.data(), value->bytes.data(), value->bytes.size());
  return numbers;
}

std::optional<std::vector<int32_t>> Metadata::integers(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->type != ValueType::array || !isInteger(value->element))
    fail(key, *value, "must be an array of integers; convert the model again");
  std::vector<int32_t> numbers;
  numbers.reserve(value->count);
  for (uint64_t i = 0, size = *sizeOf(value->element); i < value->count; ++i) {
    std::optional<int64_t> number = integerOf(value->element, value->bytes.data() + i * size);
    if (!number || *number < INT32_MIN || *number > INT32_MAX)
      fail(key, *value, concat("its element ", i, " is no integer of 32 bits; convert the model again"));
    numbers.push_back(int32_t(*number));
  }
  return numbers;
}

std::vector<std::string> Metadata::unknown() const {
  std::vector<std::string> keys;
  for (const auto &[key, value] : values)
    if (!known.contains(key))
      keys.push_back(key);
  return keys;
}

} // namespace quipu::frontend::gguf
