//===- Work.cpp - Bytes and operations of a step -----------------------------------------===//

#include "tools/quipu/bench/Work.h"
#include "runtime/core/DataType.h"
#include "runtime/core/Device.h"

#include <algorithm>

namespace quipu::tool {

/// The program that the runtime picks for a launch of so many rows; null when none takes them.
static const plan::Program *programFor(const Model &model, uint64_t rows) {
  for (const plan::Program *program : model.programs())
    if (program->min_rows() <= rows && rows <= program->max_rows())
      return program;
  return nullptr;
}

Work stepWork(const Model &model, uint64_t rows, uint64_t outputs, uint64_t chunk, double context) {
  const plan::Plan &plan = model.plan();
  Work work;
  for (uint64_t done = 0; done < rows;) {
    uint64_t count = std::min(chunk, rows - done);
    done += count;
    // Logits come with the launch that ends the step (more of them than one only where each row is its own end).
    uint64_t outputCount = done == rows ? outputs : 0;
    const plan::Program *program = programFor(model, count);
    if (!program)
      return {};
    for (const plan::Sequence *sequence : *program->sequences())
      for (const plan::Step *step : *sequence->steps()) {
        const plan::Kernel *kernel = plan.kernels()->Get(step->kernel());
        uint64_t kernelRows = rowCount(kernel->rows(), count, outputCount);
        if (kernelRows == 0)
          continue;
        work.bytes += double(sequence->repeat()) * double(kernel->weight_bytes());
        work.operations += double(sequence->repeat()) * double(kernel->flops_per_row()) * double(kernelRows);
      }
  }
  // Attention: each row reads every position it sees, once for the whole group of query heads that shares it, and
  // multiplies and adds for scores and for values.
  const plan::KvCache *cache = plan.kv_cache();
  const plan::ModelConfig *config = plan.config();
  double layers = cache->layers();
  work.bytes +=
      double(rows) * context * 2.0 * layers * cache->kv_heads() * cache->head_dim() * double(dtypeSize(cache->dtype()));
  work.operations += double(rows) * context * 4.0 * layers * config->num_heads() * config->head_dim();
  return work;
}

} // namespace quipu::tool
