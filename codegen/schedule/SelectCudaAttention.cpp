//===- SelectCudaAttention.cpp - Schedules of attention for GPUs --------------===//
//
// Decode steps and steps of up to 64 rows spend their time on reading the cache: a block has one row, some of its heads
// and a part of the keys. Where several rows have enough blocks, keys come in tiles through shared memory, and where
// the rows alone fill the chip, a block has all keys. Larger steps of prompts spend it on arithmetic: a block has 128
// pairs of a row and a head.
//
// In a deterministic module all kernels add in one order. With tensor cores it is that of blocks of rows: tiles of as
// many keys one after the other, in parts of the positions, also where each row is by itself. Without them each row is
// by itself in every program, and its keys are one part.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Divisor.h"
#include "codegen/cuda/attention/AttentionWorkspace.h"
#include "codegen/schedule/ChosenNumber.h"
#include "codegen/schedule/RowBounds.h"
#include "codegen/schedule/SelectCuda.h"
#include "ir/Llama/Decisions.h"
#include "mlir/IR/TypeUtilities.h"

#define DEBUG_TYPE "llama-select-schedules"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

/// Pairs of a row and a head in a block of many rows.
constexpr int64_t kBlockPairs = 128;
/// Keys of a tile with wgmma.
constexpr int64_t kWgmmaKeys = 128;
/// A head of so many bytes in the cache is short: one block has too few bytes under way for a multiprocessor.
constexpr int64_t kShortHeadBytes = 128;
/// So many blocks of a row are many for one part of its keys, and so many heads of a tile are several.
constexpr int64_t kManyBlocks = 8, kSeveralHeads = 4;
/// Parts of the keys of a lone row beside prompts.
constexpr int64_t kLoneSplits = 4;
/// Keys of a part where a row has tiles of keys. In a deterministic module blocks of rows merge their sums after each,
/// so it is not short. A row has at most so many parts.
constexpr int64_t kPartKeys = 256, kMostParts = 32;
/// From more positions than this on, a row has keys for two blocks on each multiprocessor.
constexpr int64_t kLongContext = 16 * 1024;

class AttentionSelector {
public:
  AttentionSelector(KernelOp kernel, AttentionOp attention, const CudaProgram &program)
      : kernel(kernel), attention(attention), program(program), target(program.target), tuning(program.tuning),
        context(kernel.getContext()), maxRows(program.maxRows), cache(attention.getKv().getType()),
        headElements(cache.getHeadDim()), kvHeads(attention.getNumKvHeads()),
        group(static_cast<int64_t>(attention.getNumHeads()) / kvHeads) {}

  LogicalResult schedule() {
    Type query = getElementTypeOrSelf(attention.getQuery()), element = cache.getElementType();
    int64_t headBits = headElements * element.getIntOrFloatBitWidth();
    if (headBits % 128)
      return kernel.emitOpError() << "attends to heads of " << headElements << " elements of " << element
                                  << "; CUDA kernels need a multiple of 16 bytes";
    bool tensorCores = suitTensorCores(query, element) && headElements % 16 == 0 && headElements <= 256;
    bool isFew = !tensorCores || maxRows <= kOneTileRows || program.isDecode;
    bool usesWgmma = false;
    if (isFew) {
      QUIPU_CHOICE(Chosen, kernel, "rows", "each row by itself")
          << (program.isDecode          ? "rows of a decode step see other keys"
              : maxRows <= kOneTileRows ? "the program has few"
                                        : "no tensor cores for these types and heads");
    } else {
      QUIPU_CHOICE(Chosen, kernel, "rows", "blocks of rows") << "the program has up to " << maxRows << " rows";
      usesWgmma = chooseWgmma();
    }
    bool isOrdered = tuning.deterministic && tensorCores;
    bool hasTiles = isFew && tensorCores && target.hasWgmma() && program.isDecode && (fillsChip() || sharesTiles());
    dividesTiles = hasTiles && !fillsChip() && maxRows <= kFewRows;
    CudaAttentionScheduleAttr single = isOrdered || hasTiles ? tileSchedule()
                                       : isFew               ? fewSchedule(headBits / 8)
                                                             : loneSchedule();
    set(isFew ? single : (usesWgmma ? wgmmaSchedule() : mmaSchedule()).withLone(single), single);
    return success();
  }

private:
  /// `single`: the part of the schedule for rows by themselves, which may divide the keys.
  void set(CudaAttentionScheduleAttr schedule, CudaAttentionScheduleAttr single) {
    kernel.setScheduleAttr(schedule);
    SmallVector<Attribute> workspaces;
    for (Type type : cuda::attentionWorkspaces(attention, single))
      workspaces.push_back(TypeAttr::get(type));
    if (!workspaces.empty())
      kernel.setWorkspaceAttr(ArrayAttr::get(context, workspaces));
  }

