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

/// What is measured: a generated token behind `depth` positions, and a prompt.
struct TunedSteps {
  uint32_t depth = 64, prompt = 128;

  /// At most what a plan has room for.
  static TunedSteps of(const plan::Plan &plan);
};

/// Measures a model's kernels in real steps.
class StepTimer {
public:
  StepTimer(std::shared_ptr<const Model> model, TunedSteps steps);

  /// Seconds of each kernel, all its launches together, in one generated token or in one prompt.
  using Seconds = std::map<std::string, double>;
  Seconds measure();

  /// Logits of the prompt and of a token behind it.
  std::vector<float> logits();

  const Model &model() const { return generation.session.model(); }

private:
  /// Adds the kernels of a step. `seconds`: how long a step takes, 0 when it is not known yet.
  void measure(BenchSequences &sequences, uint32_t depth, uint32_t tokens, double &seconds, Seconds &sum);

  TunedSteps steps;
  BenchSequences generation, prompts;
  double generationSeconds = 0, promptSeconds = 0;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H
