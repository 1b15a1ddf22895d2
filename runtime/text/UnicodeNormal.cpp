//===- UnicodeNormal.cpp - Unicode's normal forms -----------------------------------------------===//

#include "runtime/text/UnicodeNormal.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>
#include <vector>

namespace quipu {

static bool isAscii(char c) { return uint8_t(c) < 0x80; }

static void append(std::string &out, utf8proc_int32_t c) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  utf8proc_ssize_t length = utf8proc_encode_char(c, bytes.data());
  out.append(reinterpret_cast<const char *>(bytes.data()), size_t(length));
}

using Characters = std::vector<utf8proc_int32_t>;

/// Puts marks that follow each other into the order of their combining classes. utf8proc's own sorting moves each mark
/// by single steps, which takes hours for a million of them.
static void orderMarks(Characters &characters) {
  struct Mark {
    utf8proc_propval_t combiningClass;
    size_t place;
    utf8proc_int32_t character;
    bool operator<(const Mark &other) const {
      return std::tie(combiningClass, place) < std::tie(other.combiningClass, other.place);
    }
  };
  std::vector<Mark> marks;
  for (size_t at = 0; at <= characters.size(); ++at) {
    utf8proc_propval_t combiningClass =
        at < characters.size() ? utf8proc_get_property(characters[at])->combining_class : 0;
    if (combiningClass != 0) {
      marks.push_back({combiningClass, at, characters[at]});
      continue;
    }
    std::ranges::sort(marks, std::less<>());
    for (size_t i = 0; i < marks.size(); ++i)
      characters[at - marks.size() + i] = marks[i].character;
    marks.clear();
  }
}

/// Joins characters with the marks behind them.
static void compose(Characters &characters, int options) {
  // utf8proc 2.8 takes this one for the last part of a Hangul syllable and drops it. It joins nothing, so what lies in
  // front of it is composed by itself.
  constexpr utf8proc_int32_t kNoFinalConsonant = 0x11a7;
  Characters composed;
  for (auto begin = characters.begin(); begin != characters.end();) {
    auto end = std::find(begin + 1, characters.end(), kNoFinalConsonant);
    utf8proc_ssize_t count =
        utf8proc_normalize_utf32(&*begin, end - begin, utf8proc_option_t(options | UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    composed.insert(composed.end(), begin, begin + std::max<utf8proc_ssize_t>(count, 0));
    begin = end;
  }
  characters = std::move(composed);
}

static void normalise(std::string_view text, NormalForm form, std::string &out) {
  int options = UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd)
    options |= UTF8PROC_COMPAT;
  Characters characters;
  // U+FDFA becomes 18 characters, more than any other.
  std::array<utf8proc_int32_t, 32> parts{};
  for (; !text.empty(); text.remove_prefix(characterLength(text))) {
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(utf8proc_int32_t(codePointAt(text)), parts.data(), parts.size(),
                                                     utf8proc_option_t(options), &boundary);
    if (count < 0 || size_t(count) > parts.size())
      fail("the text cannot be normalised: ", utf8proc_errmsg(count));
    characters.insert(characters.end(), parts.begin(), parts.begin() + count);
  }
  orderMarks(characters);
  if (form == NormalForm::nfc || form == NormalForm::nfkc)
    compose(characters, options);
  for (utf8proc_int32_t c : characters)
    append(out, c);
}

std::string normalForm(std::string_view text, NormalForm form) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t other = 0;
    while (other < text.size() && isAscii(text[other]))
      ++other;
    if (other == text.size()) {
      out += text;
      break;
    }
    // Marks may join the ASCII character in front of them; no ASCII character joins what is in front of it.
    size_t begin = other == 0 ? 0 : other - 1;
    size_t end = other;
    while (end < text.size() && !isAscii(text[end]))
      ++end;
    out += text.substr(0, begin);
    normalise(text.substr(begin, end - begin), form, out);
    text.remove_prefix(end);
  }
  return out;
}

std::string lowerCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (; !text.empty(); text.remove_prefix(characterLength(text))) {
    char32_t c = codePointAt(text);
    // The only character whose lower case is two: i with a dot above.
    if (c == 0x130)
      out += "i\u0307";
    else
      append(out, utf8proc_tolower(utf8proc_int32_t(c)));
  }
  return out;
}

bool isWhiteSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

} // namespace quipu
