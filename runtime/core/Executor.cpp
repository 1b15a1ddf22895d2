//===- Executor.cpp - One launch of a program --------------------------------------------===//

#include "runtime/core/Executor.h"
#include "runtime/core/Weights.h"

#include <algorithm>

namespace quipu {

void StepRows::clear() {
  tokens.clear();
  positions.clear();
  sequences.clear();
  outputs.clear();
}

void StepRows::add(int32_t token, int32_t position, int32_t sequence) {
  tokens.push_back(token);
  positions.push_back(position);
  sequences.push_back(sequence);
}

void StepRows::padTo(size_t rows) {
  while (size() < rows)
    add(0, -1, 0);
}

Executor::Executor(const Model &model, const KvCache &cache) : model(model), cache(cache), device(model.device()) {
  uint64_t maxRows = model.maxChunkRows();
  uint64_t arenaBytes = 0;
  for (const plan::Program *program : *model.plan().programs())
    arenaBytes = std::max(arenaBytes, program->arena_bytes());
  for (DeviceMemory *input : {&tokens, &positions, &sequences, &outputs})
    *input = device.allocate(maxRows * sizeof(int32_t), MemoryUse::Sparse);
  logits = device.allocate(maxRows * model.vocabSize() * sizeof(float), MemoryUse::Sparse);
  arena = device.allocate(arenaBytes, MemoryUse::Sparse);
  programs.resize(model.plan().programs()->size());
  for (size_t i = 0; i < programs.size(); ++i) {
    resolve(*model.plan().programs()->Get(i), programs[i]);
    device.prepare(programs[i]);
  }
}

void Executor::appendPointers(const plan::Arg &arg, uint64_t iteration, std::vector<void *> &pointers) const {
  uint64_t value = arg.value() + uint64_t(arg.stride()) * iteration;
  switch (arg.kind()) {
  case plan::ArgKind::arena:
    pointers.push_back(static_cast<char *>(arena.data()) + value);
    return;
  case plan::ArgKind::weight:
    pointers.push_back(model.weights().pointer(value));
    return;
  case plan::ArgKind::kv_layer:
    pointers.push_back(cache.keys(uint32_t(value)));
    pointers.push_back(cache.values(uint32_t(value)));
    pointers.push_back(cache.table());
    return;
  case plan::ArgKind::input: {
    const DeviceMemory *const inputs[] = {&tokens, &positions, &sequences, &outputs};
    pointers.push_back(inputs[value]->data());
    return;
  }
  case plan::ArgKind::output:
    pointers.push_back(logits.data());
    return;
  }
}

void Executor::resolve(const plan::Program &program, LaunchList &list) {
  // Pointers move while the array grows: launches get theirs afterwards.
  std::vector<size_t> offsets;
  for (const plan::Sequence *sequence : *program.sequences()) {
    for (uint64_t iteration = 0; iteration < sequence->repeat(); ++iteration) {
      for (const plan::Step *step : *sequence->steps()) {
        const plan::Kernel &kernel = *model.plan().kernels()->Get(step->kernel());
        size_t offset = list.pointers.size();
        for (size_t i = 0; step->args() && i < step->args()->size(); ++i)
          appendPointers(*step->args()->Get(unsigned(i)), iteration, list.pointers);
        uint32_t count = uint32_t(list.pointers.size() - offset);
        list.scratchBytes = std::max<size_t>(list.scratchBytes, kernel.scratch_bytes());
        const std::vector<const void *> &points = model.entryPoints(step->kernel());
        for (size_t i = 0; i < points.size(); ++i) {
          const plan::Grid &grid = *kernel.entries()->Get(unsigned(i))->grid();
          list.launches.push_back({points[i], nullptr, count, grid.rows(), grid.rows_per_block(), grid.fixed()});
          offsets.push_back(offset);
        }
      }
    }
  }
  for (size_t i = 0; i < offsets.size(); ++i)
    list.launches[i].buffers = list.pointers.data() + offsets[i];
}

const float *Executor::run(size_t index, const StepRows &rows) {
  auto upload = [&](const DeviceMemory &memory, const std::vector<int32_t> &values) {
    device.upload(memory.data(), values.data(), values.size() * sizeof(int32_t));
  };
  upload(tokens, rows.tokens);
  upload(positions, rows.positions);
  upload(sequences, rows.sequences);
  upload(outputs, rows.outputs);
  int64_t dims[kNumDims];
  dims[kDimTokens] = int64_t(rows.size());
  dims[kDimOutputs] = int64_t(rows.outputs.size());
  dims[kDimBlockTableStride] = cache.tableStride();
  device.run(programs[index], dims);
  if (void *host = device.hostPointer(logits.data()))
    return static_cast<const float *>(host);
  hostLogits.resize(rows.outputs.size() * model.vocabSize());
  device.download(hostLogits.data(), logits.data(), hostLogits.size() * sizeof(float));
  return hostLogits.data();
}

} // namespace quipu
