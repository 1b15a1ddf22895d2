//===- Sort.cpp - Sorting by any comparison ----------------------------------------------===//

#include "runtime/chat/jinja/Sort.h"

#include <algorithm>
#include <numeric>

namespace quipu::jinja {

std::vector<size_t> sortedPlaces(size_t count, const std::function<bool(size_t, size_t)> &isLess) {
  std::vector<size_t> places(count), merged(count);
  std::iota(places.begin(), places.end(), size_t(0));
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t begin = 0; begin < count; begin += 2 * width) {
      size_t middle = std::min(begin + width, count), end = std::min(begin + 2 * width, count);
      for (size_t left = begin, right = middle, at = begin; at < end; ++at) {
        bool takesRight = left == middle || (right < end && isLess(places[right], places[left]));
        merged[at] = takesRight ? places[right++] : places[left++];
      }
    }
    places.swap(merged);
  }
  return places;
}

} // namespace quipu::jinja
