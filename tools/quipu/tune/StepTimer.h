//===- StepTimer.h - Times of a plan's kernels ------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H
#define QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H

#include "runtime/core/Model.h"
#include "tools/quipu/bench/Sequences.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

/// What is measured: a generated token behind `depth` positions, and a prompt. Where a plan has programs that score,
/// both are scored too.
struct TunedSteps {
  uint32_t depth = 64, prompt = 128;

  /// At most what a plan has room for.
  static TunedSteps of(const plan::Plan &plan);
};

/// Measures a model's kernels in real steps.
class StepTimer {
public:
  StepTimer(std::shared_ptr<const Model> model, TunedSteps steps);

  /// Seconds of each kernel, all its launches together, in one generated token or in one prompt. A kernel that only
  /// programs have which score is measured there.
  using Seconds = std::map<std::string, double>;
  Seconds measure();

  /// Logits of the prompt and of a token behind it, and what score() says of the prompt.
  std::vector<float> logits();

  const Model &model() const { return generation.session.model(); }

private:
  /// A step that is measured.
  struct Step {
    uint32_t depth = 0, tokens = 1;
    bool isScore = false;
    /// How long it is measured.
    double budget = 0;
    /// How long it takes; 0: it is not known yet.
    double seconds = 0;
  };
  void measure(BenchSequences &sequences, Step &step, Seconds &sum);

  BenchSequences generation, prompts;
  Step token, prompt, scoredToken, scoredPrompt;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H
