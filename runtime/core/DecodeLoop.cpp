//===- DecodeLoop.cpp - One token after the other ----------------------------------------===//

#include "runtime/core/DecodeLoop.h"
#include "runtime/core/Logits.h"
#include "runtime/core/ToolRange.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <string>

namespace quipu {
namespace {

/// The steps of a loop, which start in order and end in order.
class DecodeSteps {
public:
  virtual ~DecodeSteps() = default;
  /// So many steps may have started when the tokens of the first of them are asked for.
  virtual uint32_t mostStarted() const = 0;
  /// Starts step number `step`. `left`: steps that may be wanted from this one on, itself included. False if there is
  /// no room for it.
  virtual bool start(uint32_t step, uint32_t left) = 0;
  /// The tokens that step `step` has chosen. They are valid until the next call. Throws Error if the step could not
  /// start.
  virtual std::span<const int32_t> tokens(uint32_t step) = 0;
};

/// Here all sequences are rows of one launch. A launch reads its tokens where the launch before has written them. So
/// the device never waits for the host, and the host may look at tokens some steps later.
class FedInPlace : public DecodeSteps {
public:
  FedInPlace(StepRunner &runner, StepRunner::Batch batch, StepRunner::Samplings samplings, size_t program)
      : range(RangeKind::Phase,
              [&] { return concat("decode: ", batch.size(), batch.size() == 1 ? " sequence" : " sequences"); }),
        runner(runner), batch(batch), program(program) {
    std::vector<const TokenSampling *> rowSamplings;
    for (const TokenSampling &each : samplings)
      rowSamplings.push_back(&each);
    runner.executor.startChoosing(program, runner.part.rows, rowSamplings);
    for (const SequenceTokens &part : batch)
      given.push_back(part.tokens.front());
    run.resize(batch.size());
  }

  /// In any case (also after an Error): all launches have ended, and only positions whose tokens the caller has count.
  ~FedInPlace() override {
    try {
      if (started > ended)
        runner.executor.finish();
    } catch (const Error &) {
      // The device has failed. Its next use throws the Error again.
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      runner.cache.advance(batch[i].sequence, run[i]);
      runner.cache.truncate(batch[i].sequence, runner.cache.length(batch[i].sequence));
    }
  }

  uint32_t mostStarted() const override { return runner.executor.mostEnqueued(); }

  bool start(uint32_t step, uint32_t left) override {
    if (!reserve(step, left))
      return false;
    runner.executor.enqueueChoice();
    started = step + 1;
    return true;
  }

  std::span<const int32_t> tokens(uint32_t step) override {
    if (step == started)
      throw Error(refusal);
    std::span<const int32_t> chosen = runner.executor.choice(step);
    if (!allChosen(chosen))
      failForChoice(step);
    ended = step + 1;
    for (size_t i = 0; i < run.size(); ++i)
      run[i].push_back(given[i]);
    given.assign(chosen.begin(), chosen.end());
    return chosen;
  }

private:
  /// Takes blocks for the step's positions, and for more where steps run ahead, so that most launches need no new block
  /// table.
  bool reserve(uint32_t step, uint32_t left) {
    constexpr uint32_t kAhead = 32;
    if (step < reserved)
      return true;
    uint32_t wanted = mostStarted() > 1 ? std::min(left, kAhead) : 1;
    for (uint32_t count : {wanted, 1u}) {
      try {
        runner.reserve(batch, step + count);
        reserved = step + count;
        return true;
      } catch (const Error &error) {
        refusal = error.what();
      }
    }
    return false;
  }

  /// Throws Error about the NaN or infinity in the logits of step `step`, whose new tokens are `given`. Later steps may
  /// have overwritten these logits, so the step runs again.
  [[noreturn]] void failForChoice(uint32_t step) {
    runner.executor.finish();
    StepRows &rows = runner.part.rows;
    for (size_t i = 0; i < given.size(); ++i) {
      size_t row = size_t(rows.outputs[i]);
      rows.tokens[row] = given[i];
      rows.positions[row] += int32_t(step);
    }
    const float *logits = runner.executor.run(program, rows);
    FiniteCheck check;
    size_t vocab = runner.model->vocabSize();
    for (size_t i = 0; i < given.size(); ++i)
      check.look({logits + i * vocab, vocab}, uint64_t(rows.positions[size_t(rows.outputs[i])]), i);
    check.require(runner.model->plan());
    fail("there were logits that are NaN or infinite, and not again when the step was repeated: the device's memory or "
         "code does not work right");
  }

  /// Steps overlap, so all of them are one range.
  ToolRange range;
  StepRunner &runner;
  StepRunner::Batch batch;
  size_t program;
  /// The new tokens of the first step that has not ended.
  std::vector<int32_t> given;
  /// The new tokens of the steps that have ended, of each sequence.
  std::vector<std::vector<int32_t>> run;
  uint32_t started = 0, ended = 0, reserved = 0;
  /// The Error that says why there was no room.
  std::string refusal;
};

/// Here the sequences need several launches, or the host chooses. Each step is a batch of its own.
class FedByBatches : public DecodeSteps {
public:
  FedByBatches(StepRunner &runner, StepRunner::Batch batch, StepRunner::Samplings samplings)
      : runner(runner), batch(batch.begin(), batch.end()), samplings(samplings.begin(), samplings.end()) {}

  uint32_t mostStarted() const override { return 1; }
  bool start(uint32_t, uint32_t) override { return true; }

  std::span<const int32_t> tokens(uint32_t) override {
    chosen = runner.choose(batch, samplings, {});
    for (size_t i = 0; i < batch.size(); ++i)
      batch[i].tokens = {&chosen[i], 1};
    for (size_t i = 0; i < samplings.size(); ++i)
      samplings[i].accept(chosen[i]);
    return chosen;
  }

private:
  StepRunner &runner;
  std::vector<SequenceTokens> batch;
  std::vector<TokenSampling> samplings;
  std::vector<int32_t> chosen;
};

} // namespace

void runDecodeLoop(StepRunner &runner, StepRunner::Batch batch, StepRunner::Samplings samplings, uint32_t steps,
                   const ChosenTokens &callback) {
  runner.checkSteps(batch, steps);
  std::unique_ptr<DecodeSteps> source;
  if (std::optional<size_t> program = runner.fillOneLaunch(batch))
    source = std::make_unique<FedInPlace>(runner, batch, samplings, *program);
  else
    source = std::make_unique<FedByBatches>(runner, batch, samplings);
  bool hasRoom = true;
  for (uint32_t started = 0, ended = 0; ended < steps; ++ended) {
    while (hasRoom && started < std::min(steps, ended + source->mostStarted())) {
      hasRoom = source->start(started, steps - started);
      started += hasRoom;
    }
    if (!callback(source->tokens(ended)))
      return;
  }
}

} // namespace quipu
