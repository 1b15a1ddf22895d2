//===- ShardName.h - Names of the files of a split model ------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_COMMON_SHARDNAME_H
#define QUIPU_FRONTENDS_COMMON_SHARDNAME_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quipu::frontend {

/// "model-00002-of-00004.safetensors".
struct ShardName {
  std::string stem;
  /// With its dot.
  std::string extension;
  uint32_t number;
  uint32_t count;
  /// Digits that the numbers are padded to.
  size_t width;

  /// Nothing for a name of another form.
  static std::optional<ShardName> parse(std::string_view name, std::string_view extension);
  /// The name of file number `index`, from 1.
  std::string file(uint32_t index) const;
  static std::string padded(uint64_t value, size_t width);
};

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_SHARDNAME_H
