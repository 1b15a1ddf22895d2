//===- StepRunner.h - Steps of a session ------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_STEPRUNNER_H
#define QUIPU_RUNTIME_CORE_STEPRUNNER_H

#include "runtime/core/Executor.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/StepRows.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace quipu {

/// Runs batches of new tokens. A batch may need several launches.
class StepRunner {
public:
  using Batch = std::span<const SequenceTokens>;
  /// How the token of each sequence of a batch is drawn. Empty: the most likely tokens are chosen.
  using Samplings = std::span<const TokenSampling>;

  StepRunner(std::shared_ptr<const Model> model, const KvCacheOptions &options);

  void requireAlive(SequenceId sequence) const;
  /// Throws Error unless the batch can run.
  void check(Batch batch) const { check(batch, /*mayBeChosen=*/false); }
  /// Throws Error unless each sequence has room for `steps` tokens. The batch has the first of them.
  void checkSteps(Batch batch, uint32_t steps) const;

  /// Takes cache blocks for `tokens` new positions of each sequence, and tells the device.
  void reserve(Batch batch, uint32_t tokens);
  /// The same for the batch's own tokens.
  void reserve(Batch batch);

  /// Runs the batch. deliver(logits, whole) is called after each launch, whose rows are `part`; `whole` says that it is
  /// the only one.
  void run(Batch batch, const StepOptions &options, const std::function<void(const float *, bool)> &deliver);

  /// Whether the device gives probabilities of targets. Then score() works.
  bool scoresOnDevice() const;

  /// Runs a batch of LogitsMode::Targets. deliver(scores) is called after each launch, whose rows are `part`. There is
  /// a log_prob for each of its wanted rows.
  void score(Batch batch, const StepOptions &options, const std::function<void(std::span<const float>)> &deliver);

  /// Runs the batch and chooses the token that follows in each of its sequences.
  std::vector<int32_t> choose(Batch batch, Samplings samplings, const StepOptions &options);

  /// Called after each launch, whose rows are `part`. `chosen`: the token of each wanted row, where the device has
  /// chosen; kNoNumbers or kNothingLeft where it could not. `scores`: what it says of them, where samplings ask for it.
  /// `logits`: float[wanted][V] on the host; null if nobody wants them. All are valid during the call.
  using Delivery = std::function<void(std::span<const int32_t> chosen, const TokenScores *scores, const float *logits)>;

  /// Runs the batch. If the device chooses tokens, it chooses for each sequence that has a sampling; the samplings of
  /// others, who want logits, are null. The caller accepts each chosen token in the sampling, and no other. Other
  /// devices give logits for all.
  void runChoosing(Batch batch, std::span<const TokenSampling *const> samplings, const StepOptions &options,
                   const Delivery &deliver);

  /// Whether one launch can run each batch of up to `tokens` tokens.
  bool takesInOneLaunch(uint32_t tokens) const;

  /// A step that the device has begun.
  struct Started {
    uint64_t number = 0;
    /// Rows that get a token.
    std::vector<WantedRow> wanted;
  };

  /// Starts a batch behind a step that may still run; await() before the next call. Tokens may be kChosenToken.
  /// The device chooses for all sequences that want logits. The caller accepts each token in the sampling, and no
  /// other. The sequences are longer, but their new tokens are not known (BlockManager::extend). Nothing, with nothing
  /// changed, if the batch does not fit into one launch.
  std::optional<Started> start(Batch batch, std::span<const TokenSampling *const> samplings);
  /// Waits until the step that was started last has taken what it needs of the host.
  void await() { executor.awaitStep(); }
  /// The tokens that a started step has chosen, as in Delivery. They are valid until two more steps have started.
  std::span<const int32_t> finish(const Started &step) { return executor.stepChoice(step.number); }
  /// What the device says of them, where a sampling asks. It is valid as long.
  const TokenScores *scoresOf(const Started &step) const { return executor.scoresOf(step.number); }

  /// If one launch can run one token of each sequence: fills `part` and returns the index of the program.
  std::optional<size_t> fillOneLaunch(Batch batch);

  /// Measures the batch, or the part of it that fits into one launch. The sequences do not change.
  StepTimes profile(Batch batch, const ProfileSetting &setting, const StepOptions &options);

  std::shared_ptr<const Model> model;
  KvCache cache;
  Executor executor;
  /// The last launch.
  LaunchPart part;

private:
  void check(Batch batch, bool mayBeChosen) const;
  void takePages(Batch batch);
  uint64_t rowLimit(Batch batch, const StepOptions &options, StepOutput output) const;
  void launchAll(Batch batch, const StepOptions &options, StepOutput output,
                 const std::function<void(size_t, bool)> &launch);
  void advance();
  void requireFinite(Batch batch, const float *logits) const;

  // Working memory, kept between steps.
  std::vector<KvCache::Growth> growth;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_STEPRUNNER_H
