//===- Strings.cpp - What Python's texts can do ------------------------------------------===//

#include "runtime/chat/jinja/Strings.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <cstring>

namespace quipu::jinja {

static bool beginsCharacter(char byte) { return (uint8_t(byte) & 0xc0) != 0x80; }

size_t lengthOf(Run &run, std::string_view text) {
  run.budget.work(text.size());
  return size_t(std::ranges::count_if(text, beginsCharacter));
}

size_t byteOf(Run &run, std::string_view text, size_t character) {
  size_t byte = 0;
  for (; byte < text.size() && character > 0; --character)
    byte += characterLength(text.substr(byte));
  run.budget.work(byte);
  return byte;
}

std::optional<size_t> findText(Run &run, std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size())
    return std::nullopt;
  if (wanted.empty())
    return from;
  // Of the two-way algorithm: std::string_view::find takes the product of both lengths.
  const void *found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  size_t at = found ? size_t(static_cast<const char *>(found) - text.data()) : text.size();
  run.budget.work(at - from + wanted.size());
  return found ? std::optional(at) : std::nullopt;
}

static size_t lastCharacterOf(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && !beginsCharacter(text[at]))
    --at;
  return at;
}

MarkedText stripped(Run &run, const MarkedText &text, std::optional<std::string_view> characters, bool left,
                    bool right) {
  std::string_view bytes = text.bytes();
  auto goes = [&](std::string_view rest) {
    std::string_view character = rest.substr(0, characterLength(rest));
    run.budget.work(1 + (characters ? characters->size() : 0));
    return characters ? characters->find(character) != std::string_view::npos : isPythonSpace(codePointAt(character));
  };
  size_t begin = 0, end = bytes.size();
  while (left && begin < end && goes(bytes.substr(begin)))
    begin += characterLength(bytes.substr(begin));
  while (right && begin < end) {
    size_t last = begin + lastCharacterOf(bytes.substr(begin, end - begin));
    if (!goes(bytes.substr(last)))
      break;
    end = last;
  }
  run.budget.work(end - begin);
  return text.slice(begin, end);
}

MarkedText replaced(Run &run, const MarkedText &text, std::string_view from, const MarkedText &to, int64_t most) {
  MarkedText result;
  size_t open = 0, next = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    std::optional<size_t> found = findText(run, text.bytes(), from, next);
    if (!found)
      break;
    run.append(result, text, open, *found);
    run.append(result, to);
    run.budget.step();
    open = *found + from.size();
    if (open == text.size() && from.empty())
      break;
    // An empty text is found in front of each character.
    next = from.empty() ? open + characterLength(std::string_view(text.bytes()).substr(open)) : open;
  }
  run.append(result, text, open, text.size());
  return result;
}

/// Python's split() at a separator.
static List splitAt(Run &run, const MarkedText &text, std::string_view separator, int64_t most, bool fromRight) {
  std::vector<size_t> cuts;
  for (size_t from = 0; std::optional<size_t> found = findText(run, text.bytes(), separator, from);
       from = *found + separator.size()) {
    if (!fromRight && most >= 0 && cuts.size() == size_t(most))
      break;
    run.budget.step();
    cuts.push_back(*found);
  }
  if (fromRight && most >= 0 && cuts.size() > size_t(most))
    cuts.erase(cuts.begin(), cuts.end() - most);
  List parts;
  size_t open = 0;
  for (size_t cut : cuts) {
    parts.push_back(run.slice(text, open, cut));
    open = cut + separator.size();
  }
  parts.push_back(run.slice(text, open, text.size()));
  return parts;
}

/// Half-open, in bytes.
struct Word {
  size_t begin, end;
};

static std::vector<Word> wordsOf(Run &run, std::string_view text) {
  std::vector<Word> words;
  bool isInside = false;
  run.budget.work(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t length = characterLength(text.substr(at));
    bool isSpace = isPythonSpace(codePointAt(text.substr(at)));
    if (!isSpace && !isInside)
      words.push_back({at, at});
    isInside = !isSpace;
    at += length;
    if (isInside)
      words.back().end = at;
  }
  run.budget.step(words.size());
  return words;
}

static List splitAtSpace(Run &run, const MarkedText &text, int64_t most, bool fromRight) {
  std::vector<Word> words = wordsOf(run, text.bytes());
  if (most >= 0 && words.size() > size_t(most) + 1) {
    if (fromRight) {
      size_t joined = words.size() - size_t(most);
      words[joined - 1].begin = 0;
      words.erase(words.begin(), words.begin() + ptrdiff_t(joined - 1));
    } else {
      words.resize(size_t(most) + 1);
      words.back().end = text.size();
    }
  }
  List parts;
  for (const Word &word : words)
    parts.push_back(run.slice(text, word.begin, word.end));
  return parts;
}

List split(Run &run, const MarkedText &text, std::optional<std::string_view> separator, int64_t most, bool fromRight) {
  if (!separator)
    return splitAtSpace(run, text, most, fromRight);
  if (separator->empty())
    refuse("split() needs a separator that is not empty");
  return splitAt(run, text, *separator, most, fromRight);
}

static bool endsLine(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

List splitLines(Run &run, const MarkedText &text, bool keepEnds) {
  List lines;
  std::string_view bytes = text.bytes();
  size_t open = 0;
  for (size_t at = 0; at < bytes.size();) {
    size_t end = at + characterLength(bytes.substr(at));
    if (endsLine(codePointAt(bytes.substr(at)))) {
      if (bytes.substr(at).starts_with("\r\n"))
        ++end;
      run.budget.step();
      lines.push_back(run.slice(text, open, keepEnds ? end : at));
      open = end;
    }
    at = end;
  }
  run.budget.work(bytes.size());
  if (open < bytes.size())
    lines.push_back(run.slice(text, open, bytes.size()));
  return lines;
}

} // namespace quipu::jinja
