//===- Suggestion.h - "Did you mean" ------------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_SUGGESTION_H
#define QUIPU_TOOLS_COMMON_SUGGESTION_H

#include <string>
#include <vector>

namespace quipu::tool {

/// The candidate that the user may have meant by `word`. It is the nearest by inserted, dropped, changed and swapped
/// letters, or the only one that begins with `word`. Empty if no candidate is near.
std::string nearest(const std::string &word, const std::vector<std::string> &candidates);

/// "; did you mean X?" for the nearest candidate. Empty if no candidate is near.
std::string didYouMean(const std::string &word, const std::vector<std::string> &candidates);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_SUGGESTION_H
