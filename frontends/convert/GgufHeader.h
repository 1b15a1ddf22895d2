//===- GgufHeader.h - The header of a GGUF file, to be written --------------*- C++ -*-===//
//
// frontends/gguf/File.h says what such a file holds. This one is of version 3.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_CONVERT_GGUFHEADER_H
#define QUIPU_FRONTENDS_CONVERT_GGUFHEADER_H

#include "frontends/gguf/Metadata.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::convert {

class GgufHeader {
public:
  /// Tensors begin at multiples of so many bytes, from the end of the header on.
  static constexpr uint64_t kAlignment = 32;

  void text(std::string_view key, std::string_view value);
  void integer(std::string_view key, uint32_t value);
  void number(std::string_view key, float value);
  void boolean(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string> &values);
  void numbers(std::string_view key, const std::vector<float> &values);
  void integers(std::string_view key, const std::vector<int32_t> &values);

  /// Tensors come in the order in which they are written. `type`: GGUF's number of the format.
  void tensor(std::string_view name, const std::vector<uint64_t> &shape, uint32_t type, uint64_t bytes);

  /// The header, up to the first tensor.
  std::string bytes() const;

private:
  void begin(std::string_view key, frontend::gguf::ValueType type);
  void beginArray(std::string_view key, frontend::gguf::ValueType element, uint64_t count);

  std::string keys, tensors;
  uint64_t keyCount = 0, tensorCount = 0, nextOffset = 0;
};

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_GGUFHEADER_H
