//===- Tuner.h - The search for faster schedules ----------------------------*- C++ -*-===//
//
// A move changes numbers of the schedules of all kernels that it is for. A plan with it and the plan without are
// measured in turns, kernel by kernel, in real steps. A kernel keeps a move that gains more than the measurements
// scatter. At the end all that was kept is measured together once more, and what does not hold is dropped.
//
// On a GPU kernels of a step overlap, and are measured without overlap. So moves for overlap are judged by whole steps,
// and at the end a step that has become slower drops what its kernels kept.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_TUNE_TUNER_H
#define QUIPU_TOOLS_QUIPU_TUNE_TUNER_H

#include "runtime/core/Model.h"
#include "tools/quipu/tune/Candidates.h"
#include "tools/quipu/tune/Comparison.h"
#include "tools/quipu/tune/StepTimer.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace quipu::tool {

struct TunerOptions {
  /// How long the search may take. The measurement at its end takes some seconds more.
  double seconds = 60;
  /// How often each pair of plans is measured.
  unsigned rounds = 7;
  /// Threads, weights and so on.
  ModelOptions model;
  bool weightsGiven = false;
  /// Called with a line about each candidate; it may be empty.
  std::function<void(const std::string &line)> note;
};

/// Compiles the model with these schedules, as a tuning file has them. `keepIr`: with the record of the compilation.
using PlanMaker = std::function<std::shared_ptr<const PlanFile>(const nlohmann::ordered_json &tuning, bool keepIr)>;

class Tuner {
public:
  using Json = nlohmann::ordered_json;

  /// Compiles the model as it is without tuning. Throws Error if the device does not run the code of its target.
  Tuner(PlanMaker makePlan, TunerOptions options);

  /// Searches, and returns the tuning file. Throws Error if a plan gives other logits than the first one.
  Json run();

private:
  struct Kernel {
    TunableSchedule schedule;
    std::string shape;
    /// The numbers that a tuning file names: those that differ from what is chosen.
    ScheduleNumbers chosen;
    /// The share of the time without tuning that it takes, or its step where moves for overlap are judged.
    double best = 1, bestStep = 1;
    double secondsBefore = 0, secondsAfter = 0;
  };

  std::unique_ptr<StepTimer> load(std::shared_ptr<const PlanFile> plan) const;
  /// Two plans: of each kernel, with its step, and of each step.
  struct Comparisons {
    std::map<std::string, Comparison> kernels;
    std::map<std::string, size_t> stepOf;
    std::vector<Comparison> steps;
  };
  /// Measures a plan and the first one in turns.
  Comparisons compare(StepTimer &candidate, unsigned rounds);
  /// Moves of different families.
  void tryMoves(const std::vector<ScheduleMove> &moves);
  /// What a kernel keeps of a move that was measured.
  void judge(const ScheduleMove &move, const std::string &name, const ScheduleNumbers &numbers,
             const Comparisons &measured);
  /// Measures all that was kept, and drops what does not hold.
  void confirm();
  void checkLogits(StepTimer &candidate);
  /// The tuning file with these numbers in place of those that kernels have.
  Json tuning(const std::map<std::string, ScheduleNumbers> &tried) const;
  std::map<std::string, ScheduleNumbers> tunedNumbers() const;
  Json machine() const;
  void note(const std::string &line) const;

  PlanMaker makePlan;
  TunerOptions options;
  std::vector<TunedStep> steps;
  bool isForCpu = true;
  /// What the compiler says of the model and itself.
  Json subject;
  std::map<std::string, Kernel> kernels;
  std::unique_ptr<StepTimer> first;
  std::vector<float> firstLogits;
  /// Kernels of programs that no step runs.
  std::set<std::string> unmeasured;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_TUNER_H
