//===- Sort.h - Sorting by any comparison ------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_SORT_H
#define QUIPU_RUNTIME_CHAT_JINJA_SORT_H

#include <cstddef>
#include <functional>
#include <vector>

namespace quipu::jinja {

/// The numbers from 0 to `count` - 1 in order; equal ones stay as they are. `isLess` may throw, and may contradict
/// itself (NaN), which std::sort does not stand.
std::vector<size_t> sortedPlaces(size_t count, const std::function<bool(size_t, size_t)> &isLess);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_SORT_H