  CudaAttentionScheduleAttr fewSchedule(int64_t headBytes) {
    int64_t heads = largestDivisor(group, 8);
    noteHeads(heads);
    CudaDot dot = cuda::attentionFewDot(attention, heads);
    QUIPU_CHOICE(Chosen, kernel, "dot", "dot = " + stringifyCudaDot(dot))
        << (dot == CudaDot::Mma ? "the heads of a block are an operand of mma"
                                : "tensor cores do not take these types, heads or pages");
    bool isAlone = maxRows <= kFewRows;
    int64_t warps = isAlone && dot == CudaDot::Mma ? 8 : 4, keys = isAlone || dot == CudaDot::Fma ? 64 : 256;
    keys = number("keys", tuning.keys, keys,
                  keys == 64 ? "short parts of the keys divide evenly" : "other rows hide the latency of long parts");
    int64_t blocksOfRow = kvHeads * (group / heads);
    if (tuning.deterministic) {
      QUIPU_CHOICE(Chosen, kernel, "splits", "splits = 1") << "a row has one order of sums in all programs";
      return CudaAttentionScheduleAttr::get(context, RowRegime::Few, /*tokens=*/1, heads, warps, keys, /*splits=*/1,
                                            dot);
    }
    int64_t splits = isAlone ? splitsOfLoneRow(headBytes, blocksOfRow) : splitsBesideRows(blocksOfRow);
    splits = number("splits", tuning.splits, std::clamp<int64_t>(splits, 1, 32),
                    "a row has " + Twine(blocksOfRow) + " blocks for each part of its keys, the chip " +
                        Twine(target.multiprocessors()) + " multiprocessors" +
                        (isAlone ? "" : ", of which each has up to four blocks of several rows"));
    return CudaAttentionScheduleAttr::get(context, RowRegime::Few, /*tokens=*/1, heads, warps, keys, splits, dot);
  }

  /// For rows of streams that generate, in a step that computes prompts too. There may be one such row, with a long
  /// context. A larger step has so much else to do that such a row counts less than the room for its parts.
  CudaAttentionScheduleAttr loneSchedule() {
    int64_t heads = largestDivisor(group, 8), splits = maxRows <= kMediumRows ? kLoneSplits : 1;
    QUIPU_CHOICE(Chosen, kernel, "lone", "lone rows by themselves, splits = " + Twine(splits))
        << "a tile of rows of several sequences would walk the keys of each in turn";
    CudaDot dot = cuda::attentionFewDot(attention, heads);
    return CudaAttentionScheduleAttr::get(context, RowRegime::Few, /*tokens=*/1, heads, /*warps=*/4,
                                          /*keys=*/dot == CudaDot::Fma ? 64 : 256, splits, dot);
  }

  /// Query heads of a block whose tile has the heads of one row.
  int64_t tileHeads() const { return largestDivisor(group, 16); }

  /// Blocks of a row for one part of its keys, if its heads are tiles.
  int64_t tilesOfRow() const { return kvHeads * (group / tileHeads()); }

  /// Whether a decode step has a block for each multiprocessor without parts of the keys.
  bool fillsChip() const { return program.minRows * tilesOfRow() >= target.multiprocessors(); }

