//===- MemoryPlan.cpp - How much memory a model takes on a device ------------------------===//

#include "runtime/core/MemoryPlan.h"
#include "runtime/core/DataType.h"
#include "runtime/core/Error.h"

#include <algorithm>
#include <cstdio>

namespace quipu {

CacheSize::CacheSize(const plan::KvCache &shape, uint64_t tokens, uint64_t alignment) {
  auto blocksFor = [&](uint64_t positions) { return (positions + shape.page() - 1) / shape.page(); };
  tableStride = uint32_t(blocksFor(shape.max_seq()));
  tableEntries = uint64_t(tableStride) * shape.max_batch();
  blocks = tokens ? std::min(blocksFor(tokens), tableEntries) : tableEntries;
  blockBytes = uint64_t(shape.kv_heads()) * shape.page() * shape.head_dim() * dtypeSize(shape.dtype());
  poolBytes = roundUp(blocks * blockBytes, alignment);
  bytes = 2 * shape.layers() * poolBytes;
}

StepMemory::StepMemory(const plan::Plan &plan, ProgramList programs, bool boundOutputs) : maxRows(0), arenaBytes(0) {
  // The last rows of all sequences, and of a long prompt enough to keep the device busy.
  constexpr uint32_t kOutputs = 256;
  for (const plan::Program *program : programs) {
    maxRows = std::max(maxRows, program->max_rows());
    arenaBytes = std::max(arenaBytes, program->arena_bytes());
  }
  maxOutputs = boundOutputs ? std::min(maxRows, std::max(plan.kv_cache()->max_batch(), kOutputs)) : maxRows;
  logitsBytes = uint64_t(maxOutputs) * plan.config()->vocab_size() * sizeof(float);
}

namespace {

/// What the driver takes for code, graphs and its own tables.
constexpr uint64_t kReserve = 128 << 20;

uint64_t weightBytes(const plan::Plan &plan, uint64_t alignment) {
  uint64_t total = 0;
  for (const plan::Weight *weight : *plan.weights()) {
    uint64_t bytes = dtypeSize(weight->dtype());
    for (uint64_t dim : *weight->shape())
      bytes *= dim;
    total += roundUp(bytes, alignment);
  }
  return total;
}

std::string line(const char *label, uint64_t bytes, const std::string &note = "") {
  char text[64];
  snprintf(text, sizeof(text), "\n  %-16s %9.2f GiB", label, double(bytes) / double(1 << 30));
  return text + (note.empty() ? "" : "  " + note);
}

} // namespace

void checkMemory(const plan::Plan &plan, const std::string &planName, ProgramList programs, uint64_t cacheTokens,
                 const Device &device) {
  std::optional<MemoryInfo> memory = device.memoryInfo();
  if (!memory)
    return;
  const plan::KvCache &shape = *plan.kv_cache();
  StepMemory step(plan, programs, /*boundOutputs=*/true);
  CacheSize cache(shape, cacheTokens, device.alignment());
  uint64_t weights = weightBytes(plan, device.alignment());
  uint64_t tables = cache.tableEntries * sizeof(int32_t);
  uint64_t others = weights + step.arenaBytes + step.logitsBytes + tables + kReserve;
  uint64_t needed = others + cache.bytes;
  if (needed <= memory->free)
    return;

  std::string advice = "the weights alone do not fit; free memory on the GPU, or use one with more";
  if (others < memory->free) {
    uint64_t blocks = (memory->free - others) / (2 * shape.layers() * cache.blockBytes);
    uint64_t longest = blocks / shape.max_batch() * shape.page();
    // Rounding to the alignment may cost the last block.
    if (longest > shape.page() &&
        2 * shape.layers() *
                    roundUp(longest / shape.page() * shape.max_batch() * cache.blockBytes, device.alignment()) +
                others >
            memory->free)
      longest -= shape.page();
    if (cacheTokens)
      advice = concat("a cache of ", blocks * shape.page(), " tokens fits");
    else if (longest > 0)
      advice = concat("compile with --max-seq ", longest, " or less",
                      shape.max_batch() > 1 ? concat(" (or fewer than ", shape.max_batch(), " sequences)") : "");
    else
      advice = concat("not even a short cache for ", shape.max_batch(),
                      " sequences fits; compile with a smaller "
                      "--max-batch");
  }
  std::string slots = cacheTokens ? concat(cacheTokens, " tokens")
                                  : concat("--max-seq ", shape.max_seq(), " x ", shape.max_batch(),
                                           shape.max_batch() == 1 ? " sequence" : " sequences");
  fail(planName, ": does not fit into the free memory of ", device.name(), " (", device.description(), "); ", advice,
       line("weights", weights), line("key/value cache", cache.bytes, slots),
       line("arena", step.arenaBytes + step.logitsBytes, "activations and logits"),
       line("code and tables", tables + kReserve), line("needed", needed),
       line("free", memory->free, concat("of ", memory->total >> 30, " GiB")));
}

} // namespace quipu
