//===- Executor.h - One launch of a program ---------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_EXECUTOR_H
#define QUIPU_RUNTIME_CORE_EXECUTOR_H

#include "runtime/core/Device.h"
#include "runtime/core/KvCache.h"
#include "runtime/core/Model.h"

#include <cstdint>
#include <vector>

namespace quipu {

/// The rows of a launch, built by the session: T new tokens with their places, padded as the program wants.
struct StepRows {
  std::vector<int32_t> tokens;
  /// Place of the token in its sequence; -1 in a padding row.
  std::vector<int32_t> positions;
  /// Row of the block table; 0 in a padding row.
  std::vector<int32_t> sequences;
  /// Rows whose logits are wanted.
  std::vector<int32_t> outputs;

  void clear();
  size_t size() const { return tokens.size(); }
  void add(int32_t token, int32_t position, int32_t sequence);
  /// Padding rows up to `rows` rows in all.
  void padTo(size_t rows);
};

/// Programs with every argument resolved to an address once, and the memory they work in: inputs, arena, logits. Memory
/// is reserved for the bounds of the plan, so addresses never change.
class Executor {
public:
  Executor(const Model &model, const KvCache &cache);

  /// Runs program `index`; logits of the wanted rows: float[R][V] on the host, good until the next run.
  const float *run(size_t index, const StepRows &rows);

private:
  void resolve(const plan::Program &program, LaunchList &list);
  void appendPointers(const plan::Arg &arg, uint64_t iteration, std::vector<void *> &pointers) const;

  const Model &model;
  const KvCache &cache;
  Device &device;
  DeviceMemory tokens, positions, sequences, outputs;
  DeviceMemory arena;
  DeviceMemory logits;
  std::vector<LaunchList> programs;
  /// Logits on the host, where the device's memory is out of its reach.
  std::vector<float> hostLogits;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_EXECUTOR_H
