//===- StopText.cpp - Texts that end generation ------------------------------------------===//

#include "runtime/text/StopText.h"

#include <algorithm>
#include <utility>

namespace quipu {

StopText::StopText(std::vector<std::string> stops) : stops(std::move(stops)) { std::erase(this->stops, ""); }

std::string StopText::push(std::string_view piece) {
  if (isFound)
    return "";
  held += piece;
  size_t first = std::string::npos;
  for (const std::string &stop : stops)
    first = std::min(first, held.find(stop));
  if (first != std::string::npos) {
    isFound = true;
    std::string text = held.substr(0, first);
    held.clear();
    return text;
  }
  // The longest end that begins a stop; no stop is whole, so what is held back stays shorter than the longest one.
  size_t kept = 0;
  for (const std::string &stop : stops)
    for (size_t size = std::min(stop.size() - 1, held.size()); size > kept; --size)
      if (held.ends_with(std::string_view(stop).substr(0, size)))
        kept = size;
  std::string text = held.substr(0, held.size() - kept);
  held.erase(0, text.size());
  return text;
}

std::string StopText::finish() { return std::exchange(held, ""); }

} // namespace quipu
