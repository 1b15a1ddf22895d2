//===- RollSteps.cpp - Repeated steps as loops ----------------------------------===//

#include "codegen/plan/RollSteps.h"

#include <algorithm>

namespace quipu::codegen {
namespace {

/// A layer, or a pair of layers whose buffers alternate, has fewer steps than this.
constexpr size_t kMaxPeriod = 64;

bool sameShape(const FlatStep &a, const FlatStep &b) {
  return a.kernel == b.kernel && a.sample == b.sample && a.location == b.location &&
         a.layer.has_value() == b.layer.has_value() &&
         std::ranges::equal(a.arguments, b.arguments, {}, &FlatStep::Argument::kind, &FlatStep::Argument::kind);
}

/// Differences wrap around, as the strides of a plan do.
int64_t difference(uint64_t later, uint64_t earlier) { return static_cast<int64_t>(later - earlier); }

/// Whether `c` follows `b` as `b` follows `a`.
bool continues(const FlatStep &a, const FlatStep &b, const FlatStep &c) {
  if (!sameShape(b, c))
    return false;
  if (a.layer && difference(*c.layer, *b.layer) != difference(*b.layer, *a.layer))
    return false;
  for (size_t i = 0; i < a.arguments.size(); ++i)
    if (difference(c.arguments[i].value, b.arguments[i].value) !=
        difference(b.arguments[i].value, a.arguments[i].value))
      return false;
  return true;
}

plan::StepActionUnion actionOf(const FlatStep &step) {
  plan::StepActionUnion action;
  if (step.sample) {
    plan::SampleT sample;
    sample.mode = *step.sample;
    action.Set(std::move(sample));
  } else {
    plan::RunKernelT run;
    run.kernel = step.kernel;
    action.Set(std::move(run));
  }
  return action;
}

/// Says how often the `period` steps that begin at a step repeat. It is computed from the last step to the first.
/// Otherwise each question would walk through all layers.
class Repeats {
public:
  Repeats(const std::vector<FlatStep> &steps, size_t period) : steps(steps), period(period) {}

  /// How often the steps from `first` on repeat, including the first time. Call it for the last step first, then for
  /// the step before, and so on.
  size_t at(size_t first) {
    if (first + period >= steps.size())
      return 1;
    const FlatStep &a = steps[first], &b = steps[first + period];
    alike = sameShape(a, b) ? alike + 1 : 0;
    bool goesOn = alike && first + 2 * period < steps.size() && continues(a, b, steps[first + 2 * period]);
    going = goesOn ? going + 1 : 0;
    return alike < period ? 1 : 2 + going / period;
  }

private:
  const std::vector<FlatStep> &steps;
  size_t period;
  /// Steps in a row, from the one on that was asked last. `alike`: the next step in the period has the same shape.
  /// `going`: the next two continue each other.
  size_t alike = 0, going = 0;
};

/// The steps from one on as a stretch of `period` steps, done `repeats` times, and the cheapest cover of what follows.
struct Cover {
  size_t cost = 0, period = 1, repeats = 1;
};

/// For each step, the cheapest cover of the steps from it on. A step costs more than a sequence: among covers with as
/// few steps, the one in the fewest pieces is the cheapest.
std::vector<Cover> cheapestCovers(const std::vector<FlatStep> &steps) {
  constexpr size_t kStepCost = 1024;
  std::vector<Cover> best(steps.size() + 1);
  std::vector<Repeats> repeatsOf;
  for (size_t period = 1; period <= kMaxPeriod; ++period)
    repeatsOf.emplace_back(steps, period);
  for (size_t first = steps.size(); first-- > 0;) {
    // Steps that follow each other unrolled share a sequence.
    bool joins = first + 1 < steps.size() && best[first + 1].repeats == 1;
    best[first] = {best[first + 1].cost + kStepCost + (joins ? 0 : 1), 1, 1};
    for (size_t period = 1; period <= kMaxPeriod; ++period) {
      size_t repeats = repeatsOf[period - 1].at(first);
      if (repeats == 1)
        continue;
      size_t cost = best[first + period * repeats].cost + period * kStepCost + 1;
      // Of two covers with equal cost it takes the one that rolls here.
      if (cost < best[first].cost || (cost == best[first].cost && best[first].repeats == 1))
        best[first] = {cost, period, repeats};
    }
  }
  return best;
}

/// A step of a sequence. `next`: the same step of the next round; null where the sequence is done once.
std::unique_ptr<plan::StepT> stepOf(const FlatStep &flat, const FlatStep *next) {
  auto step = std::make_unique<plan::StepT>();
  step->action = actionOf(flat);
  step->location = flat.location;
  if (flat.layer) {
    step->layer_base = *flat.layer;
    step->layer_stride = next ? *next->layer - *flat.layer : 0;
  }
  for (size_t a = 0; a < flat.arguments.size(); ++a)
    step->args.emplace_back(flat.arguments[a].value,
                            next ? difference(next->arguments[a].value, flat.arguments[a].value) : 0,
                            flat.arguments[a].kind);
  return step;
}

} // namespace

std::vector<std::unique_ptr<plan::SequenceT>> rollSteps(const std::vector<FlatStep> &steps) {
  std::vector<Cover> best = cheapestCovers(steps);
  std::vector<std::unique_ptr<plan::SequenceT>> sequences;
  bool lastIsUnrolled = false;
  for (size_t first = 0; first < steps.size();) {
    auto [cost, period, repeats] = best[first];
    if (repeats > 1 || !lastIsUnrolled) {
      sequences.push_back(std::make_unique<plan::SequenceT>());
      sequences.back()->repeat = static_cast<uint32_t>(repeats);
    }
    lastIsUnrolled = repeats == 1;
    for (size_t i = first; i < first + period; ++i)
      sequences.back()->steps.push_back(stepOf(steps[i], repeats > 1 ? &steps[i + period] : nullptr));
    first += period * repeats;
  }
  return sequences;
}

} // namespace quipu::codegen
