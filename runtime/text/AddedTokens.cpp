//===- AddedTokens.cpp - Tokens that are found in a text as they are ---------------------===//

#include "runtime/text/AddedTokens.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/UnicodeNormal.h"

#include <algorithm>
#include <functional>

namespace quipu {

void AddedTokens::add(std::string text, const AddedToken *token) {
  std::vector<size_t> &of = lengths[uint8_t(text.front())];
  if (std::ranges::find(of, text.size()) == of.end()) {
    of.push_back(text.size());
    std::ranges::sort(of, std::greater<>());
  }
  byText.emplace(std::move(text), token);
}

const AddedToken *AddedTokens::longestAt(std::string_view text, size_t at, const TokenPlaces *places,
                                         size_t &length) const {
  for (size_t each : lengths[uint8_t(text[at])]) {
    if (each > text.size() - at)
      continue;
    auto found = byText.find(text.substr(at, each));
    if (found != byText.end() && (!places || (*places)(found->second->id, at, at + each))) {
      length = each;
      return found->second;
    }
  }
  return nullptr;
}

/// Letters, digits and underscore; beyond ASCII all but white space, punctuation (U+2010 to U+2BFF, U+3001 to U+303F)
/// and the signs of Latin 1.
static bool isWord(char32_t c) {
  if (c < 0x80)
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  return !isWhiteSpace(c) && !(c < 0xc0 && c != 0xaa && c != 0xb5 && c != 0xba) && !(c >= 0x2010 && c <= 0x2bff) &&
         !(c >= 0x3001 && c <= 0x303f);
}

/// Begins of characters: every byte but those that continue one.
static size_t lastCharacter(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (uint8_t(text[at]) & 0xc0) == 0x80)
    --at;
  return at;
}

/// Where the white space at the end of `text` begins.
static size_t leftOfSpace(std::string_view text) {
  for (size_t last; !text.empty() && isWhiteSpace(codePointAt(text.substr(last = lastCharacter(text))));)
    text = text.substr(0, last);
  return text.size();
}

/// Where the white space at the beginning of `text` ends.
static size_t rightOfSpace(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && isWhiteSpace(codePointAt(text.substr(end))))
    end += characterLength(text.substr(end));
  return end;
}

/// Whether the place from `begin` to `end` lies inside of a word.
static bool isInWord(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && isWord(codePointAt(text.substr(lastCharacter(text.substr(0, begin)))))) ||
         (end < text.size() && isWord(codePointAt(text.substr(end))));
}

std::vector<TextPart> AddedTokens::split(std::string_view text, const TokenPlaces *places) const {
  std::vector<TextPart> parts;
  // Where the part that is open begins.
  size_t open = 0;
  auto close = [&](size_t end) {
    if (end > open)
      parts.push_back({text.substr(open, end - open)});
  };
  for (size_t at = 0; !empty() && at < text.size();) {
    size_t length = 0;
    const AddedToken *token = longestAt(text, at, places, length);
    if (!token) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + length;
    if (token->singleWord && isInWord(text, begin, end)) {
      at = end;
      continue;
    }
    if (token->lstrip)
      begin = open + leftOfSpace(text.substr(open, begin - open));
    if (token->rstrip)
      end += rightOfSpace(text.substr(end));
    close(begin);
    parts.push_back({text.substr(begin, end - begin), token});
    open = at = end;
  }
  close(text.size());
  return parts;
}

} // namespace quipu
