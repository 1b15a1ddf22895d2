//===- PassCheck.cpp - Whether passes keep what a program computes --------===//

#include "tools/quipu-compile/validate/PassCheck.h"

#include "ir/Llama/Llama.h"
#include "ir/Reference/Evaluator.h"
#include "runtime/support/Error.h"
#include "tools/quipu-compile/validate/Difference.h"
#include "tools/quipu-compile/validate/OpSearch.h"
#include "tools/quipu-eval/RandomFill.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>

using namespace mlir;
using quipu::llama::Evaluator;
using quipu::llama::EvaluatorStep;

namespace quipu::tool {

using Sequences = std::vector<std::vector<int32_t>>;

/// A pass moves sums at most. They are in f32.
static constexpr double kSumTolerance = 1e-5;

/// The greatest error that rounding to 8 bits makes, as a part of the greatest of the values that share a scale.
static constexpr double kInt8Rounding = 1.0 / 254;

static constexpr uint64_t kWeightSeed = 0;

/// Tokens of each sequence: one of them is longer than a step of any decode program of a CPU.
static constexpr size_t kLengths[] = {13, 6};
static constexpr size_t kLongest = 13;

static Sequences randomTokens(int64_t vocabulary) {
  std::mt19937 random(7);
  Sequences sequences;
  for (size_t length : kLengths) {
    std::vector<int32_t> &sequence = sequences.emplace_back();
    for (size_t i = 0; i < length; ++i)
      sequence.push_back(int32_t(random() % uint64_t(vocabulary)));
  }
  return sequences;
}

/// The token behind each is its target, as where a text is scored. The last one has none.
static Sequences targetsOf(const Sequences &sequences) {
  Sequences targets = sequences;
  for (std::vector<int32_t> &sequence : targets) {
    std::rotate(sequence.begin(), sequence.begin() + 1, sequence.end());
    sequence.back() = -1;
  }
  return targets;
}

template <typename T> static T take(llvm::Expected<T> value, const std::string &what) {
  if (!value)
    throw Error(concat("--validate: ", what, ": ", llvm::toString(value.takeError())));
  return std::move(*value);
}

namespace {

/// How the tokens are divided into the steps of a program.
struct Course {
  std::string program;
  /// Most tokens of a sequence in a step.
  size_t chunk = 0;
  /// Each step has tokens of one sequence.
  bool isApart = false;

  std::vector<EvaluatorStep> steps(const Sequences &sequences, const Sequences &targets) const {
    std::vector<EvaluatorStep> steps;
    auto add = [&](const Sequences &tokens) {
      for (size_t begin = 0; begin < kLongest; begin += chunk)
        if (EvaluatorStep step = llama::stepOf(tokens, targets, begin, chunk); !step.tokens.empty())
          steps.push_back(std::move(step));
    };
    if (!isApart) {
      add(sequences);
      return steps;
    }
    for (size_t number = 0; number < sequences.size(); ++number) {
      Sequences one(sequences.size());
      one[number] = sequences[number];
      add(one);
    }
    return steps;
  }
};

/// A module that is evaluated.
class Run {
public:
  Run(const Snapshot &snapshot, bool isScore, bool isTraced = false) {
    Evaluator::Options options;
    options.sequences = int64_t(std::size(kLengths));
    options.positions = int64_t(kLongest);
    options.scores = isScore;
    options.trace = isTraced;
    evaluator = take(Evaluator::create(*snapshot.module, options, randomWeights(kWeightSeed, /*varyNorms=*/true)),
                     "the module after " + snapshot.phase);
    // Probabilities have one column: the vocabulary of the logits is that of the model.
    sequences = randomTokens(vocabularyOf(*snapshot.module));
    if (isScore)
      targets = targetsOf(sequences);
  }

  /// In steps as large as each program takes; where this is all tokens, also in steps that read the cache.
  std::vector<Course> courses() const {
    std::vector<Course> courses;
    for (const std::string &program : evaluator->programNames()) {
      Course course{program, kLongest};
      auto fits = [&] { return evaluator->takes(course.steps(sequences, targets).front(), program); };
      while (course.chunk > 1 && !fits())
        course.chunk /= 2;
      course.isApart = !fits();
      courses.push_back(course);
      if (course.chunk == kLongest) {
        course.chunk = 4;
        courses.push_back(course);
      }
    }
    return courses;
  }

  std::vector<EvaluatorStep> stepsOf(const Course &course) const { return course.steps(sequences, targets); }

