//===- HeadCheck.cpp - Request heads that no two programs read differently ----------------===//

#include "tools/quipu/serve/http/HeadCheck.h"
#include "runtime/support/Number.h"

#include <algorithm>

namespace quipu::serve {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A letter of names and methods: tchar of RFC 9110.
static bool isNameLetter(char c) {
  return isLetter(c) || isDigit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

static bool isName(std::string_view text) { return !text.empty() && std::ranges::all_of(text, isNameLetter); }

/// METHOD SP TARGET SP HTTP/1.x, with one blank each.
static bool isRequestLine(std::string_view line) {
  size_t first = line.find(' ');
  size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos || !isName(line.substr(0, first)) || second == first + 1)
    return false;
  std::string_view target = line.substr(first + 1, second - first - 1), version = line.substr(second + 1);
  // Letters beyond ASCII and quotes belong in percent signs; programs differ in what they make of them.
  auto isTargetLetter = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\'; };
  return std::ranges::all_of(target, isTargetLetter) && version.size() == 8 && version.starts_with("HTTP/") &&
         isDigit(version[5]) && version[6] == '.' && isDigit(version[7]);
}

bool HeadScan::takeLine(std::string_view line) {
  if (isFirstLine) {
    isFirstLine = false;
    if (!isRequestLine(line))
      reason = "the first line is no request line of HTTP/1.1";
  } else if (line.starts_with(' ') || line.starts_with('\t')) {
    reason = "a header field goes on in the next line, which HTTP/1.1 no longer allows";
  } else if (size_t colon = line.find(':'); colon == line.npos || !isName(line.substr(0, colon))) {
    reason = "a header line has no name of letters in front of its colon";
  }
  return reason.empty();
}

size_t HeadScan::scan(std::string_view received) {
  for (; position < received.size() && reason.empty(); ++position) {
    char c = received[position];
    bool isAfterCr = position > lineStart && received[position - 1] == '\r';
    if (c == '\n') {
      if (!isAfterCr) {
        reason = "a header line ends with LF alone";
        break;
      }
      std::string_view line = received.substr(lineStart, position - 1 - lineStart);
      lineStart = position + 1;
      // An empty line before a request is left over from the one before it.
      if (line.empty() && !isFirstLine)
        return position + 1;
      if (!line.empty() && !takeLine(line))
        break;
    } else if (isAfterCr) {
      reason = "a header line has a CR without LF";
    } else if (c == '\0') {
      reason = "the header has a zero byte";
    } else if (((unsigned char)c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
      reason = "the header has a control character";
    }
  }
  return 0;
}

static std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::optional<HeadRefusal> checkFraming(HttpHead &head, bool isHttp10, BodyForm &form) {
  auto count = [&](std::string_view name) {
    return std::ranges::count_if(head.fields, [&](const HttpField &field) { return sameName(field.name, name); });
  };
  auto hosts = count("Host"), lengths = count("Content-Length"), codings = count("Transfer-Encoding");
  if (hosts > 1)
    return HeadRefusal{400, "there is more than one Host"};
  if (hosts == 0 && !isHttp10)
    return HeadRefusal{400, "there is no Host, which HTTP/1.1 requires"};
  if (lengths > 1)
    return HeadRefusal{400, "there is more than one Content-Length"};
  if (codings > 1)
    return HeadRefusal{400, "there is more than one Transfer-Encoding"};
  if (lengths && codings)
    return HeadRefusal{400, "there are both Content-Length and Transfer-Encoding"};
  form = BodyForm::None;
  if (lengths) {
    std::string_view text = trimmed(*head.find("Content-Length"));
    std::optional<uint64_t> bytes;
    if (!text.empty() && std::ranges::all_of(text, isDigit))
      bytes = parseNumber<uint64_t>(std::string(text));
    if (!bytes)
      return HeadRefusal{400, "Content-Length is no number"};
    head.bodyBytes = *bytes;
    form = BodyForm::Length;
  } else if (codings) {
    if (isHttp10)
      return HeadRefusal{400, "HTTP/1.0 has no Transfer-Encoding"};
    if (!sameName(trimmed(*head.find("Transfer-Encoding")), "chunked"))
      return HeadRefusal{501, "Transfer-Encoding is not chunked, the only one that this server reads"};
    form = BodyForm::Chunks;
  }
  if (const std::string *expect = head.find("Expect"); expect && !sameName(trimmed(*expect), "100-continue"))
    return HeadRefusal{417, "Expect is not 100-continue, the only expectation that this server meets"};
  return std::nullopt;
}

std::optional<std::string> pathOf(std::string_view target) {
  if (size_t scheme = target.find("://"); scheme != target.npos && !target.starts_with('/')) {
    if (!sameName(target.substr(0, scheme), "http") && !sameName(target.substr(0, scheme), "https"))
      return std::nullopt;
    target.remove_prefix(scheme + 3);
    target.remove_prefix(std::min(target.find('/'), target.size()));
    if (target.empty())
      target = "/";
  }
  if (target == "*")
    return "*";
  if (!target.starts_with('/'))
    return std::nullopt;
  return std::string(target.substr(0, target.find_first_of("?#")));
}

} // namespace quipu::serve
