//===- StopText.cpp - Texts that end generation ------------------------------------------===//

#include "runtime/text/StopText.h"

#include <algorithm>
#include <utility>

namespace quipu {

StopText::StopText(std::vector<std::string> stops) : stops(std::move(stops)) { std::erase(this->stops, ""); }

std::string StopText::push(std::string_view piece) {
  if (isFound)
    return "";
  waiting += piece;
  size_t first = std::string::npos;
  for (const std::string &stop : stops)
    first = std::min(first, waiting.find(stop));
  if (first != std::string::npos) {
    isFound = true;
    std::string text = waiting.substr(0, first);
    waiting.clear();
    return text;
  }
  // The longest end of the text that begins a stop. No stop is whole, so it is shorter than the longest stop.
  size_t mayBegin = 0;
  for (const std::string &stop : stops)
    for (size_t size = std::min(stop.size() - 1, waiting.size()); size > mayBegin; --size)
      if (waiting.ends_with(std::string_view(stop).substr(0, size)))
        mayBegin = size;
  std::string text = waiting.substr(0, waiting.size() - mayBegin);
  waiting.erase(0, text.size());
  return text;
}

std::string StopText::finish() { return std::exchange(waiting, ""); }

} // namespace quipu
