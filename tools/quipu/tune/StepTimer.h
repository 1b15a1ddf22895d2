//===- StepTimer.h - Times of a plan's kernels ------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H
#define QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H

#include "runtime/core/Model.h"
#include "tools/quipu/bench/Sequences.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

/// A step that is measured: so many new tokens of each sequence behind `depth` positions.
struct TunedStep {
  std::string name;
  uint32_t sequences = 1, depth = 0, tokens = 1;
  /// Whether the tokens are scored.
  bool isScore = false;
};

/// The steps that are measured, at most what the plan has room for. Of a CPU: a generated token and a prompt of 128
/// tokens. Of a GPU, whose programs are many: for each program the largest step. Where programs score, the steps that
/// score too: they come behind the others.
std::vector<TunedStep> tunedSteps(const plan::Plan &plan);

/// Measures a model's kernels in real steps.
class StepTimer {
public:
  StepTimer(std::shared_ptr<const Model> model, const std::vector<TunedStep> &steps);

  struct Kernel {
    /// Of all its launches in the step.
    double seconds = 0;
    /// The number of the first step that runs it: a kernel that only programs have which score is measured there.
    size_t step = 0;
  };
  struct Times {
    std::map<std::string, Kernel> kernels;
    /// Seconds of each step, as it always runs.
    std::vector<double> steps;
  };
  Times measure();

  /// Logits of all steps that give some, and what score() says of the others.
  std::vector<float> logits();

  const Model &model() const { return generation.session.model(); }

private:
  struct Measured : TunedStep {
    /// How long it takes; 0: it is not known yet.
    double seconds = 0;
  };
  /// Sequences of tokens that are generated, and of prompts: each keeps its positions from one measurement to the next.
  BenchSequences &sequencesOf(const TunedStep &step) { return step.tokens == 1 ? generation : prompts; }

  BenchSequences generation, prompts;
  std::vector<Measured> steps;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_STEPTIMER_H
