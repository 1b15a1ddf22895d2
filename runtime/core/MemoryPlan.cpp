//===- MemoryPlan.cpp - How much memory a model takes on a device ------------------------===//

#include "runtime/core/MemoryPlan.h"
#include "runtime/core/DataType.h"
#include "runtime/core/Error.h"

#include <algorithm>
#include <cstdio>

namespace quipu {

CacheSize::CacheSize(const plan::KvCache &shape, uint64_t maxSeq, uint64_t tokens, uint64_t alignment) {
  auto blocksFor = [&](uint64_t positions) { return (positions + shape.page() - 1) / shape.page(); };
  tableStride = uint32_t(blocksFor(maxSeq));
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

/// The largest number up to `most` that fits, where all smaller ones do too; 0: none.
template <typename Fits> uint64_t largest(uint64_t most, Fits fits) {
  uint64_t low = 0;
  while (low < most) {
    uint64_t middle = low + (most - low + 1) / 2;
    if (fits(middle))
      low = middle;
    else
      most = middle - 1;
  }
  return low;
}

} // namespace

void checkMemory(const plan::Plan &plan, const std::string &planName, ProgramList programs, uint64_t cacheTokens,
                 const Device &device) {
  std::optional<MemoryInfo> memory = device.memoryInfo();
  if (!memory)
    return;
  const plan::KvCache &shape = *plan.kv_cache();
  StepMemory step(plan, programs, /*boundOutputs=*/true);
  uint64_t weights = weightBytes(plan, device.alignment());
  uint64_t fixed = weights + step.arenaBytes + step.logitsBytes + kReserve;
  auto sizeOf = [&](uint64_t maxSeq, uint64_t tokens) { return CacheSize(shape, maxSeq, tokens, device.alignment()); };
  auto fits = [&](const CacheSize &cache) { return fixed + cache.bytes + cache.tableBytes() <= memory->free; };
  CacheSize cache = sizeOf(shape.max_seq(), cacheTokens);
  if (fits(cache))
    return;

  uint64_t page = shape.page();
  auto roomFor = [&] {
    uint64_t pages =
        largest(cacheTokens / page, [&](uint64_t pages) { return fits(sizeOf(shape.max_seq(), pages * page)); });
    return pages ? concat("there is room for ", pages * page, " tokens: ask for fewer sequences or a shorter context")
                 : std::string("there is room for no token; free memory on the GPU, or use one with more");
  };
  std::string advice;
  if (fixed >= memory->free)
    advice = concat("the weights ", weights >= memory->free ? "alone" : "with the memory that steps work in",
                    " do not fit; free memory on the GPU, or use one with more");
  else if (cacheTokens)
    advice = roomFor();
  else if (uint64_t longest =
               largest(shape.max_seq() / page, [&](uint64_t pages) { return fits(sizeOf(pages * page, 0)); }))
    advice = concat("compile with --max-seq ", longest * page, " or less",
                    shape.max_batch() > 1 ? concat(", or for fewer than ", shape.max_batch(), " sequences") : "");
  else
    advice = concat("not even one page for each of ", shape.max_batch(),
                    " sequences does; compile with a smaller --max-batch");
  std::string slots = cacheTokens ? concat(cacheTokens, " tokens")
                                  : concat("--max-seq ", shape.max_seq(), " x ", shape.max_batch(),
                                           shape.max_batch() == 1 ? " sequence" : " sequences");
  fail(planName, ": does not fit into the free memory of ", device.name(), " (", device.description(), "); ", advice,
       line("weights", weights), line("key/value cache", cache.bytes, slots),
       line("arena", step.arenaBytes + step.logitsBytes, "activations and logits"),
       line("code and tables", cache.tableBytes() + kReserve), line("needed", fixed + cache.bytes + cache.tableBytes()),
       line("free", memory->free, concat("of ", memory->total >> 30, " GiB")));
}

} // namespace quipu
