//===- MemoryPlan.cpp - How much memory a model takes on a device ------------------------===//

#include "runtime/core/MemoryPlan.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/SampleRule.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/core/HostMemory.h"
#include "runtime/core/WeightRows.h"
#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <cstdio>

namespace quipu {

CacheSize::CacheSize(const plan::KvCache &shape, uint64_t maxSeq, uint32_t maxBatch, uint64_t tokens,
                     uint64_t alignment) {
  auto blocksFor = [&](uint64_t positions) { return (positions + shape.page() - 1) / shape.page(); };
  tableStride = uint32_t(blocksFor(maxSeq));
  tableEntries = uint64_t(tableStride) * maxBatch;
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
  // Every generated token may need an edit, and besides them the tokens that a request names.
  constexpr uint32_t kNamed = 1024;
  editStride = std::min({kSampleEdits, plan.config()->vocab_size(), plan.kv_cache()->max_seq() + kNamed});
  uint64_t slot = sizeof(SampleRule) + kSampleWindow * sizeof(int32_t) + uint64_t(editStride) * sizeof(TokenEdit);
  slotBytes = boundOutputs ? (uint64_t(plan.kv_cache()->max_batch()) + 1) * slot : 0;
}

DeviceMemory allocateFor(Device &device, const char *what, size_t size, MemoryUse use) {
  try {
    return device.allocate(size, use);
  } catch (const Error &error) {
    fail("no memory for ", what, ": ", error.what());
  }
}

std::string adviceOnLength(const plan::Plan &plan, uint64_t needed) {
  uint32_t most = plan.config()->max_position_embeddings();
  if (needed <= most)
    return concat("compile with --max-seq ", needed, " or more");
  if (plan.kv_cache()->max_seq() < most)
    return concat("compile with --max-seq up to ", most, ", which is as far as the model goes");
  return concat("the model itself was made for no more than ", most);
}

namespace {

/// Bytes that the driver takes for code, graphs and its own tables.
constexpr uint64_t kDeviceReserve = 128 << 20;
/// Bytes of addresses that the program and its threads take later. A thread takes a stack and addresses for a heap. If
/// there are many threads, few of them have a heap of their own.
constexpr uint64_t kAddressReserve = 64 << 20, kThreadReserve = 72 << 20;
constexpr unsigned kReserveThreads = 8;

std::string line(const char *label, uint64_t bytes, const std::string &note = "") {
  char text[64];
  snprintf(text, sizeof(text), "\n  %-16s %9.2f GiB", label, double(bytes) / double(1 << 30));
  return text + (note.empty() ? "" : "  " + note);
}

/// "80 GiB", or for less than one of these "512 MiB".
std::string wholeUnits(uint64_t bytes) {
  return bytes >> 30 ? concat(bytes >> 30, " GiB") : concat(bytes >> 20, " MiB");
}

/// The largest number up to `most` for which it fits. If a number fits, all smaller ones do. 0: no number fits.
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

/// Bytes of the weights that take memory. If the device reads files in place, only the weights that it cannot read
/// there.
uint64_t bytesOfWeights(const plan::Plan &plan, const WeightSource &source, const Device &device) {
  uint64_t total = 0;
  for (const plan::Weight *weight : *plan.weights()) {
    if (device.sharesHostMemory() && !source.seed && isUsableInPlace(*weight))
      continue;
    total += roundUp(weightBytes(*weight), device.alignment());
  }
  return total;
}

/// One bound on memory, and the parts of a model that count against it.
struct Room {
  uint64_t free, total;
  std::string where;
  /// What to do when the weights alone do not fit.
  std::string remedy;
  uint64_t weights = 0, arena = 0, reserve = 0;
  /// Weight files that are mapped.
  uint64_t files = 0;
  /// Whether the whole cache counts. If not, its first block counts.
  bool wholeCache = true;
};

class Fitting {
public:
  Fitting(const plan::Plan &plan, uint64_t cacheTokens, uint64_t alignment, const Room &room)
      : shape(*plan.kv_cache()), cacheTokens(cacheTokens), alignment(alignment), room(room),
        fixed(room.weights + room.arena + room.files + room.reserve) {}