  /// The logits (or probabilities) of all tokens, sequence by sequence.
  std::vector<float> run(const Course &course) {
    evaluator->clearCache();
    std::vector<std::vector<float>> results(sequences.size());
    auto width = size_t(evaluator->vocabulary());
    for (const EvaluatorStep &step : stepsOf(course)) {
      std::vector<float> found = runStep(step, course.program);
      for (size_t row = 0; row < step.rows.size(); ++row) {
        auto first = found.begin() + ptrdiff_t(row * width);
        std::vector<float> &target = results[size_t(step.sequences[row])];
        target.insert(target.end(), first, first + ptrdiff_t(width));
      }
    }
    std::vector<float> all;
    for (const std::vector<float> &part : results)
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  std::vector<float> runStep(const EvaluatorStep &step, const std::string &program) {
    return take(evaluator->run(step, program), "@" + program);
  }

  /// The program of this name, if it takes the step. Otherwise none is named: the evaluator chooses.
  std::string programFor(const EvaluatorStep &step, const std::string &program) const {
    return evaluator->hasProgram(program) && evaluator->takes(step, program) ? program : "";
  }

  Evaluator &operator*() { return *evaluator; }

private:
  static int64_t vocabularyOf(ModuleOp module) {
    int64_t rows = 0;
    for (auto weight : module.getOps<llama::WeightOp>())
      if (weight.getRole() == llama::WeightRole::Embedding)
        rows = cast<RankedTensorType>(weight.getType()).getDimSize(0);
    if (!rows)
      throw Error("--validate: the module has no embedding");
    return rows;
  }

  std::unique_ptr<Evaluator> evaluator;
  Sequences sequences, targets;
};

/// What a module computed, as the next one is compared with it.
struct Baseline {
  const Snapshot *snapshot = nullptr;
  std::vector<float> values;
};

class PassChecker {
public:
  PassCheckResult check(const std::vector<Snapshot> &snapshots) {
    for (const Snapshot &snapshot : snapshots) {
      double tolerance = toleranceOf(snapshot);
      for (auto [isScore, baseline] : {std::pair(false, &logits), std::pair(true, &scores)})
        if (!isScore || givesScores(*snapshot.module))
          checkSnapshot(snapshot, isScore, *baseline, tolerance);
      if (&snapshot != &snapshots.front())
        ++result.passes;
      roundings = roundingsOf(*snapshot.module);
    }
    return result;
  }

private:
  /// The ops that round to 8 bits, on the way of a token through a program.
  static unsigned roundingsOf(ModuleOp module) {
    llvm::StringMap<unsigned> inKernel;
    unsigned most = 0;
    for (auto kernel : module.getOps<llama::KernelOp>())
      kernel.walk([&](llama::QuantizeOp) { ++inKernel[kernel.getSymName()]; });
    for (auto program : module.getOps<func::FuncOp>()) {
      unsigned count = 0;
      program.walk([&](llama::LaunchOp launch) { count += inKernel.lookup(launch.getKernel()); });
      program.walk([&](llama::QuantizeOp) { ++count; });
      most = std::max(most, count);
    }
    return most;
  }

  /// Errors of roundings add up at worst.
  double toleranceOf(const Snapshot &snapshot) const {
    unsigned now = roundingsOf(*snapshot.module);
    return now > roundings ? kInt8Rounding * (now - roundings) : kSumTolerance;
  }

  static bool givesScores(ModuleOp module) {
    return module.walk([](llama::LogProbOp) { return WalkResult::interrupt(); }).wasInterrupted();
  }

  void checkSnapshot(const Snapshot &snapshot, bool isScore, Baseline &baseline, double tolerance) {
    if (baseline.snapshot && !snapshot.isChanged) {
      baseline.snapshot = &snapshot;
      return;
    }
    Run run(snapshot, isScore);
    std::vector<float> first;
    for (const Course &course : run.courses()) {
      std::vector<float> values = run.run(course);
      if (!baseline.snapshot)
        baseline = {&snapshot, values};
      compare(snapshot, isScore, baseline, course, values, tolerance);
      if (first.empty())
        first = std::move(values);
      ++result.programs;
    }
    baseline = {&snapshot, std::move(first)};
  }

  void compare(const Snapshot &snapshot, bool isScore, const Baseline &baseline, const Course &course,
               const std::vector<float> &values, double tolerance) {
    Difference difference = differenceOf(baseline.values, values);
    if (difference.relative <= tolerance) {
      if (baseline.snapshot == &snapshot)
        return;
      if (result.worstPass.empty() || difference.relative / tolerance > result.worst) {
        result.worst = difference.relative / tolerance;
        result.worstDifference = difference.relative;
        result.worstTolerance = tolerance;
        result.worstPass = snapshot.phase;
      }
      return;
    }
    throw Error(concat("the pass ", snapshot.phase, " changes what the model computes: ",
                       isScore ? "log-probabilities" : "logits", " of program @", course.program, " differ by ",
                       shortNumber(difference.relative), " of the greatest (tolerance ", shortNumber(tolerance), ")\n",
                       describeFirst(snapshot, isScore, *baseline.snapshot, course, tolerance)));
  }

  /// Runs both modules again, and looks for the op where they differ first.
  static std::string describeFirst(const Snapshot &snapshot, bool isScore, const Snapshot &earlier,
                                   const Course &course, double tolerance) {
    Run before(earlier, isScore, /*isTraced=*/true), after(snapshot, isScore, /*isTraced=*/true);
    for (const EvaluatorStep &step : after.stepsOf(course)) {
      before.runStep(step, before.programFor(step, course.program));
      after.runStep(step, course.program);
      std::optional<OpDifference> found = findFirstDifference(*before, *after, tolerance);
      if (!found)
        continue;
      std::string text = "first difference: " + found->op;
      if (found->difference) {
        auto columns = size_t(found->columns);
        text +=
            concat(": row ", found->difference->index / columns, ", feature ", found->difference->index % columns, ": ",
                   shortNumber(found->difference->found), " after the pass, ", shortNumber(found->difference->expected),
                   " before it, a difference of ", shortNumber(found->difference->relative), " of its greatest value");
      }
      if (!found->suspects.empty())
        text += "\nops in front of it that the module before does not have: " + llvm::join(found->suspects, ", ");
      return text;
    }
    return "no op by itself differs by more than the tolerance: small differences add up";
  }

  Baseline logits, scores;
  unsigned roundings = 0;
  PassCheckResult result;
};

} // namespace

PassCheckResult checkPasses(const std::vector<Snapshot> &snapshots) { return PassChecker().check(snapshots); }

} // namespace quipu::tool