  /// Whether a decode step of several rows reads tiles of keys fastest though they do not fill the chip
  /// (docs/performance.md). It was so with heads of 128 elements that share keys: of more than a few rows where half of
  /// the multiprocessors have one, of a few rows where a row has many and its parts of the keys are short.
  bool sharesTiles() const {
    if (program.minRows == 1 || headElements != 128 || tileHeads() < kSeveralHeads)
      return false;
    if (maxRows > kFewRows)
      return 2 * program.minRows * tilesOfRow() >= target.multiprocessors();
    return tilesOfRow() >= kManyBlocks && tuning.positions > 0 && tuning.positions <= kMostParts * kPartKeys;
  }

  /// For rows by themselves whose heads are a tile, which adds as blocks of rows do. The warps divide the features of
  /// the values.
  CudaAttentionScheduleAttr tileSchedule() {
    int64_t heads = tileHeads(), warps = largestDivisor(headElements / 16, 5);
    QUIPU_CHOICE(Chosen, kernel, "order", "keys of rows by themselves in tiles")
        << (tuning.deterministic ? "blocks of rows add so, and a row has one order of sums in all programs"
                                 : "they come through shared memory, which is fastest");
    return CudaAttentionScheduleAttr::get(context, RowRegime::Many, /*tokens=*/1, heads, warps, mmaKeys(), tileSplits(),
                                          CudaDot::Mma, tileStages(), partKeys());
  }

  /// Keys of a part; 0: they are not divided. Wide heads leave no registers for what was merged before.
  int64_t partKeys() const {
    if (!(tuning.deterministic || dividesTiles) || headElements > 128)
      return 0;
    return std::max<int64_t>(llvm::alignTo(llvm::divideCeil(tuning.positions, kMostParts), kPartKeys), kPartKeys);
  }

  /// Blocks of a row by itself for its parts of the keys: one for each part where few rows are to fill the chip.
  int64_t tileSplits() {
    int64_t part = partKeys();
    bool isDivided = part > 0 && maxRows <= kFewRows && tuning.positions > part;
    int64_t splits = isDivided ? llvm::divideCeil(tuning.positions, part) : 1;
    QUIPU_CHOICE(Chosen, kernel, "splits", "splits = " + Twine(splits))
        << (isDivided                           ? "few rows fill the chip with a block for each part of the keys"
            : part == 0 && tuning.deterministic ? "a row has one chain of keys in all programs"
            : maxRows > kFewRows                ? "the rows give enough blocks, and each walks all keys"
                                                : "a sequence has one part of keys");
    return splits;
  }

  /// A row by itself waits for memory, not for arithmetic, so several of its tiles are on their way.
  int64_t tileStages() {
    int64_t stages = target.hasWgmma() ? 3 : 2;
    QUIPU_CHOICE(Chosen, kernel, "stages", "stages = " + Twine(stages))
        << (stages == 2 ? "code for the target runs on GPUs with little shared memory"
                        : "two blocks share a multiprocessor");
    return stages;
  }

  /// Parts of the keys where a step has few rows. One row fills the chip in long contexts, with a block for each
  /// multiprocessor. In very long contexts of short heads it takes two. In short contexts the second would only delay
  /// the first.
  int64_t splitsOfLoneRow(int64_t headBytes, int64_t blocksOfRow) {
    bool inPairs = maxRows == 1 && headBytes <= kShortHeadBytes && tuning.positions > kLongContext;
    return (inPairs ? 2 : 1) * target.multiprocessors() / blocksOfRow;
  }

  /// Parts of the keys where a step has more rows, so that each needs fewer parts. Four blocks on a multiprocessor hide
  /// the latency of their first loads and end evenly.
  int64_t splitsBesideRows(int64_t blocksOfRow) {
    int64_t fewestRows = std::max(program.minRows, kFewRows + 1);
    int64_t fewestSplits = program.minRows <= kOneTileRows ? 2 : 1;
    return std::max(4 * target.multiprocessors() / (blocksOfRow * fewestRows), fewestSplits);
  }

