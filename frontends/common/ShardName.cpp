//===- ShardName.cpp - Names of the files of a split model -------------------------------===//

#include "frontends/common/ShardName.h"

#include "runtime/support/Error.h"

#include <charconv>

namespace quipu::frontend {

std::string ShardName::padded(uint64_t value, size_t width) {
  std::string digits = std::to_string(value);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

std::string ShardName::file(uint32_t index) const {
  return concat(stem, "-", padded(index, width), "-of-", padded(count, width), extension);
}

std::optional<ShardName> ShardName::parse(std::string_view name, std::string_view extension) {
  if (!name.ends_with(extension))
    return std::nullopt;
  name.remove_suffix(extension.size());
  size_t of = name.rfind("-of-");
  size_t dash = of == std::string_view::npos || of == 0 ? of : name.rfind('-', of - 1);
  if (dash == std::string_view::npos || dash == of)
    return std::nullopt;
  std::string_view number = name.substr(dash + 1, of - dash - 1), count = name.substr(of + 4);
  ShardName shard = {std::string(name.substr(0, dash)), std::string(extension), 0, 0, number.size()};
  auto read = [](std::string_view text, uint32_t &value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error == std::errc() && end == text.data() + text.size();
  };
  if (!read(number, shard.number) || !read(count, shard.count) || shard.number == 0 || shard.number > shard.count)
    return std::nullopt;
  return shard;
}

} // namespace quipu::frontend
