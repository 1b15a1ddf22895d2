//===- AddedTokens.cpp - Tokens that are found in a text as they are ---------------------===//

#include "runtime/text/AddedTokens.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <functional>

namespace quipu {

AddedTokens::AddedTokens(const std::vector<const AddedToken *> &tokens) {
  for (const AddedToken *token : tokens) {
    size_t pass = token->normalized ? 1 : 0;
    byContent[pass].emplace(token->content, token);
    std::vector<size_t> &of = lengths[pass][uint8_t(token->content.front())];
    if (std::ranges::find(of, token->content.size()) == of.end())
      of.push_back(token->content.size());
  }
  for (auto &pass : lengths)
    for (std::vector<size_t> &of : pass)
      std::ranges::sort(of, std::greater<>());
}

std::vector<TextPart> AddedTokens::split(std::string_view text) const {
  std::vector<TextPart> first, parts;
  splitInto(text, 0, first);
  for (const TextPart &part : first) {
    if (part.token)
      parts.push_back(part);
    else
      splitInto(part.text, 1, parts);
  }
  return parts;
}

const AddedToken *AddedTokens::longestAt(std::string_view rest, size_t pass) const {
  for (size_t length : lengths[pass][uint8_t(rest.front())])
    if (length <= rest.size())
      if (auto found = byContent[pass].find(rest.substr(0, length)); found != byContent[pass].end())
        return found->second;
  return nullptr;
}

/// U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000 and those of ASCII.
static bool isSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Letters, digits and underscore; beyond ASCII all but white space, punctuation (U+2010 to U+2BFF, U+3001 to U+303F)
/// and the signs of Latin 1.
static bool isWord(char32_t c) {
  if (c < 0x80)
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  return !isSpace(c) && !(c < 0xc0 && c != 0xaa && c != 0xb5 && c != 0xba) && !(c >= 0x2010 && c <= 0x2bff) &&
         !(c >= 0x3001 && c <= 0x303f);
}

/// Begins of characters: every byte but those that continue one.
static size_t lastCharacter(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (uint8_t(text[at]) & 0xc0) == 0x80)
    --at;
  return at;
}

void AddedTokens::splitInto(std::string_view text, size_t pass, std::vector<TextPart> &parts) const {
  // Where the part that is open begins.
  size_t open = 0;
  auto close = [&](size_t end) {
    if (end > open)
      parts.push_back({text.substr(open, end - open)});
  };
  for (size_t at = 0; !byContent[pass].empty() && at < text.size();) {
    const AddedToken *token = longestAt(text.substr(at), pass);
    if (!token) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    std::string_view before = text.substr(open, begin - open), after = text.substr(end);
    if (token->singleWord && ((begin > 0 && isWord(codePointAt(text.substr(lastCharacter(text.substr(0, begin)))))) ||
                              (!after.empty() && isWord(codePointAt(after))))) {
      at = end;
      continue;
    }
    if (token->lstrip)
      for (size_t last; !before.empty() && isSpace(codePointAt(before.substr(last = lastCharacter(before))));
           begin = open + last)
        before = before.substr(0, last);
    if (token->rstrip)
      for (; !after.empty() && isSpace(codePointAt(after)); after = text.substr(end)) {
        size_t next = 1;
        while (next < after.size() && (uint8_t(after[next]) & 0xc0) == 0x80)
          ++next;
        end += next;
      }
    close(begin);
    parts.push_back({text.substr(begin, end - begin), token});
    open = at = end;
  }
  close(text.size());
}

} // namespace quipu
