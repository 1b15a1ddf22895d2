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
  /// most likely tokens are chosen.
  void startChoosing(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling = {});

  /// Enqueues a step behind one that may still run, and returns its number. The device chooses the tokens; rules with a
  /// window are not for such steps. Rows with kChosenToken go on with the token that was chosen last in their sequence.
  /// The caller waits with awaitStep() before it enqueues anything else: until the device begins with the step, when
  /// the one before has ended and memory from which the inputs were copied may change. stepChoice() waits for the end
  /// of a step and gives what choice() gives.
  uint64_t enqueueStep(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling);
  void awaitStep() { device.wait(*uploaded); }
  std::span<const int32_t> stepChoice(uint64_t step);
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
  /// Inputs of one program on the device: the first kNumRowInputs of StepInput, the targets, then the number of choices
  /// made. They are one piece of memory, so that one copy brings them.
  struct Inputs {
    static constexpr size_t kTargets = kNumRowInputs, kStep = kNumRowInputs + 1;
    int32_t *values;
    size_t rows;

    int32_t *part(size_t index) const { return values + index * rows; }
    int32_t *part(StepInput input) const { return part(input == StepInput::Targets ? kTargets : size_t(input)); }
    static size_t size(size_t rows) { return kStep * rows + 1; }
  };

  struct Launched {
    size_t program;
    int64_t dims[kNumDims];
  };

  /// Which tokens a program chooses. `inKernel`: a kernel gives the greedy ones, with the logits.
  struct Samples {
    bool greedy = false, drawn = false, inKernel = false;
  };

  Samples resolve(const plan::Program &program, const Inputs &inputs, LaunchList &list);
  void appendPointers(const plan::Program &program, const plan::Arg &arg, uint64_t iteration, const Inputs &inputs,
                      std::vector<void *> &pointers) const;
  void requireSample(size_t index, bool drawn) const;
  Launched upload(size_t index, const StepRows &rows, int32_t step = 0);
  void bindChoice(const Inputs &inputs);
  void takeChoices(const Inputs &inputs, std::span<const TokenSampling *const> sampling, bool hasWindows);
  void drawNumbers(uint64_t launch);
  void uploadSampling(bool hasWindows);
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
  /// How each row is drawn. Rules and rings of tokens, in one piece of memory on the device and one on the host. Random
  /// numbers.
  std::vector<const TokenSampling *> samplings;
  DeviceMemory rules;
  DeviceMemory hostRules;
  DeviceMemory uniforms;
  uint64_t launches = 0;
  /// Steps so far, and the number of choices of each that may still run.
  uint64_t steps = 0;
  std::array<size_t, kRing> stepOutputs = {};
  /// Recorded behind the copies of a step's inputs.
  std::unique_ptr<DeviceEvent> uploaded;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_EXECUTOR_H
