//===- Windows.h - Perplexity of a text that is longer than the context -----*- C++ -*-===//
//
// A model sees at most `length` tokens. So a longer text is cut into windows of that length, each `stride` tokens
// behind the one in front, as the guide of Hugging Face transformers on fixed-length models does it. A window scores
// only the tokens that no window in front of it has, and sees the others as context.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_WINDOWS_H
#define QUIPU_RUNTIME_SCORE_WINDOWS_H

#include "runtime/score/Sample.h"

#include <span>

namespace quipu {

/// The tokens [begin, end) of the text. The tokens from `fresh` on are new.
struct Window {
  size_t begin = 0, end = 0, fresh = 0;
};

/// The windows of a text of `tokens` tokens. `stride` is from 1 to `length`.
std::vector<Window> slidingWindows(size_t tokens, size_t length, size_t stride);

/// The ids of a window. Its new tokens are scored, except the first token of the window.
ScoredText textOf(const Window &window, std::span<const int32_t> ids);

/// The mean loss as the guide computes it. Each window has a weight of one less than the number of its new tokens. In
/// the first window this is the number of scored tokens, in later ones it is one less. So it differs a little from the
/// mean over tokens when windows overlap.
double guideLoss(std::span<const Window> windows, std::span<const LogProbabilities> scores);

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_WINDOWS_H
