//===- Number.h - Numbers that people write ----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_NUMBER_H
#define QUIPU_RUNTIME_SUPPORT_NUMBER_H

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace quipu {

/// The number that the whole text spells. Nothing if the text is not a number, or the type cannot hold it. A whole
/// number is written as decimal digits, with a minus in front if it is negative. Blanks, a plus, leading zeros, 0x and
/// exponents are refused, because they mean different things to different programs. Other numbers may have a point and
/// an exponent. Infinity and NaN are refused.
template <typename Number> std::optional<Number> parseNumber(std::string_view text) {
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0' && isDigit(digits[1])))
    return std::nullopt;
  if constexpr (std::floating_point<Number>) {
    // "nan", "inf".
    if (!isDigit(digits[0]) && digits[0] != '.')
      return std::nullopt;
  } else if (text == "-0") {
    return std::nullopt;
  }
  Number value{};
  const char *end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end)
    return std::nullopt;
  return value;
}

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_NUMBER_H
