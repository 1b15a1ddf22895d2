//===- Regex.h - Regular expressions of tokenizers -----------------*- C++ -*-===//
//
// Files of tokenizers hold regular expressions in the syntax of Oniguruma, which Hugging Face uses. They are run by
// PCRE2 with Unicode's properties. Where the two read an expression differently, it is translated (\s, which is
// White_Space there; ^ and $, which are at every line) or refused.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_REGEX_H
#define QUIPU_RUNTIME_SUPPORT_REGEX_H

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// A place in a text: bytes from `begin` to `end`.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

class Regex {
public:
  /// Throws Error that begins with `name` when `pattern` is no regular expression, or has what is not supported.
  Regex(std::string_view pattern, std::string name);
  ~Regex();
  Regex(Regex &&) noexcept;
  Regex &operator=(Regex &&) noexcept;

  /// Finds places in one text, from left to right. Many may run at a time, each in its own thread.
  class Search {
  public:
    /// `text` must be valid UTF-8.
    Search(const Regex &regex, std::string_view text);
    ~Search();
    Search(const Search &) = delete;
    Search &operator=(const Search &) = delete;

    /// The next place that does not overlap those before; nothing at the end. Throws Error when looking for it takes
    /// too many steps.
    std::optional<TextRange> next();

  private:
    struct Memory;
    const Regex &regex;
    std::string_view text;
    size_t at = 0;
    bool isDone = false;
  };

private:
  struct Code;
  std::unique_ptr<Code> code;
  std::string name;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_REGEX_H
