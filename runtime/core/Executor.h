//===- Executor.h - One launch of a program ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_EXECUTOR_H
#define QUIPU_RUNTIME_CORE_EXECUTOR_H

#include "runtime/abi/ProgramValues.h"
#include "runtime/core/Device.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepRows.h"
#include "runtime/core/TokenChooser.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace quipu {

/// The programs of a plan as lists of launches, and the memory they work in: inputs, arena, logits. Every argument is
/// resolved to an address once. Memory is reserved for the bounds of the plan, so addresses never change.
///
/// Some devices choose tokens. Then a launch writes the chosen tokens and the next positions to the inputs of its
/// program. So the same launch can be enqueued again at once, without the host. The tokens reach the host through a
/// ring of kRing launches. For other devices the host chooses, and copies the tokens to the inputs.
class Executor {
public:
  /// So many launches can be enqueued before choice() takes the tokens of the first.
  static constexpr uint64_t kRing = 8;

  Executor(const Model &model, const KvCache &cache);

  /// A launch has at most so many wanted rows.
  uint32_t maxOutputs() const { return memory.maxOutputs; }

  /// Runs program number `index` of the model. Returns the logits of the wanted rows, float[R][V] on the host. They are
  /// valid until the next run. Throws Error if the device fails.
  const float *run(size_t index, const StepRows &rows);

  /// Runs program number `index`, which gives log_probs: of the target of each wanted row, on the host. They are valid
  /// until the next run. Throws Error if the device fails.
  std::span<const float> score(size_t index, const StepRows &rows);

  /// Copies the inputs to the device, for steps that choose tokens. Then each enqueueChoice() runs the program once;
  /// from the second time on its input is the tokens that were chosen before. choice(n) waits for launch number n since
  /// startChoosing() and returns a token for each wanted row. It is -1 if some of the row's logits are NaN or infinite.
  /// `sampling`: how the token of each wanted row is drawn; it must live until the last enqueueChoice(). Empty: the
  /// most likely tokens are chosen. Null: those of this row. Several rows of one sequence are only for these. `state`:
  /// see below.
  enum class SlotState { Given, Kept };
  void startChoosing(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling = {},
                     SlotState state = SlotState::Given);

  /// What a device knows of a sequence for choosing its tokens lies in a slot, which has the sequence's number: the
  /// rule, the tokens seen last, and edits of logits. The device brings it up to date with each token that it chooses,
  /// before the host knows the token. So the host copies it only when a sequence begins, or when another one had the
  /// slot in between: TokenSampling::ticket says which copy is the sampling's. With SlotState::Kept the caller accepts
  /// each chosen token, and no other, in the sampling, until it no longer uses it. Otherwise the state is copied each
  /// time.

  /// Enqueues a step behind one that may still run, and returns its number. The device chooses the tokens (with
  /// SlotState::Kept). Rows with kChosenToken go on with the token that was chosen last in their sequence. `update`:
  /// what KvCache::update gave, whose pairs are in nextTableChanges(). The caller waits with awaitStep() before it
  /// enqueues anything else: until memory that the device copies may change. stepChoice() waits for the end of a step
  /// and gives what choice() gives. Its result is valid, and its inputs are kept, until kRing - 1 more steps have
  /// started.
  uint64_t enqueueStep(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling,
                       const KvCache::Update &update);
  std::span<int32_t> nextTableChanges();
  void awaitStep();
  std::span<const int32_t> stepChoice(uint64_t step);
  /// What the device says of the tokens of stepChoice(), or of choice(launch). Only rows whose rules ask for it have
  /// something there.
  const TokenScores *scoresOf(uint64_t stepOrLaunch) const {
    return static_cast<const TokenScores *>(scores.data()) + stepOrLaunch % kRing * memory.maxOutputs;
  }
  void enqueueChoice();
  std::span<const int32_t> choice(uint64_t launch);
  /// Whether the device chooses by these rules; empty: the most likely tokens. If not, the host does.
  bool deviceChooses(std::span<const TokenSampling *const> sampling) const;
  /// So many launches may be enqueued when the choice of the first of them is asked for.
  uint32_t mostEnqueued() const;
  /// Logits of the wanted rows of the last enqueued launch, float[wantedRows][V] on the host.
  const float *logitsOnHost(size_t wantedRows);
  /// Waits for everything enqueued.
  void finish() { device.synchronize(); }

