//===- Work.cpp - Bytes and operations of steps ------------------------------------------===//

#include "tools/quipu/bench/Work.h"
#include "runtime/core/Device.h"
#include "runtime/plan/Steps.h"

#include <algorithm>

namespace quipu::tool {

/// Keys that the rows at positions 0 ... count - 1 see.
static double keysSeenFromStart(uint64_t count, uint64_t window) {
  uint64_t growing = window ? std::min(count, window) : count;
  return double(growing) * double(growing + 1) / 2 + double(count - growing) * double(window);
}

double keysSeen(const SequenceRows &rows, uint64_t window) {
  return keysSeenFromStart(rows.position + rows.count, window) - keysSeenFromStart(rows.position, window);
}

double keysRead(const SequenceRows &rows, uint64_t window) {
  if (rows.count == 0)
    return 0;
  uint64_t all = rows.position + rows.count;
  return double(window ? std::min(all, window + rows.count - 1) : all);
}

uint64_t rowsOf(const LaunchRows &rows) {
  uint64_t count = 0;
  for (const SequenceRows &sequence : rows.sequences)
    count += sequence.count;
  return count;
}

/// Number of lone rows (runtime/abi/KernelAbi.h).
static int64_t loneRowsOf(const LaunchRows &rows) {
  auto isLone = [](const SequenceRows &sequence) { return sequence.count == 1; };
  return std::ranges::find_if_not(rows.sequences, isLone) - rows.sequences.begin();
}

/// Whether an entry of the kernel is for lone rows. Then the workspaces are for them, too.
static bool isForLoneRows(const plan::Kernel &kernel) {
  return kernel.entries() && std::ranges::any_of(*kernel.entries(), [](const plan::Entry *entry) {
           return entry->grid()->rows() == plan::RowDim::lone;
         });
}

/// Bytes of `rows` rows of activations. A workspace is written and read again.
static double activationBytes(const plan::Kernel &kernel, double rows, double workspaceRows) {
  double bytes = 0;
  for (size_t i = 0; kernel.params() && i < kernel.params()->size(); ++i) {
    const plan::Param &param = *kernel.params()->Get(unsigned(i));
    if (param.kind() == plan::ParamKind::activation || param.kind() == plan::ParamKind::result)
      bytes += double(param.bytes()) * rows;
    else if (param.kind() == plan::ParamKind::workspace)
      bytes += double(param.bytes()) * 2 * workspaceRows;
  }
  return bytes;
}

Work kernelWork(const plan::Kernel &kernel, const LaunchRows &rows) {
  int64_t lone = loneRowsOf(rows);
  const int64_t dims[kNumDims] = {int64_t(rowsOf(rows)), int64_t(rows.outputs), 0, lone};
  uint64_t count = rowCount(kernel.rows(), dims);
  if (count == 0)
    return {};
  Work work;
  work.weightBytes = double(kernel.weight_bytes());
  work.activationBytes = activationBytes(kernel, double(count), double(isForLoneRows(kernel) ? uint64_t(lone) : count));
  work.operations = double(kernel.flops_per_row()) * double(count);
  if (kernel.flops_per_key() == 0)
    return work;
  uint64_t window = kernel.window();
  for (const SequenceRows &sequence : rows.sequences) {
    work.cacheBytes += double(kernel.cache_bytes_per_key()) * keysRead(sequence, window);
    work.operations += double(kernel.flops_per_key()) * keysSeen(sequence, window);
  }
  return work;
}

std::vector<LaunchRows> launchesOf(uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk, bool scored) {
  std::vector<LaunchRows> launches;
  uint64_t room = 0;
  for (uint64_t i = 0; i < sequences; ++i)
    for (uint64_t done = 0; done < tokens;) {
      if (room == 0) {
        launches.emplace_back();
        room = chunk;
      }
      uint64_t count = std::min(tokens - done, room);
      launches.back().sequences.push_back({depth + done, count});
      done += count;
      room -= count;
      launches.back().outputs += scored ? count : done == tokens;
    }
  return launches;
}

/// All programs that the runtime may choose state the same work.
const plan::Program *programFor(std::span<const plan::Program *const> programs, uint64_t rows) {
  for (const plan::Program *program : programs)
    if (program->min_rows() <= rows && rows <= program->max_rows())
      return program;
  return nullptr;
}

Work launchWork(const Model &model, const LaunchRows &rows) {
  Work work;
  const plan::Program *program = programFor(model.programs(), rowsOf(rows));
  if (!program)
    return work;
  for (const plan::Sequence *sequence : *program->sequences())
    for (const plan::Step *step : *sequence->steps()) {
      const plan::Kernel *kernel = kernelOf(model.plan(), *step);
      if (kernel)
        work += kernelWork(*kernel, rows) * sequence->repeat();
    }
  return work;
}

Work promptWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk, bool scored) {
  Work work;
  for (const LaunchRows &launch : launchesOf(sequences, depth, tokens, chunk, scored))
    work += launchWork(model, launch);
  return work;
}

Work generationWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens) {
  Work work;
  for (uint64_t i = 0; i < tokens; ++i)
    work += launchWork(model, {std::vector<SequenceRows>(sequences, {depth + i, 1}), sequences});
  return work;
}

} // namespace quipu::tool
