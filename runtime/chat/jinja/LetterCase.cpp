//===- LetterCase.cpp - Upper and lower case, and kinds of characters --------------------===//

#include "runtime/chat/jinja/Strings.h"
#include "runtime/support/Utf8.h"

#include <utf8proc.h>

namespace quipu::jinja {

/// What a character becomes.
enum class Change { upper, lower, title };

static void appendChanged(MarkedText &out, char32_t c, Change change, TextMarks marks) {
  constexpr char32_t kSharpS = 0xdf;
  if (c == kSharpS && change != Change::lower)
    return out.append(change == Change::upper ? "SS" : "Ss", marks);
  auto code = utf8proc_int32_t(c);
  code = change == Change::upper   ? utf8proc_toupper(code)
         : change == Change::lower ? utf8proc_tolower(code)
                                   : utf8proc_totitle(code);
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t length = utf8proc_encode_char(code, bytes);
  out.append(std::string_view(reinterpret_cast<const char *>(bytes), size_t(length)), marks);
}

/// Calls `change` for each character, with the number of its first byte, to learn what it becomes.
template <typename ChangeOf> static MarkedText changed(Run &run, const MarkedText &text, ChangeOf changeOf) {
  MarkedText result;
  std::string_view bytes = text.bytes();
  run.budget.work(4 * bytes.size());
  for (const MarkedText::Run &part : text.runs())
    for (size_t at = part.begin; at < part.end; at += characterLength(bytes.substr(at))) {
      char32_t c = codePointAt(bytes.substr(at));
      appendChanged(result, c, changeOf(c, at), part.marks);
    }
  run.budget.length(result.size());
  return result;
}

static bool isCased(char32_t c) {
  auto code = utf8proc_int32_t(c);
  utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT ||
         utf8proc_toupper(code) != code || utf8proc_tolower(code) != code;
}

MarkedText inCase(Run &run, const MarkedText &text, Case form) {
  bool followsLetter = false;
  return changed(run, text, [&](char32_t c, size_t at) {
    switch (form) {
    case Case::upper:
      return Change::upper;
    case Case::lower:
      return Change::lower;
    case Case::capitalize:
      return at == 0 ? Change::title : Change::lower;
    case Case::title:
      break;
    }
    Change change = followsLetter ? Change::lower : Change::title;
    followsLetter = isCased(c);
    return change;
  });
}

MarkedText filterTitle(Run &run, const MarkedText &text) {
  bool isFirst = true;
  return changed(run, text, [&](char32_t c, size_t) {
    Change change = isFirst ? Change::upper : Change::lower;
    isFirst = isPythonSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    return change;
  });
}

static bool isOfKind(char32_t c, CharacterKind kind) {
  if (kind == CharacterKind::space)
    return isPythonSpace(c);
  utf8proc_category_t category = utf8proc_category(utf8proc_int32_t(c));
  bool isLetter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
  if (kind == CharacterKind::digit)
    return category == UTF8PROC_CATEGORY_ND;
  // Python counts fractions and Roman numbers too.
  bool isNumber = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
  return isLetter || (isNumber && kind == CharacterKind::letterOrDigit);
}

bool areAll(Run &run, std::string_view text, CharacterKind kind) {
  run.budget.work(text.size());
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(characterLength(rest)))
    if (!isOfKind(codePointAt(rest), kind))
      return false;
  return !text.empty();
}

int64_t countWords(Run &run, std::string_view text) {
  run.budget.work(text.size());
  int64_t count = 0;
  bool isInWord = false;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(characterLength(rest))) {
    char32_t c = codePointAt(rest);
    bool isOfWord = c == '_' || isOfKind(c, CharacterKind::letterOrDigit);
    count += isOfWord && !isInWord;
    isInWord = isOfWord;
  }
  return count;
}

bool isInCase(Run &run, std::string_view text, bool upper) {
  run.budget.work(text.size());
  bool hasLetter = false;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(characterLength(rest))) {
    char32_t c = codePointAt(rest);
    utf8proc_category_t category = utf8proc_category(utf8proc_int32_t(c));
    bool isUpper = category == UTF8PROC_CATEGORY_LU, isLower = category == UTF8PROC_CATEGORY_LL;
    if (category == UTF8PROC_CATEGORY_LT || (upper ? isLower : isUpper))
      return false;
    hasLetter |= isUpper || isLower;
  }
  return hasLetter;
}

} // namespace quipu::jinja
