//===- Executor.h - One launch of a program ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_EXECUTOR_H
#define QUIPU_RUNTIME_CORE_EXECUTOR_H

#include "runtime/abi/ProgramValues.h"
#include "runtime/core/Device.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepRows.h"
#include "runtime/core/TokenChooser.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace quipu {

/// Programs with every argument resolved to an address once, and the memory they work in: inputs, arena, logits. Memory
/// is reserved for the bounds of the plan, so addresses never change.
///
/// Tokens are chosen on the device where it can. Then a launch leaves them in the inputs of its program, with positions
/// raised: the same launch can be enqueued again at once, and again, without the host. The tokens reach the host
/// through a ring of kRing launches. Else the host chooses, and brings them to the inputs.
class Executor {
public:
  /// Launches that can be on their way before their tokens are taken.
  static constexpr uint64_t kRing = 8;

  Executor(const Model &model, const KvCache &cache);

  /// Most wanted rows of a launch.
  uint32_t maxOutputs() const { return memory.maxOutputs; }

  /// Runs program `index` of the model's programs; logits of the wanted rows: float[R][V] on the host, good until the
  /// next run.
  const float *run(size_t index, const StepRows &rows);

  /// Brings the inputs to the device; then each enqueueChoice() runs the program on the tokens that were chosen before,
  /// and choice(n) waits for launch number n since startChoosing and gives a token for each wanted row, -1 where some
  /// of the row's logits are NaN or infinite. `sampling`: how each wanted row's is drawn, alive until the last
  /// enqueueChoice(); none: the most likely ones are chosen.
  void startChoosing(size_t index, const StepRows &rows, std::span<const TokenSampling *const> sampling = {});
  void enqueueChoice();
  std::span<const int32_t> choice(uint64_t launch);
  /// Most launches that may be enqueued when the choice of the first of them is asked for.
  uint32_t mostEnqueued() const;
  /// The logits of the launch that was enqueued last, on the host: of its wanted rows.
  const float *logitsOnHost(size_t wantedRows);
  /// Waits for everything enqueued.
  void finish() { device.synchronize(); }

  /// Runs program `index` with a clock; says nothing of the rows.
  StepTimes profile(size_t index, const StepRows &rows, unsigned repeats);

private:
  /// Inputs of one program on the device: the first kNumRowInputs of StepInput, then the number of choices made. They
  /// are one piece of memory, so that one copy brings them.
  struct Inputs {
    int32_t *values;
    size_t rows;

    int32_t *part(size_t index) const { return values + index * rows; }
    static size_t size(size_t rows) { return kNumRowInputs * rows + 1; }
  };

  struct Launched {
    size_t program;
    int64_t dims[kNumDims];
  };

  /// Which tokens a program chooses.
  struct Samples {
    bool greedy = false, drawn = false;
  };

  Samples resolve(const plan::Program &program, const Inputs &inputs, LaunchList &list);
  void appendPointers(const plan::Program &program, const plan::Arg &arg, uint64_t iteration, const Inputs &inputs,
                      std::vector<void *> &pointers) const;
  void requireSample(size_t index, bool drawn) const;
  Launched upload(size_t index, const StepRows &rows);
  bool deviceChooses(std::span<const TokenSampling *const> sampling) const;
  void bindChoice(const Inputs &inputs);
  void uploadSampling();
  void feedChosen();

  const Model &model;
  const KvCache &cache;
  Device &device;
  StepMemory memory;
  DeviceMemory inputs;
  DeviceMemory hostInputs;
  DeviceMemory arena;
  DeviceMemory logits;
  std::vector<Inputs> programInputs;
  std::vector<LaunchList> programs;
  std::vector<Samples> samples;
  /// Logits on the host, where the device's memory is out of its reach.
  DeviceMemory hostLogits;

  // Choices on the host: the rows that were enqueued last, and their tokens.
  bool onHost = false;
  StepRows hostRows;
  RowChooser hostChooser;
  std::span<const int32_t> hostChosen;

  // Choices on the device.
  DeviceMemory keys;
  DeviceMemory history;
  std::vector<std::unique_ptr<DeviceEvent>> chosen;
  Launched choosing = {};
  TokenChoice tokenChoice;
  /// How each row is drawn; then rules and rings of tokens in one piece, on the device and on the host, and the random
  /// numbers.
  std::vector<const TokenSampling *> samplings;
  DeviceMemory rules;
  DeviceMemory hostRules;
  DeviceMemory uniforms;
  uint64_t launches = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_EXECUTOR_H