  /// Whether products of blocks of rows use wgmma.
  bool chooseWgmma() {
    std::string why = whyNoWgmma();
    if (why.empty()) {
      QUIPU_CHOICE(Chosen, kernel, "products", "wgmma") << "rows, heads and pages fit its tiles";
      return true;
    }
    QUIPU_CHOICE(Refused, kernel, "products", "wgmma") << why;
    QUIPU_CHOICE(Chosen, kernel, "products", "mma") << "it takes all rows, heads and pages";
    return false;
  }

  /// Empty if wgmma can be used.
  std::string whyNoWgmma() {
    if (!target.hasWgmma())
      return "the target has none";
    if (maxRows <= kMediumRows)
      return ("the program has up to " + Twine(maxRows) + " rows, and it pays for more than " + Twine(kMediumRows))
          .str();
    if (headElements != 64 && headElements != 128)
      return ("heads have " + Twine(headElements) + " elements, and its tiles 64 or 128").str();
    int64_t page = cache.getPage();
    int64_t keys = wgmmaKeys();
    if (page % 16 != 0 || (page % keys != 0 && keys % page != 0))
      return ("pages of " + Twine(page) + " positions do not divide tiles of " + Twine(keys) + " keys").str();
    return "";
  }

  void noteHeads(int64_t heads) {
    QUIPU_CHOICE(Chosen, kernel, "heads", "heads = " + Twine(heads))
        << "so many of the " << group << " query heads of a key/value head share a block, and the keys that it reads";
  }

  int64_t number(StringRef name, int64_t option, int64_t chosen, const Twine &why) {
    return chosenNumber(kernel, program.isTuned, name, option, chosen, why);
  }

  /// A block has a multiprocessor to itself, and two groups of four warps.
  CudaAttentionScheduleAttr wgmmaSchedule() {
    int64_t powerOfTwo = group & -group, heads = std::min<int64_t>(powerOfTwo, 4);
    noteHeads(heads);
    return CudaAttentionScheduleAttr::get(context, RowRegime::Many, kBlockPairs / heads, heads, /*warps=*/8,
                                          wgmmaKeys(), /*splits=*/1, CudaDot::Wgmma, /*stages=*/2, partKeys());
  }

  /// With blocks of 128 pairs, or 64 of wide heads, keys and values come from the L2 cache at half of its rate. A warp
  /// with two tiles of 16 pairs halves what ldmatrix reads; with one tile there are as many warps in half the blocks.
  /// With parts of the keys there are registers for one tile alone.
  CudaAttentionScheduleAttr mmaSchedule() {
    int64_t heads = largestDivisor(group, 4);
    noteHeads(heads);
    bool isWide = headElements > 128;
    int64_t tokens = 16 * std::max<int64_t>((isWide ? 4 : 8) / heads, 1);
    int64_t tilesOfWarp = !isWide && maxRows > kMediumRows && partKeys() == 0 ? 2 : 1;
    return CudaAttentionScheduleAttr::get(context, RowRegime::Many, tokens, heads, heads * tokens / 16 / tilesOfWarp,
                                          mmaKeys(), /*splits=*/1, CudaDot::Mma, /*stages=*/2, partKeys());
  }
  /// Keys of a tile. A row's softmax goes by tiles, so in a deterministic module all kernels have as many.
  int64_t mmaKeys() const { return headElements > 128 ? 32 : 64; }
  int64_t wgmmaKeys() const { return tuning.deterministic ? mmaKeys() : kWgmmaKeys; }

  KernelOp kernel;
  AttentionOp attention;
  const CudaProgram &program;
  const cuda::CudaTarget &target;
  const LlamaSelectSchedulesOptions &tuning;
  MLIRContext *context;
  int64_t maxRows;
  KVLayerType cache;
  int64_t headElements;
  int64_t kvHeads;
  /// Query heads that share a key/value head.
  int64_t group;
  /// Whether few rows have tiles of keys, each part of which has a block, in any module.
  bool dividesTiles = false;
};

} // namespace

LogicalResult scheduleCudaAttention(KernelOp kernel, AttentionOp attention, const CudaProgram &program) {
  return AttentionSelector(kernel, attention, program).schedule();
}

} // namespace quipu::codegen