  /// Throws Error unless the model fits.
  void require(const std::string &planName) const {
    if (fits(shape.max_seq(), shape.max_batch(), cacheTokens))
      return;
    CacheSize cache(shape, shape.max_seq(), shape.max_batch(), cacheTokens, alignment);
    std::string slots = cacheTokens ? concat(cacheTokens, " tokens")
                                    : concat("--max-seq ", shape.max_seq(), " x ", shape.max_batch(),
                                             shape.max_batch() == 1 ? " sequence" : " sequences");
    uint64_t needed = fixed + bytesOf(cache);
    fail(planName, ": does not fit into the free memory of ", room.where, "; ", advice(), line("weights", room.weights),
         room.files ? line("weight files", room.files, "mapped") : "",
         line("key/value cache", room.wholeCache ? cache.bytes : bytesOf(cache) - cache.tableBytes(),
              room.wholeCache ? slots : "the first positions"),
         line("arena", room.arena, "activations and logits"),
         line("code and tables", cache.tableBytes() + room.reserve), line("needed", needed),
         line("free", room.free, "of " + wholeUnits(room.total)));
  }

private:
  uint64_t bytesOf(const CacheSize &cache) const {
    return (room.wholeCache ? cache.bytes : cache.bytes / std::max<uint64_t>(cache.blocks, 1)) + cache.tableBytes();
  }
  bool fits(uint64_t maxSeq, uint32_t maxBatch, uint64_t tokens) const {
    return fixed + bytesOf(CacheSize(shape, maxSeq, maxBatch, tokens, alignment)) <= room.free;
  }

  std::string advice() const {
    if (fixed >= room.free)
      return concat("the weights ",
                    room.weights + room.files >= room.free ? "alone" : "with the memory that steps work in",
                    " do not fit; ", room.remedy);
    uint64_t page = shape.page();
    uint32_t batch = shape.max_batch();
    if (cacheTokens) {
      uint64_t pages =
          largest(cacheTokens / page, [&](uint64_t count) { return fits(shape.max_seq(), batch, count * page); });
      return pages ? concat("there is room for ", pages * page, " tokens: ask for fewer sequences or a shorter context")
                   : concat("there is room for no token; ", room.remedy);
    }
    uint64_t longest =
        page * largest(shape.max_seq() / page, [&](uint64_t pages) { return fits(pages * page, batch, 0); });
    uint64_t most = largest(batch, [&](uint64_t count) { return fits(shape.max_seq(), uint32_t(count), 0); });
    std::string text;
    if (longest)
      text = concat("compile with --max-seq ", longest, " or less");
    if (most)
      text += concat(longest ? ", or with --max-batch " : "compile with --max-batch ", most, " or less");
    if (!text.empty())
      return text;
    // Both must shrink.
    uint64_t one = page * largest(shape.max_seq() / page, [&](uint64_t pages) { return fits(pages * page, 1, 0); });
    return one ? concat("not even one page for each of ", batch,
                        " sequences does: compile with --max-batch 1 and --max-seq ", one, " or less")
               : concat("not even one page of the key/value cache does; ", room.remedy);
  }

  const plan::KvCache &shape;
  uint64_t cacheTokens, alignment;
  const Room &room;
  uint64_t fixed;
};

} // namespace

void checkMemory(const PlanFile &file, ProgramList programs, const ModelOptions &options, const Device &device) {
  const plan::Plan &plan = file.plan();
  bool isHost = device.sharesHostMemory();
  StepMemory step(plan, programs, /*boundOutputs=*/!isHost);
  auto require = [&](const Room &room) {
    Fitting(plan, options.cacheTokens, device.alignment(), room).require(file.path());
  };
  uint64_t weights = bytesOfWeights(plan, options.weights, device);
  if (std::optional<MemoryInfo> memory = device.memoryInfo())
    return require({memory->free, memory->total, concat(device.name(), " (", device.description(), ")"),
                    "free memory on the GPU, or use one with more", weights,
                    step.arenaBytes + step.logitsBytes + step.slotBytes, kDeviceReserve});
  if (!isHost)
    return;
  uint64_t files = 0;
  if (!options.weights.seed && !file.isBundle() && plan.files())
    for (const plan::WeightFile *each : *plan.files())
      files += each->size();
  const char *remedy = options.weights.seed
                           ? "random weights are all made in memory: use a machine with more, or a smaller model"
                           : "free memory, or use a machine with more; weights that are stored in the type of --dtype "
                             "are read from their files in place and need none";
  for (const HostBound &bound : hostBounds()) {
    Room room = {bound.free, bound.total, bound.owner, remedy, weights, step.arenaBytes};
    // Logits of all rows of a launch are seldom wanted, so little of their memory is used.
    if (bound.countsUntouched) {
      room.arena += step.logitsBytes;
      room.reserve = kAddressReserve + std::min(device.threads(), kReserveThreads) * kThreadReserve;
    }
    room.wholeCache = bound.countsUntouched;
    room.files = bound.countsFiles ? files : 0;
    require(room);
  }
}

} // namespace quipu
