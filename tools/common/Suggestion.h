//===- Suggestion.h - "Did you mean" ------------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_SUGGESTION_H
#define QUIPU_TOOLS_COMMON_SUGGESTION_H

#include <string>
#include <vector>

namespace quipu::tool {

/// The candidate that `word` may have been meant for: nearest by inserted, lost, changed and swapped letters, or the
/// only one that it begins. Empty when none is near.
std::string nearest(const std::string &word, const std::vector<std::string> &candidates);

/// "; did you mean X?" for the nearest candidate; empty when none is near.
std::string didYouMean(const std::string &word, const std::vector<std::string> &candidates);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_SUGGESTION_H
