//===- Choices.h - Which answer a model prefers --------------------------------*- C++ -*-===//
//
// A question is answered by the choice whose text is most likely behind the context. Long texts are less likely than
// short ones, so two more rules divide the log-probability by the length: in bytes of the choice, and in scored tokens.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_CHOICES_H
#define QUIPU_RUNTIME_SCORE_CHOICES_H

#include "runtime/score/Sample.h"

#include <cstddef>
#include <span>

namespace quipu {

/// The preferred choice by each rule. Of equally good ones it is the first.
struct Preferred {
  size_t whole = 0, byBytes = 0, byTokens = 0;
};

/// The arguments have an entry for each choice: the sum of its log-probabilities, its bytes, its scored tokens.
Preferred preferredChoices(std::span<const double> logProbabilities, std::span<const size_t> bytes,
                           std::span<const size_t> tokens);

/// Counts right answers.
class Accuracies {
public:
  void add(const Preferred &preferred, size_t answer);

  size_t questions() const { return count; }
  /// Parts of all questions. There must be a question.
  double whole() const { return double(wholeRight) / double(count); }
  double byBytes() const { return double(bytesRight) / double(count); }
  double byTokens() const { return double(tokensRight) / double(count); }

private:
  size_t count = 0, wholeRight = 0, bytesRight = 0, tokensRight = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_CHOICES_H
