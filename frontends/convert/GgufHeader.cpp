//===- GgufHeader.cpp - The header of a GGUF file, to be written -------------------------===//

#include "frontends/convert/GgufHeader.h"

#include "frontends/gguf/File.h"
#include "runtime/support/RoundUp.h"

namespace quipu::convert {

using frontend::gguf::ValueType;

static constexpr uint32_t kVersion = 3;

template <typename Number> static void append(std::string &to, Number number) {
  to.append(reinterpret_cast<const char *>(&number), sizeof(number));
}

static void appendText(std::string &to, std::string_view text) {
  append(to, uint64_t(text.size()));
  to += text;
}

void GgufHeader::begin(std::string_view key, ValueType type) {
  appendText(keys, key);
  append(keys, uint32_t(type));
  ++keyCount;
}

void GgufHeader::beginArray(std::string_view key, ValueType element, uint64_t count) {
  begin(key, ValueType::array);
  append(keys, uint32_t(element));
  append(keys, count);
}

void GgufHeader::text(std::string_view key, std::string_view value) {
  begin(key, ValueType::string);
  appendText(keys, value);
}

void GgufHeader::integer(std::string_view key, uint32_t value) {
  begin(key, ValueType::u32);
  append(keys, value);
}

void GgufHeader::number(std::string_view key, float value) {
  begin(key, ValueType::f32);
  append(keys, value);
}

void GgufHeader::boolean(std::string_view key, bool value) {
  begin(key, ValueType::boolean);
  append(keys, uint8_t(value));
}

void GgufHeader::texts(std::string_view key, const std::vector<std::string> &values) {
  beginArray(key, ValueType::string, values.size());
  for (const std::string &value : values)
    appendText(keys, value);
}

void GgufHeader::numbers(std::string_view key, const std::vector<float> &values) {
  beginArray(key, ValueType::f32, values.size());
  for (float value : values)
    append(keys, value);
}

void GgufHeader::integers(std::string_view key, const std::vector<int32_t> &values) {
  beginArray(key, ValueType::i32, values.size());
  for (int32_t value : values)
    append(keys, value);
}

void GgufHeader::tensor(std::string_view name, const std::vector<uint64_t> &shape, uint32_t type, uint64_t bytes) {
  appendText(tensors, name);
  append(tensors, uint32_t(shape.size()));
  for (size_t i = shape.size(); i-- > 0;)
    append(tensors, shape[i]);
  append(tensors, type);
  append(tensors, nextOffset);
  nextOffset += roundUp(bytes, kAlignment);
  ++tensorCount;
}

std::string GgufHeader::bytes() const {
  std::string header(frontend::gguf::kMagic);
  append(header, kVersion);
  append(header, tensorCount);
  append(header, keyCount);
  header += keys;
  header += tensors;
  header.resize(roundUp(header.size(), kAlignment));
  return header;
}

} // namespace quipu::convert
