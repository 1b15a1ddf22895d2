//===- MarkedText.cpp - A text that knows where its bytes come from ----------------------===//

#include "runtime/chat/MarkedText.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/UnicodeNormal.h"

#include <algorithm>

namespace quipu {

MarkedText::MarkedText(std::string given, TextMarks marks) : text(std::move(given)) {
  if (!text.empty())
    ends.push_back({text.size(), marks});
}

void MarkedText::appendRun(size_t length, TextMarks marks) {
  if (length == 0)
    return;
  size_t begin = ends.empty() ? 0 : ends.back().end;
  if (!ends.empty() && ends.back().marks == marks)
    ends.back().end += length;
  else
    ends.push_back({begin + length, marks});
}

void MarkedText::append(std::string_view more, TextMarks marks) {
  text += more;
  appendRun(more.size(), marks);
}

void MarkedText::append(const MarkedText &more) { append(more, 0, more.size()); }

void MarkedText::append(const MarkedText &from, size_t begin, size_t end) {
  if (begin >= end)
    return;
  // The other text may be this one, so its runs are copied before they change.
  std::vector<RunEnd> others(from.ends.begin() + ptrdiff_t(from.runAt(begin)), from.ends.end());
  text += std::string(from.text, begin, end - begin);
  for (const RunEnd &run : others) {
    if (begin >= end)
      break;
    size_t runEnd = std::min(run.end, end);
    appendRun(runEnd - begin, run.marks);
    begin = runEnd;
  }
}

MarkedText MarkedText::slice(size_t begin, size_t end) const {
  MarkedText result;
  result.append(*this, begin, end);
  return result;
}

size_t MarkedText::runAt(size_t byte) const {
  auto found = std::ranges::upper_bound(ends, byte, std::ranges::less(), [](const RunEnd &run) { return run.end; });
  return size_t(found - ends.begin());
}

TextMarks MarkedText::marksAt(size_t byte) const { return ends[runAt(byte)].marks; }

void MarkedText::mark(size_t begin, size_t end, TextMarks marks) {
  std::vector<Run> before = runs();
  ends.clear();
  for (const Run &run : before) {
    size_t first = std::clamp(begin, run.begin, run.end), last = std::clamp(end, first, run.end);
    appendRun(first - run.begin, run.marks);
    appendRun(last - first, run.marks | marks);
    appendRun(run.end - last, run.marks);
  }
}

std::vector<MarkedText::Run> MarkedText::runs() const {
  std::vector<Run> result;
  size_t begin = 0;
  for (const RunEnd &run : ends) {
    result.push_back({begin, run.end, run.marks});
    begin = run.end;
  }
  return result;
}

MarkedText MarkedText::strip() const {
  size_t begin = 0, end = text.size();
  while (begin < end && isPythonSpace(codePointAt(std::string_view(text).substr(begin))))
    begin += characterLength(std::string_view(text).substr(begin));
  while (end > begin) {
    size_t last = end - 1;
    while (last > begin && (uint8_t(text[last]) & 0xc0) == 0x80)
      --last;
    if (!isPythonSpace(codePointAt(std::string_view(text).substr(last))))
      break;
    end = last;
  }
  return slice(begin, end);
}

bool isPythonSpace(char32_t c) { return isWhiteSpace(c) || (c >= 0x1c && c <= 0x1f); }

} // namespace quipu