  /// Measures program number `index`. The fields of the result that describe rows stay empty.
  StepTimes profile(size_t index, const StepRows &rows, const ProfileSetting &setting);

private:
  /// Inputs of one program on the device: the first kNumRowInputs of StepInput, the targets (or, where tokens are
  /// chosen, the slots), then the number of choices made. They are one piece of memory, so that one copy brings them.
  struct Inputs {
    static constexpr size_t kTargets = kNumRowInputs, kSlots = kTargets, kStep = kNumRowInputs + 1;
    int32_t *values;
    size_t rows;

    int32_t *part(size_t index) const { return values + index * rows; }
    int32_t *part(StepInput input) const { return part(input == StepInput::Targets ? kTargets : size_t(input)); }
    static size_t size(size_t rows) { return kStep * rows + 1; }
  };

  struct Launched {
    size_t program;
    std::array<int64_t, kNumDims> dims;
  };

  /// Which tokens a program chooses. `inKernel`: a kernel gives the greedy ones, with the logits.
  struct Samples {
    bool greedy = false, drawn = false, inKernel = false;
  };

  Samples resolve(const plan::Program &program, const Inputs &inputs, LaunchList &list);
  void appendPointers(const plan::Program &program, const plan::Arg &arg, uint64_t iteration, const Inputs &inputs,
                      std::vector<void *> &pointers) const;
  void requireSample(size_t index, bool drawn) const;
  static void writeInputs(const Inputs &to, const StepRows &rows, const std::vector<int32_t> &lastPart);
  Launched launchOf(size_t index, const StepRows &rows) const;
  Launched upload(size_t index, const StepRows &rows, const std::vector<int32_t> &lastPart);
  void bindSlots();
  void bindChoice(const Inputs &inputs);
  void fillSlots(const StepRows &rows, std::span<const TokenSampling *const> sampling, SlotState state);
  void drawNumbers(uint64_t launch);
  void uploadSlot(const TokenSampling &sampling, size_t slot);
  int32_t *stepPlace(uint64_t step) const;
  void *outputMemory(StepOutput output) const;
  const float *numbersOnHost(const DeviceMemory &values, DeviceMemory &copy, size_t count);
  void feedChosen();

  const Model &model;
  const KvCache &cache;
  Device &device;
  StepMemory memory;
  DeviceMemory inputs;
  DeviceMemory hostInputs;
  DeviceMemory arena;
  DeviceMemory logits;
  /// Tokens that a kernel chooses.
  DeviceMemory greedyTokens;
  DeviceMemory logProbs;
  std::vector<Inputs> programInputs;
  std::vector<LaunchList> programs;
  std::vector<Samples> samples;
  /// Copies on the host. Only if the host cannot reach the device's memory.
  DeviceMemory hostLogits, hostLogProbs;

  // Choices on the host: the rows that were enqueued last, and their tokens.
  bool onHost = false;
  StepRows hostRows;
  RowChooser hostChooser;
  std::span<const int32_t> hostChosen;
  /// Whether the host takes the tokens that a kernel has chosen.
  bool kernelChooses = false;

  // Choices on the device.
  DeviceMemory keys;
  DeviceMemory history;
  /// The token that was last chosen in each sequence.
  DeviceMemory lastTokens;
  std::vector<std::unique_ptr<DeviceEvent>> chosen;
  Launched choosing = {};
  /// The range of each of these launches. Empty if no profiler takes ranges.
  std::string choosingText;
  TokenChoice tokenChoice;
  /// How each row is drawn; empty: the most likely tokens are chosen. The slot of each row.
  std::vector<const TokenSampling *> samplings;
  std::vector<int32_t> rowSlots;
  /// All slots: their rules, then rings, then edits. Sequences have one each; the last one is for rows of which the
  /// most likely token is chosen. On the host the tickets of what the slots have, and memory from which they are
  /// copied, of which so many bytes are in use until `uploaded`.
  DeviceMemory slots;
  std::vector<uint64_t> slotTickets;
  uint64_t lastTicket = 0;
  DeviceMemory hostSlots;
  size_t hostSlotsUsed = 0;
  DeviceMemory uniforms, scores;
  uint64_t launches = 0;
  /// Steps so far, and the number of choices of each that may still run. Places for their inputs in the host's memory,
  /// and the device's number of steps.
  uint64_t steps = 0;
  std::array<size_t, kRing> stepOutputs = {};
  DeviceMemory staged, fed;
  StepFeed feed;
  /// Recorded behind copies of the host's memory.
  std::unique_ptr<DeviceEvent> uploaded;
  bool isUploading = false;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_EXECUTOR_H
